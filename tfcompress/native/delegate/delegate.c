/* A TensorFlow Lite delegate that serves the operators `tfcompress.lookup`, rows of a packed table,
 * and `tfcompress.scores`, vectors against all of them.
 *
 * What the operators are stands in tfcompress/tflite/PACKED_OP.md, the packed table in
 * tfcompress/codec/FORMAT.md. Plain C99 on the runtime's C structs (tflite_abi.h), linked with
 * nothing: as a library it is loaded by `load_delegate`, on a phone it is built into the app.
 *
 * A kernel takes the place of one or more operators. It opens their tables when it is made (header
 * and tables are checked against their checksums; the rows' bytes are not read), and from then on
 * allocates nothing but what the first scores keep (kept_integers.h). Every id and every row is
 * checked as it is read; rows that were read without an error may be kept for later calls
 * (row_cache.h).
 */
#include "tfc_delegate.h"

#include <stdlib.h>
#include <string.h>

#include "lookup.h"
#include "scores.h"

enum {
  TFC_REGISTERED_VERSION = 1, /* what a runtime says of every operator it does not know */
  TFC_KEPT_BYTES = 8 << 20    /* of each table, unless told */
};

typedef struct {
  int lookups, products, tables;
  tfc_lookup *lookup;
  tfc_product *product;
  tfc_packed *packed;
  void *scratch;
} tfc_kernel;

typedef struct {
  TfLiteDelegate delegate; /* first: the runtime knows this struct by it */
  int verify;              /* check the rows' bytes against their checksums when opening */
  tfc_shelf shelf;
} tfc_delegate;

/* Whether a node has tensors that are there, as many as its operator takes. */
static int has_tensors(const TfLiteContext *context, const TfLiteNode *node, int is_product,
                       int version) {
  const int given = node->inputs->size;
  int sound = node->outputs->size == 1;
  if (is_product)
    sound &= given == 4 || given == 5;
  else
    sound &= given == 2 || (given == 3 && version >= TFC_SCALED_VERSION);
  for (int k = 0; sound && k <= given; k++) {
    const int tensor = k < given ? node->inputs->data[k] : node->outputs->data[0];
    sound = tensor >= 0 && (size_t)tensor < context->tensors_size && context->tensors[tensor].dims;
  }
  return sound;
}

static TfLiteStatus read_node(TfLiteContext *context, tfc_kernel *kernel, int index,
                              tfc_delegate *delegate) {
  TfLiteNode *node;
  TfLiteRegistration *registration;
  if (context->GetNodeAndRegistration(context, index, &node, &registration) != kTfLiteOk)
    return kTfLiteError;
  const int is_product = strcmp(registration->custom_name, TFC_SCORES_OPERATOR) == 0;
  const int newest = is_product ? (int)TFC_SCORES_VERSION : (int)TFC_OPERATOR_VERSION;
  const uint8_t *options = (const uint8_t *)node->custom_initial_data;
  const int version = options && node->custom_initial_data_size > 0 ? options[0] : 0;
  if (version < 1 || version > newest || registration->version != TFC_REGISTERED_VERSION) {
    context->ReportError(context,
                         "tfcompress: %s of version %d (options %d), this delegate knows versions "
                         "up to %d: update tfcompress",
                         registration->custom_name, registration->version, version, newest);
    return kTfLiteError;
  }
  if (!has_tensors(context, node, is_product, version)) {
    context->ReportError(context, "tfcompress: node %d: %s", index,
                         is_product ? TFC_SCORES_OPERATOR
                             " takes vectors, a table, steps, first rows and perhaps shrink, and "
                             "gives scores; this one does not"
                                    : TFC_OPERATOR
                             " takes ids, a table and perhaps scales, and gives rows; this one "
                             "does not");
    return kTfLiteError;
  }
  const int tensor = node->inputs->data[1];
  tfc_packed *packed = kernel->packed; /* operators may share a table */
  while (packed < kernel->packed + kernel->tables && packed->tensor != tensor) packed++;
  if (packed == kernel->packed + kernel->tables) {
    kernel->tables++;
    if (open_table(context, packed, tensor, delegate->verify, &delegate->shelf) != kTfLiteOk)
      return kTfLiteError;
  }
  return is_product ? read_product(context, node, packed, &kernel->product[kernel->products++])
                    : read_lookup(context, node, packed, delegate->shelf.limit,
                                  &kernel->lookup[kernel->lookups++]);
}

