/* The operator `tfcompress.lookup`: rows of a packed table (PACKED_OP.md). */
#ifndef TFC_LOOKUP_OPERATOR_H
#define TFC_LOOKUP_OPERATOR_H

#include <string.h>

#include "packed.h"

#define TFC_OPERATOR "tfcompress.lookup"

enum {
  TFC_OPERATOR_VERSION = 2, /* the newest; earlier ones are served too */
  TFC_SCALED_VERSION = 2,   /* from which on an operator may have scales */
  TFC_MAX_ROW_RANK = 6,
  TFC_IDS_AT_ONCE = 64 /* ids widened to 64 bits on the stack */
};

/* An operator: tensors by number, its table, its scales (none, one, or one per row of the table) and
 * the shape of a row. */
typedef struct {
  int ids, rows;
  int scales; /* -1 for none */
  tfc_packed *packed;
  int row_rank, row_shape[TFC_MAX_ROW_RANK];
} tfc_lookup;

/* Whether a tensor of this type can hold rows of the table as they come out. */
static int holds_rows(const tfc_table *table, int32_t type, int is_scaled) {
  if (is_scaled) return type == kTfLiteFloat32 && table->dtype <= TFC_INT4;
  switch (table->dtype) {
    case TFC_INT8: return type == kTfLiteInt8;
    case TFC_UINT8: return type == kTfLiteUInt8;
    case TFC_INT4: return type == kTfLiteInt4 && table->columns % 2 == 0;
    case TFC_FLOAT32: return type == kTfLiteFloat32;
    case TFC_FLOAT16: return type == kTfLiteFloat16 || type == kTfLiteInt16;
  }
  return 0;
}

/* Takes the shape of a row from the tensor of rows: what it has behind the dimensions of the ids. */
static TfLiteStatus shape_row(TfLiteContext *context, tfc_lookup *lookup) {
  const TfLiteTensor *ids = &context->tensors[lookup->ids];
  const TfLiteTensor *rows = &context->tensors[lookup->rows];
  const tfc_table *table = &lookup->packed->table;
  lookup->row_rank = rows->dims->size - ids->dims->size;
  uint64_t columns = 1;
  if (lookup->row_rank >= 0 && lookup->row_rank <= TFC_MAX_ROW_RANK)
    for (int k = 0; k < lookup->row_rank && columns <= TFC_MAX_COLUMNS; k++) {
      lookup->row_shape[k] = rows->dims->data[ids->dims->size + k];
      columns *= (uint64_t)(lookup->row_shape[k] < 0 ? TFC_MAX_COLUMNS + 1 : lookup->row_shape[k]);
    }
  if (lookup->row_rank < 0 || lookup->row_rank > TFC_MAX_ROW_RANK || columns != table->columns)
    return TFC_FAIL(context, lookup->packed->name,
                    "rows have %u values, which the shape of tensor '%s' does not fit",
                    (unsigned)table->columns, name_of(rows));
  if (ids->type != kTfLiteInt32 && ids->type != kTfLiteInt64)
    return TFC_FAIL(context, lookup->packed->name,
                    "ids '%s' have type %d, expected int32 or int64", name_of(ids), (int)ids->type);
  if (!holds_rows(table, rows->type, lookup->scales >= 0))
    return TFC_FAIL(context, lookup->packed->name,
                    "tensor '%s' has type %d, which rows of this table do not have", name_of(rows),
                    (int)rows->type);
  return kTfLiteOk;
}

/* Whether the scales are a constant: one float, or one for each row. */
static TfLiteStatus check_scales(TfLiteContext *context, const tfc_lookup *lookup) {
  if (lookup->scales < 0) return kTfLiteOk;
  const TfLiteTensor *scales = &context->tensors[lookup->scales];
  const uint64_t count = scales->bytes / sizeof(float);
  if (scales->type == kTfLiteFloat32 && scales->allocation_type == kTfLiteMmapRo && scales->data &&
      scales->bytes % sizeof(float) == 0 && (count == 1 || count == lookup->packed->table.rows))
    return kTfLiteOk;
  return TFC_FAIL(context, lookup->packed->name,
                  "scales '%s' are no constant of one float32 or one for each row",
                  name_of(scales));
}

