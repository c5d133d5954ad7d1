/* A runtime made of nothing but the interface that the delegate is written for: a graph of one node,
 * and what a runtime keeps about it. */
#ifndef DELEGATE_DRIVER_RUNTIME_H
#define DELEGATE_DRIVER_RUNTIME_H

#include <stdarg.h>
#include <stdio.h>

#include "codec_mutate.h"
#include "delegate/tfc_delegate.h"
#include "delegate/tflite_abi.h"

#define NAME "item_embedding"

enum { IDS, TABLE, ROWS, SCALES, VECTORS, STARTS, SHRINK, TENSORS };

#define REQUIRE(condition)                                                    \
  do {                                                                        \
    if (!(condition)) {                                                       \
      fprintf(stderr, "line %d: not " #condition " (%s)\n", __LINE__, said);  \
      exit(1);                                                                \
    }                                                                         \
  } while (0)

static char said[1024]; /* the last error reported */

static TfLiteTensor tensors[TENSORS];
static TfLiteNode node, kernel_node;
static TfLiteRegistration registration, kernel;
static TfLiteIntArray *inputs, *scaled_inputs, *scored_inputs, *outputs, *plan;
static uint8_t options[1];

static TfLiteIntArray *array(int size, const int *values) {
  TfLiteIntArray *made = malloc(sizeof *made + (size_t)size * sizeof(int));
  made->size = size;
  for (int k = 0; k < size; k++) made->data[k] = values[k];
  return made;
}

static void report(TfLiteContext *context, const char *format, ...) {
  va_list values;
  va_start(values, format);
  vsnprintf(said, sizeof said, format, values);
  va_end(values);
  (void)context;
}

static TfLiteStatus get_plan(TfLiteContext *context, TfLiteIntArray **result) {
  (void)context;
  *result = plan;
  return kTfLiteOk;
}

static TfLiteStatus get_node(TfLiteContext *context, int index, TfLiteNode **node_at,
                             TfLiteRegistration **registration_at) {
  (void)context;
  if (index != 0) return kTfLiteError;
  *node_at = &node;
  *registration_at = &registration;
  return kTfLiteOk;
}

static TfLiteStatus resize(TfLiteContext *context, TfLiteTensor *tensor, TfLiteIntArray *size) {
  size_t values = 1;
  (void)context;
  for (int k = 0; k < size->size; k++) values *= (size_t)size->data[k];
  switch (tensor->type) {
    case kTfLiteInt4: tensor->bytes = (values + 1) / 2; break;
    case kTfLiteInt16:
    case kTfLiteFloat16: tensor->bytes = 2 * values; break;
    case kTfLiteFloat32: tensor->bytes = 4 * values; break;
    default: tensor->bytes = values;
  }
  free(tensor->dims);
  free(tensor->data);
  tensor->dims = size;
  tensor->data = malloc(tensor->bytes ? tensor->bytes : 1);
  return kTfLiteOk;
}

/* A kernel that could not be made says so whatever is asked of it; keeps the error before. */
static void refuse_kernel(TfLiteContext *context) {
  char before[sizeof said];
  memcpy(before, said, sizeof said);
  REQUIRE(kernel.prepare(context, &kernel_node) == kTfLiteError && strstr(said, "not be opened"));
  said[0] = 0;
  REQUIRE(kernel.invoke(context, &kernel_node) == kTfLiteError && strstr(said, "not be opened"));
  kernel.free(context, kernel_node.user_data);
  memcpy(said, before, sizeof said);
}

static TfLiteStatus replace(TfLiteContext *context, TfLiteRegistration made,
                            const TfLiteIntArray *nodes, TfLiteDelegate *delegate) {
  TfLiteDelegateParams params = {delegate, (TfLiteIntArray *)(uintptr_t)nodes, inputs, outputs};
  kernel = made;
  if (!nodes->size) return kTfLiteOk;
  kernel_node.user_data = made.init(context, (const char *)&params, 0);
  if ((intptr_t)kernel_node.user_data != -1) return kTfLiteOk;
  refuse_kernel(context); /* as runtimes do that do not know what init gave */
  kernel_node.user_data = NULL;
  refuse_kernel(context);
  return kTfLiteError;
}

static TfLiteContext context = {TENSORS, get_plan, tensors, NULL,    resize,
                                report,  NULL,     get_node, replace};

static void set_ids(const int *ids, int count) {
  free(tensors[IDS].dims);
  free(tensors[IDS].data);
  tensors[IDS].dims = array(1, &count);
  tensors[IDS].bytes = (size_t)count * sizeof(int);
  tensors[IDS].data = malloc(tensors[IDS].bytes ? tensors[IDS].bytes : 1);
  memcpy(tensors[IDS].data, ids, tensors[IDS].bytes);
}

/* Builds the graph around a table; the kernel then stands in kernel_node. */
static TfLiteStatus open_graph(TfLiteDelegate *delegate, const blob *packed, int columns,
                               int dtype) {
  static const int types[] = {kTfLiteInt8, kTfLiteUInt8, kTfLiteInt4, kTfLiteFloat32,
                              kTfLiteFloat16};
  const int size = (int)packed->size, shape[] = {1, columns};
  tensors[IDS].type = kTfLiteInt32;
  tensors[TABLE].type = kTfLiteUInt8;
  tensors[TABLE].allocation_type = kTfLiteMmapRo;
  tensors[TABLE].data = packed->bytes;
  tensors[TABLE].bytes = packed->size;
  tensors[TABLE].name = NAME;
  free(tensors[TABLE].dims);
  tensors[TABLE].dims = array(1, &size);
  tensors[ROWS].type = types[dtype];
  tensors[ROWS].name = "rows";
  free(tensors[ROWS].dims);
  tensors[ROWS].dims = array(2, shape);
  set_ids(shape, 1);
  said[0] = 0;
  return delegate->Prepare(&context, delegate);
}

static void close_graph(void) {
  if (kernel_node.user_data) kernel.free(&context, kernel_node.user_data);
  kernel_node.user_data = NULL;
}

static TfLiteStatus run(void) {
  const TfLiteStatus status = kernel.prepare(&context, &kernel_node);
  return status == kTfLiteOk ? kernel.invoke(&context, &kernel_node) : status;
}

/* A mutant's graph: runs or is refused by name, and so again and again, to the same bytes. */
static void run_mutant(int again) {
  const TfLiteStatus status = run();
  if (status != kTfLiteOk) REQUIRE(strstr(said, NAME));
  const size_t bytes = tensors[ROWS].bytes;
  uint8_t *first = malloc(bytes + 1);
  if (status == kTfLiteOk) memcpy(first, tensors[ROWS].data, bytes);
  for (int times = 0; times < again; times++) { /* what is kept of it changes nothing */
    REQUIRE(run() == status);
    REQUIRE(status != kTfLiteOk || memcmp(first, tensors[ROWS].data, bytes) == 0);
  }
  free(first);
}

static void set_constant(int tensor, int32_t type, void *data, int count) {
  tensors[tensor].type = type;
  tensors[tensor].allocation_type = kTfLiteMmapRo;
  tensors[tensor].name = "constant";
  tensors[tensor].data = data;
  tensors[tensor].bytes = 4 * (size_t)count;
  free(tensors[tensor].dims);
  tensors[tensor].dims = array(1, &count);
}

static void set_vectors(float *values, int count, int columns) {
  const int shape[] = {count, columns};
  set_constant(VECTORS, kTfLiteFloat32, values, count * columns);
  free(tensors[VECTORS].dims);
  tensors[VECTORS].dims = array(2, shape);
}

/* Makes the node one of `tfcompress.scores`, or a lookup again. */
static void set_operator(int is_product) {
  registration.custom_name = is_product ? "tfcompress.scores" : "tfcompress.lookup";
  node.inputs = is_product ? scored_inputs : inputs;
  options[0] = 1;
}

/* Changes every byte of the rows, or changes them back. */
static void damage(const blob *packed, const tfc_table *table) {
  uint8_t *const payload = packed->bytes + (table->payload - packed->bytes);
  for (uint64_t k = 0; k < table->payload_bytes; k++) payload[k] ^= 0x5a;
}

#endif