/* What init gives for a kernel that could not be made, TfLiteKernelInitFailed(): runtimes that know it
 * stop there. Others (LiteRT 1.3) prepare, invoke and free such a kernel. */
static void *not_made(void) { return (void *)(intptr_t)-1; }

/* The kernel that init gave; NULL for none. */
static tfc_kernel *kernel_of(void *given) {
  return given == not_made() ? NULL : (tfc_kernel *)given;
}

/* The kernel of a node; NULL, and a report, for none. */
static const tfc_kernel *made_kernel(TfLiteContext *context, const TfLiteNode *node) {
  const tfc_kernel *kernel = kernel_of(node->user_data);
  if (!kernel)
    context->ReportError(context, "tfcompress: the packed tables could not be opened, as said before");
  return kernel;
}

static void free_kernel(TfLiteContext *context, void *buffer) {
  tfc_kernel *kernel = kernel_of(buffer);
  (void)context;
  if (!kernel) return;
  for (int k = 0; k < kernel->tables; k++) {
    free(kernel->packed[k].workspace);
    close_cache(&kernel->packed[k].cache);
    release_kept(kernel->packed[k].kept);
  }
  free(kernel->packed);
  free(kernel->lookup);
  free(kernel->product);
  free(kernel->scratch);
  free(kernel);
}

static void *init_kernel(TfLiteContext *context, const char *buffer, size_t length) {
  const TfLiteDelegateParams *params = (const TfLiteDelegateParams *)(const void *)buffer;
  const TfLiteIntArray *nodes = params->nodes_to_replace;
  tfc_kernel *kernel = (tfc_kernel *)calloc(1, sizeof *kernel);
  (void)length;
  if (!kernel) return not_made();
  kernel->lookup = (tfc_lookup *)calloc((size_t)nodes->size + 1, sizeof *kernel->lookup);
  kernel->product = (tfc_product *)calloc((size_t)nodes->size + 1, sizeof *kernel->product);
  kernel->packed = (tfc_packed *)calloc((size_t)nodes->size + 1, sizeof *kernel->packed);
  TfLiteStatus status =
      kernel->lookup && kernel->product && kernel->packed ? kTfLiteOk : kTfLiteError;
  for (int k = 0; status == kTfLiteOk && k < nodes->size; k++)
    status = read_node(context, kernel, nodes->data[k], (tfc_delegate *)(void *)params->delegate);
  size_t scratch = 8;
  for (int k = 0; status == kTfLiteOk && k < kernel->lookups; k++) {
    const size_t need = scratch_of(&kernel->lookup[k]);
    if (need > scratch) scratch = need;
  }
  for (int k = 0; status == kTfLiteOk && k < kernel->products; k++) {
    const size_t need = tfc_scores_scratch_bytes(&kernel->product[k].packed->table);
    if (need > scratch) scratch = need;
  }
  if (status == kTfLiteOk) kernel->scratch = malloc(scratch);
  if (kernel->scratch) return kernel;
  free_kernel(context, kernel);
  return not_made();
}

static TfLiteStatus prepare_kernel(TfLiteContext *context, TfLiteNode *node) {
  const tfc_kernel *kernel = made_kernel(context, node);
  if (!kernel) return kTfLiteError;
  for (int k = 0; k < kernel->lookups; k++)
    if (prepare_lookup(context, &kernel->lookup[k]) != kTfLiteOk) return kTfLiteError;
  for (int k = 0; k < kernel->products; k++)
    if (prepare_product(context, &kernel->product[k]) != kTfLiteOk) return kTfLiteError;
  return kTfLiteOk;
}

static TfLiteStatus invoke_kernel(TfLiteContext *context, TfLiteNode *node) {
  const tfc_kernel *kernel = made_kernel(context, node);
  if (!kernel) return kTfLiteError;
  for (int k = 0; k < kernel->lookups; k++)
    if (look_up(context, &kernel->lookup[k], kernel->scratch) != kTfLiteOk) return kTfLiteError;
  for (int k = 0; k < kernel->products; k++)
    if (score(context, &kernel->product[k], kernel->scratch) != kTfLiteOk) return kTfLiteError;
  return kTfLiteOk;
}