static TfLiteStatus read_lookup(TfLiteContext *context, const TfLiteNode *node, tfc_packed *packed,
                                size_t kept_bytes, tfc_lookup *lookup) {
  lookup->ids = node->inputs->data[0];
  lookup->rows = node->outputs->data[0];
  lookup->scales = node->inputs->size == 3 ? node->inputs->data[2] : -1;
  lookup->packed = packed;
  open_cache(&packed->cache, &packed->table, kept_bytes);
  const TfLiteStatus status = check_scales(context, lookup);
  return status == kTfLiteOk ? shape_row(context, lookup) : status;
}

/* Gives the rows their shape: that of the ids, then that of a row. */
static TfLiteStatus prepare_lookup(TfLiteContext *context, const tfc_lookup *lookup) {
  const TfLiteIntArray *ids = context->tensors[lookup->ids].dims;
  const int rank = ids->size + lookup->row_rank;
  TfLiteIntArray *shape = (TfLiteIntArray *)malloc(sizeof *shape + sizeof(int) * (size_t)rank);
  if (!shape) return kTfLiteError;
  shape->size = rank;
  memcpy(shape->data, ids->data, sizeof(int) * (size_t)ids->size);
  memcpy(shape->data + ids->size, lookup->row_shape, sizeof(int) * (size_t)lookup->row_rank);
  return context->ResizeTensor(context, &context->tensors[lookup->rows], shape);
}

/* The decoder's scratch and, behind it, rows on their way: to their scales, or into the cache. */
static size_t scratch_of(const tfc_lookup *lookup) {
  const tfc_table *table = &lookup->packed->table;
  const int is_direct = lookup->scales < 0 && !lookup->packed->cache.places;
  return tfc_scratch_bytes(table) + (is_direct ? 0 : (size_t)TFC_AHEAD * table->row_bytes);
}

/* A row of integers times a scale: what CAST and MUL would make of it. */
static void scale_row(const tfc_table *table, const uint8_t *row, float scale, float *out) {
  const uint32_t columns = table->columns;
  if (table->dtype == TFC_UINT8)
    for (uint32_t k = 0; k < columns; k++) out[k] = (float)row[k] * scale;
  else if (table->dtype == TFC_INT8)
    for (uint32_t k = 0; k < columns; k++) out[k] = (float)(int8_t)row[k] * scale;
  else
    for (uint32_t k = 0; k < columns; k++) {
      const int nibble = row[k / 2] >> (k % 2 ? 4 : 0) & 15;
      out[k] = (float)(nibble - (nibble > 7 ? 16 : 0)) * scale;
    }
}

/* Whether scores keep all rows of the table. */
static int has_groups(const tfc_lookup *lookup) {
  return lookup->packed->kept && lookup->packed->kept->groups;
}

/* Rows that scores keep; as tfc_rows. */
static tfc_status kept_rows(const tfc_lookup *lookup, const int64_t *ids, size_t count, uint8_t *out,
                            size_t *failed) {
  const tfc_table *table = &lookup->packed->table;
  const tfc_group **const groups = lookup->packed->kept->groups;
  for (size_t k = 0; k < count; k++, out += table->row_bytes) {
    *failed = k;
    if (ids[k] < 0 || (uint64_t)ids[k] >= table->rows) return TFC_NO_SUCH_ROW;
    tfc_group_row(groups[ids[k] / TFC_TOGETHER], (uint32_t)(ids[k] % TFC_TOGETHER), table->columns,
                  out);
  }
  return TFC_OK;
}

