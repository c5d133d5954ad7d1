/* What a delegate needs of TensorFlow Lite's C interface.
 *
 * No package ships the headers of TensorFlow Lite, and the library that a delegate is loaded into
 * exports nothing it would need: the interface is the layout of these structs, which runtimes keep
 * and only append to. Names are those of TensorFlow Lite (tensorflow/lite/core/c/common.h); members
 * that are not used here keep their place only. The assertions hold the layout on machines with 8
 * and with 4 bytes to a pointer.
 */
#ifndef TFC_TFLITE_ABI_H
#define TFC_TFLITE_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { kTfLiteOk = 0, kTfLiteError = 1 } TfLiteStatus;

typedef enum {
  kTfLiteFloat32 = 1,
  kTfLiteInt32 = 2,
  kTfLiteUInt8 = 3,
  kTfLiteInt64 = 4,
  kTfLiteInt16 = 7,
  kTfLiteInt8 = 9,
  kTfLiteFloat16 = 10,
  kTfLiteInt4 = 18
} TfLiteType;

enum {
  kTfLiteMmapRo = 1,                           /* allocation_type of a constant */
  kTfLiteBuiltinCustom = 32,                   /* builtin_code of a custom operator */
  kTfLiteDelegateFlagsAllowDynamicTensors = 1  /* a flag of TfLiteDelegate */
};

typedef struct TfLiteContext TfLiteContext;
typedef struct TfLiteDelegate TfLiteDelegate;

/* `size` numbers; those after the first follow it in memory. */
typedef struct TfLiteIntArray {
  int size;
  int data[1];
} TfLiteIntArray;

typedef struct TfLiteTensor {
  int32_t type;
  void *data;
  TfLiteIntArray *dims;
  float scale;
  int32_t zero_point;
  int32_t allocation_type;
  size_t bytes;
  const void *allocation;
  const char *name;
  TfLiteDelegate *delegate;
  int32_t buffer_handle;
  bool data_is_stale, is_variable;
  int32_t quantization_type;
  void *quantization;
  void *sparsity;
  const TfLiteIntArray *dims_signature;
} TfLiteTensor;

typedef struct TfLiteNode {
  TfLiteIntArray *inputs, *outputs, *intermediates, *temporaries;
  void *user_data, *builtin_data;
  const void *custom_initial_data; /* a custom operator's options */
  int custom_initial_data_size;
  TfLiteDelegate *delegate;
  bool might_have_side_effect;
} TfLiteNode;

typedef struct TfLiteRegistration {
  void *(*init)(TfLiteContext *context, const char *buffer, size_t length);
  void (*free)(TfLiteContext *context, void *buffer);
  TfLiteStatus (*prepare)(TfLiteContext *context, TfLiteNode *node);
  TfLiteStatus (*invoke)(TfLiteContext *context, TfLiteNode *node);
  const char *(*profiling_string)(const TfLiteContext *context, const TfLiteNode *node);
  int32_t builtin_code;
  const char *custom_name;
  int version;
  void *registration_external, *async_kernel;
  uint64_t inplace_operator;
} TfLiteRegistration;

/* What the `init` of a delegate's kernel gets as its buffer. */
typedef struct TfLiteDelegateParams {
  TfLiteDelegate *delegate;
  TfLiteIntArray *nodes_to_replace, *input_tensors, *output_tensors;
} TfLiteDelegateParams;

struct TfLiteDelegate {
  void *data_;
  TfLiteStatus (*Prepare)(TfLiteContext *context, TfLiteDelegate *delegate);
  void (*CopyFromBufferHandle)(void), (*CopyToBufferHandle)(void), (*FreeBufferHandle)(void);
  int64_t flags;
  void *opaque_delegate_builder;
};

/* Its start; contexts are the runtime's, and what follows is not used here. */
struct TfLiteContext {
  size_t tensors_size;
  TfLiteStatus (*GetExecutionPlan)(TfLiteContext *context, TfLiteIntArray **plan);
  TfLiteTensor *tensors;
  void *impl_;
  /* Takes `size`, which comes from malloc. */
  TfLiteStatus (*ResizeTensor)(TfLiteContext *context, TfLiteTensor *tensor, TfLiteIntArray *size);
  void (*ReportError)(TfLiteContext *context, const char *format, ...);
  void (*AddTensors)(void);
  TfLiteStatus (*GetNodeAndRegistration)(TfLiteContext *context, int index, TfLiteNode **node,
                                         TfLiteRegistration **registration);
  TfLiteStatus (*ReplaceNodeSubsetsWithDelegateKernels)(TfLiteContext *context,
                                                        TfLiteRegistration registration,
                                                        const TfLiteIntArray *nodes,
                                                        TfLiteDelegate *delegate);
};

/* Sizes and places: with pointers of 8 bytes, of 4. */
#define TFC_HOLDS(name, value, wide, narrow) \
  typedef char tfc_holds_##name[(value) == (sizeof(void *) == 8 ? (wide) : (narrow)) ? 1 : -1]
TFC_HOLDS(tensor, sizeof(TfLiteTensor), 112, 64);
TFC_HOLDS(tensor_dims, offsetof(TfLiteTensor, dims), 16, 8);
TFC_HOLDS(tensor_allocation_type, offsetof(TfLiteTensor, allocation_type), 32, 20);
TFC_HOLDS(tensor_bytes, offsetof(TfLiteTensor, bytes), 40, 24);
TFC_HOLDS(tensor_name, offsetof(TfLiteTensor, name), 56, 32);
TFC_HOLDS(tensor_signature, offsetof(TfLiteTensor, dims_signature), 104, 60);
TFC_HOLDS(node, sizeof(TfLiteNode), 80, 40);
TFC_HOLDS(node_options, offsetof(TfLiteNode, custom_initial_data), 48, 24);
TFC_HOLDS(node_delegate, offsetof(TfLiteNode, delegate), 64, 32);
TFC_HOLDS(registration, sizeof(TfLiteRegistration), 88, 48);
TFC_HOLDS(registration_builtin_code, offsetof(TfLiteRegistration, builtin_code), 40, 20);
TFC_HOLDS(registration_custom_name, offsetof(TfLiteRegistration, custom_name), 48, 24);
TFC_HOLDS(registration_version, offsetof(TfLiteRegistration, version), 56, 28);
TFC_HOLDS(params, sizeof(TfLiteDelegateParams), 32, 16);
/* A number of 8 bytes stands on a multiple of 8, on 32-bit x86 of 4. */
TFC_HOLDS(delegate, sizeof(TfLiteDelegate), 56, offsetof(TfLiteDelegate, flags) == 24 ? 40 : 32);
TFC_HOLDS(context_tensors, offsetof(TfLiteContext, tensors), 16, 8);
TFC_HOLDS(context_resize, offsetof(TfLiteContext, ResizeTensor), 32, 16);
TFC_HOLDS(context_node, offsetof(TfLiteContext, GetNodeAndRegistration), 56, 28);
TFC_HOLDS(context_replace, offsetof(TfLiteContext, ReplaceNodeSubsetsWithDelegateKernels), 64, 32);
#undef TFC_HOLDS

#ifdef __cplusplus
}
#endif

#endif