static int is_own(const TfLiteRegistration *registration) {
  return registration->builtin_code == kTfLiteBuiltinCustom && registration->custom_name &&
         (strcmp(registration->custom_name, TFC_OPERATOR) == 0 ||
          strcmp(registration->custom_name, TFC_SCORES_OPERATOR) == 0);
}

/* Claims every lookup and every product of a graph. */
static TfLiteStatus prepare_delegate(TfLiteContext *context, TfLiteDelegate *delegate) {
  TfLiteIntArray *plan;
  if (context->GetExecutionPlan(context, &plan) != kTfLiteOk) return kTfLiteError;
  TfLiteIntArray *own = (TfLiteIntArray *)malloc(sizeof *own + sizeof(int) * (size_t)plan->size);
  if (!own) return kTfLiteError;
  own->size = 0;
  TfLiteStatus status = kTfLiteOk;
  for (int k = 0; status == kTfLiteOk && k < plan->size; k++) {
    TfLiteNode *node;
    TfLiteRegistration *registration;
    status = context->GetNodeAndRegistration(context, plan->data[k], &node, &registration);
    if (status == kTfLiteOk && is_own(registration))
      own->data[own->size++] = plan->data[k];
  }
  TfLiteRegistration kernel;
  memset(&kernel, 0, sizeof kernel);
  kernel.init = init_kernel;
  kernel.free = free_kernel;
  kernel.prepare = prepare_kernel;
  kernel.invoke = invoke_kernel;
  kernel.custom_name = TFC_OPERATOR;
  kernel.version = TFC_REGISTERED_VERSION;
  if (status == kTfLiteOk)
    status = context->ReplaceNodeSubsetsWithDelegateKernels(context, kernel, own, delegate);
  free(own);
  return status;
}

TfLiteDelegate *TfcDelegateCreate(void) {
  tfc_delegate *made = (tfc_delegate *)calloc(1, sizeof *made);
  if (!made) return NULL;
  made->delegate.Prepare = prepare_delegate;
  made->delegate.flags = kTfLiteDelegateFlagsAllowDynamicTensors;
  made->shelf.limit = TFC_KEPT_BYTES;
  return &made->delegate;
}

void TfcDelegateDelete(TfLiteDelegate *delegate) {
  if (delegate) leave_shelf(&((tfc_delegate *)(void *)delegate)->shelf);
  free(delegate);
}

void TfcDelegateSetKeptBytes(TfLiteDelegate *delegate, size_t bytes) {
  ((tfc_delegate *)(void *)delegate)->shelf.limit = bytes;
}

/* Reads a whole number of at most nine digits, in decimal; returns whether it is one. */
static int read_number(const char *text, size_t *number) {
  const size_t digits = strlen(text);
  *number = 0;
  for (size_t k = 0; k < digits; k++) {
    if (text[k] < '0' || text[k] > '9') return 0;
    *number = 10 * *number + (size_t)(text[k] - '0');
  }
  return digits > 0 && digits < 10;
}

/* What `load_delegate` looks for in a library. Options are "verify": "1" and "kept_bytes", as
 * TfcDelegateSetKeptBytes takes them. */
TFC_EXPORT TfLiteDelegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count,
                                                         void (*report_error)(const char *)) {
  size_t verify = 0, kept_bytes = TFC_KEPT_BYTES;
  for (size_t k = 0; k < count; k++) {
    const int is_verify = strcmp(keys[k], "verify") == 0;
    const int is_known = is_verify || strcmp(keys[k], "kept_bytes") == 0;
    if (!is_known || !read_number(values[k], is_verify ? &verify : &kept_bytes) || verify > 1) {
      if (report_error)
        report_error("tfcompress: options are verify, 0 or 1, and kept_bytes, 0 to 999999999");
      return NULL;
    }
  }
  TfLiteDelegate *delegate = TfcDelegateCreate();
  if (!delegate) return NULL;
  ((tfc_delegate *)(void *)delegate)->verify = (int)verify;
  TfcDelegateSetKeptBytes(delegate, kept_bytes);
  return delegate;
}

TFC_EXPORT void tflite_plugin_destroy_delegate(TfLiteDelegate *delegate) {
  TfcDelegateDelete(delegate);
}