static TfLiteStatus decode_rows(TfLiteContext *context, const tfc_lookup *lookup,
                                const int64_t *ids, size_t count, uint8_t *out, void *scratch) {
  size_t bad = 0;
  const tfc_table *table = &lookup->packed->table;
  const tfc_status status = has_groups(lookup)
                                ? kept_rows(lookup, ids, count, out, &bad)
                                : tfc_rows(table, ids, count, out, scratch, &bad);
  if (status == TFC_OK) return kTfLiteOk;
  if (status == TFC_NO_SUCH_ROW)
    return TFC_FAIL(context, lookup->packed->name, "id %lld is out of range, ids are 0 to %lld. ",
                    (long long)ids[bad], (long long)table->rows - 1);
  return TFC_FAIL(context, lookup->packed->name, "row %lld is damaged, %s; take the file anew",
                  (long long)ids[bad], tfc_message(status));
}

/* What rows are multiplied by: the scale of row `id` is values[id * step]; without values they stay
 * as they are. */
typedef struct {
  const float *values;
  int64_t step; /* 0 where all rows have one scale */
} tfc_factors;

static tfc_factors scales_of(const TfLiteContext *context, const tfc_lookup *lookup) {
  tfc_factors scales = {NULL, 0};
  if (lookup->scales < 0) return scales;
  scales.values = (const float *)context->tensors[lookup->scales].data;
  scales.step = context->tensors[lookup->scales].bytes > sizeof(float);
  return scales;
}

/* Asks the memory for the scales of ids. */
static void fetch_scales(const tfc_table *table, const tfc_factors *scales, const int64_t *ids,
                         size_t count) {
  for (size_t k = 0; scales->step && k < count; k++)
    if (ids[k] >= 0 && (uint64_t)ids[k] < table->rows)
      tfc_fetch((const uint8_t *)(const void *)&scales->values[ids[k]]);
}

/* Writes a row that was decoded to where it belongs. */
static inline void put_row(const tfc_table *table, const tfc_factors *scales, int64_t id,
                           const uint8_t *row, uint8_t *out) {
  if (scales->values)
    scale_row(table, row, scales->values[id * scales->step], (float *)(void *)out);
  else
    memcpy(out, row, table->row_bytes);
}

/* Rows times their scales, as many at a time as the decoder finds ahead. */
static TfLiteStatus scaled_rows(TfLiteContext *context, const tfc_lookup *lookup,
                                const int64_t *ids, size_t count, uint8_t *out, void *scratch) {
  const tfc_table *table = &lookup->packed->table;
  const tfc_factors scales = scales_of(context, lookup);
  uint8_t *const rows = (uint8_t *)scratch + tfc_scratch_bytes(table);
  for (size_t at = 0; at < count; at += TFC_AHEAD) {
    const size_t some = count - at < TFC_AHEAD ? count - at : (size_t)TFC_AHEAD;
    fetch_scales(table, &scales, ids + at, some);
    const TfLiteStatus status = decode_rows(context, lookup, ids + at, some, rows, scratch);
    if (status != kTfLiteOk) return status;
    for (size_t k = 0; k < some; k++, out += table->columns * sizeof(float))
      put_row(table, &scales, ids[at + k], rows + k * table->row_bytes, out);
  }
  return kTfLiteOk;
}

/* The same, or rows as they are, where the cache may have some: the others are decoded, and kept. At
 * most TFC_IDS_AT_ONCE. */
