/* The operator `tfcompress.scores`: vectors against every row of a packed table (PACKED_OP.md). */
#ifndef TFC_SCORES_OPERATOR_H
#define TFC_SCORES_OPERATOR_H

#include "packed.h"

#define TFC_SCORES_OPERATOR "tfcompress.scores"

enum { TFC_SCORES_VERSION = 1, TFC_MOST_COLUMNS = UINT16_MAX };

/* An operator: tensors by number, its table, and what integers stand for. */
typedef struct {
  int vectors, scores;
  const tfc_packed *packed;
  tfc_row_steps row_steps;
} tfc_product;

/* The values of a constant vector of this type; NULL where the tensor is none. */
static const void *constant_values(const TfLiteTensor *tensor, int32_t type, size_t *count) {
  if (tensor->type != type || tensor->allocation_type != kTfLiteMmapRo || tensor->bytes % 4)
    return NULL;
  *count = tensor->bytes / 4;
  return tensor->data;
}

/* Takes steps, first rows of classes and shrink from the operator's constants. */
static TfLiteStatus read_row_steps(TfLiteContext *context, const TfLiteIntArray *inputs,
                                   tfc_product *product) {
  const TfLiteTensor *tensors = context->tensors;
  tfc_row_steps *const made = &product->row_steps;
  size_t steps = 0, starts = 0, shrinks = 1;
  made->steps = (const float *)constant_values(&tensors[inputs->data[2]], kTfLiteFloat32, &steps);
  made->starts = (const int32_t *)constant_values(&tensors[inputs->data[3]], kTfLiteInt32, &starts);
  const float none = 0;
  const float *shrink = &none;
  if (inputs->size > 4)
    shrink = (const float *)constant_values(&tensors[inputs->data[4]], kTfLiteFloat32, &shrinks);
  int sound = made->steps && made->starts && shrink && steps && steps == starts && shrinks == 1 &&
              steps <= INT32_MAX && made->starts[0] == 0;
  for (size_t k = 1; sound && k < steps; k++)
    sound = made->starts[k] > made->starts[k - 1] &&
            (uint64_t)made->starts[k] < product->packed->table.rows;
  if (!sound)
    return TFC_FAIL(context, product->packed->name,
                    "steps '%s' and first rows '%s' are no constants of one number for each class",
                    name_of(&tensors[inputs->data[2]]), name_of(&tensors[inputs->data[3]]));
  made->classes = (uint32_t)steps;
  made->shrink = *shrink;
  return kTfLiteOk;
}

static TfLiteStatus read_product(TfLiteContext *context, const TfLiteNode *node,
                                 const tfc_packed *packed, tfc_product *product) {
  product->vectors = node->inputs->data[0];
  product->scores = node->outputs->data[0];
  product->packed = packed;
  const TfLiteTensor *vectors = &context->tensors[product->vectors];
  const TfLiteTensor *scores = &context->tensors[product->scores];
  if (packed->table.dtype != TFC_INT8 || packed->table.rows > INT32_MAX ||
      packed->table.columns > TFC_MOST_COLUMNS)
    return TFC_FAIL(context, packed->name,
                    "scores are taken against int8 rows, at most %d of at most %d columns",
                    (int)INT32_MAX, (int)TFC_MOST_COLUMNS);
  if (vectors->type != kTfLiteFloat32 || scores->type != kTfLiteFloat32)
    return TFC_FAIL(context, packed->name, "'%s' and '%s' have types %d and %d, expected float32",
                    name_of(vectors), name_of(scores), (int)vectors->type, (int)scores->type);
  return read_row_steps(context, node->inputs, product);
}

/* Gives the scores their shape: that of the vectors, with the table's rows in place of columns. */
static TfLiteStatus prepare_product(TfLiteContext *context, const tfc_product *product) {
  const TfLiteIntArray *from = context->tensors[product->vectors].dims;
  const tfc_table *table = &product->packed->table;
  const int rank = from->size;
  if (rank < 1 || (uint32_t)from->data[rank - 1] != table->columns)
    return TFC_FAIL(context, product->packed->name,
                    "rows have %u values, which the shape of tensor '%s' does not fit",
                    (unsigned)table->columns, name_of(&context->tensors[product->vectors]));
  TfLiteIntArray *shape = (TfLiteIntArray *)malloc(sizeof *shape + sizeof(int) * (size_t)rank);
  if (!shape) return kTfLiteError;
  shape->size = rank;
  memcpy(shape->data, from->data, sizeof(int) * (size_t)rank);
  shape->data[rank - 1] = (int)table->rows;
  return context->ResizeTensor(context, &context->tensors[product->scores], shape);
}

static TfLiteStatus score(TfLiteContext *context, const tfc_product *product, void *scratch) {
  const TfLiteTensor *vectors = &context->tensors[product->vectors];
  const TfLiteTensor *scores = &context->tensors[product->scores];
  const tfc_table *table = &product->packed->table;
  const size_t width = table->columns * sizeof(float);
  const size_t count = width ? vectors->bytes / width : 0;
  if (!scores->data || !scores->bytes) return kTfLiteOk;
  if (!vectors->data || vectors->bytes != count * width ||
      scores->bytes != count * table->rows * sizeof(float))
    return TFC_FAIL(context, product->packed->name, "tensor '%s' or '%s' has the wrong size",
                    name_of(vectors), name_of(scores));
  uint64_t bad = 0;
  tfc_kept *const kept = product->packed->kept;
  tfc_status status = TFC_OK;
  if (kept) status = keep_integers(kept, table, scratch, &bad);
  if (status == TFC_OK)
    status = tfc_scores(table, &product->row_steps, kept ? kept->groups : NULL,
                        (const float *)vectors->data, count, (float *)scores->data, scratch, &bad);
  if (status == TFC_OK) return kTfLiteOk;
  return TFC_FAIL(context, product->packed->name, "row %lld is damaged, %s; take the file anew",
                  (long long)bad, tfc_message(status));
}

#endif