static TfLiteStatus cached_rows(TfLiteContext *context, const tfc_lookup *lookup,
                                const int64_t *ids, size_t count, size_t out_bytes, uint8_t *out,
                                void *scratch) {
  const tfc_table *table = &lookup->packed->table;
  const tfc_factors scales = scales_of(context, lookup);
  const size_t row_bytes = table->row_bytes;
  tfc_row_cache *const cache = &lookup->packed->cache;
  uint8_t *const rows = (uint8_t *)scratch + tfc_scratch_bytes(table);
  int64_t missing[TFC_IDS_AT_ONCE];
  uint8_t place[TFC_IDS_AT_ONCE];
  size_t misses = 0;
  fetch_scales(table, &scales, ids, count);
  for (size_t k = 0; k < count; k++) {
    const uint8_t *const row = cached_row(cache, ids[k], row_bytes);
    if (row) {
      put_row(table, &scales, ids[k], row, out + k * out_bytes);
    } else {
      missing[misses] = ids[k];
      place[misses++] = (uint8_t)k;
    }
  }
  for (size_t at = 0; at < misses; at += TFC_AHEAD) {
    const size_t some = misses - at < TFC_AHEAD ? misses - at : (size_t)TFC_AHEAD;
    const TfLiteStatus status = decode_rows(context, lookup, missing + at, some, rows, scratch);
    if (status != kTfLiteOk) return status;
    for (size_t k = 0; k < some; k++) {
      const uint8_t *const row = rows + k * row_bytes;
      put_row(table, &scales, missing[at + k], row, out + place[at + k] * out_bytes);
      keep_row(cache, missing[at + k], row, row_bytes);
    }
  }
  count_hits(cache, count - misses, misses);
  return kTfLiteOk;
}

/* Leaves one of ids that follow each other and are equal, as the padding of a history is; returns
 * how many are left. `place` is where each of them stands then. */
static size_t without_repeats(int64_t *ids, size_t count, uint8_t *place) {
  size_t last = 0;
  place[0] = 0;
  for (size_t k = 1; k < count; k++) {
    if (ids[k] != ids[last]) ids[++last] = ids[k];
    place[k] = (uint8_t)last;
  }
  return last + 1;
}

static TfLiteStatus look_up(TfLiteContext *context, const tfc_lookup *lookup, void *scratch) {
  const TfLiteTensor *ids = &context->tensors[lookup->ids];
  const TfLiteTensor *rows = &context->tensors[lookup->rows];
  const tfc_table *table = &lookup->packed->table;
  const int is_scaled = lookup->scales >= 0;
  const size_t row_bytes = is_scaled ? table->columns * sizeof(float) : table->row_bytes;
  const size_t width = ids->type == kTfLiteInt64 ? sizeof(int64_t) : sizeof(int32_t);
  const size_t count = ids->bytes / width;
  uint8_t *out = (uint8_t *)rows->data;
  if (!out || !count) return kTfLiteOk; /* rows that nothing reads have no memory */
  if (rows->bytes != count * row_bytes)
    return TFC_FAIL(context, lookup->packed->name, "tensor '%s' has the wrong size", name_of(rows));
  if (has_groups(lookup)) close_cache(&lookup->packed->cache); /* of no more use */
  for (size_t at = 0; at < count; at += TFC_IDS_AT_ONCE) {
    const size_t some = count - at < TFC_IDS_AT_ONCE ? count - at : (size_t)TFC_IDS_AT_ONCE;
    int64_t wanted[TFC_IDS_AT_ONCE];
    uint8_t place[TFC_IDS_AT_ONCE];
    if (width == sizeof(int64_t))
      memcpy(wanted, (const int64_t *)ids->data + at, some * width);
    else
      for (size_t k = 0; k < some; k++) wanted[k] = ((const int32_t *)ids->data)[at + k];
    uint8_t *const to = out + at * row_bytes;
    const size_t different = without_repeats(wanted, some, place);
    TfLiteStatus status;
    if (is_in_use(&lookup->packed->cache))
      status = cached_rows(context, lookup, wanted, different, row_bytes, to, scratch);
    else if (is_scaled)
      status = scaled_rows(context, lookup, wanted, different, to, scratch);
    else
      status = decode_rows(context, lookup, wanted, different, to, scratch);
    if (status != kTfLiteOk) return status;
    /* From the last on: no row is written before it has gone where it belongs. */
    for (size_t k = some; k-- > 0 && place[k] != k;)
      memcpy(to + k * row_bytes, to + place[k] * row_bytes, row_bytes);
  }
  return kTfLiteOk;
}

#endif
