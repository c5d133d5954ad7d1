/* What mode `rate` knows of a table: its segments of rows, and the probabilities of each context.
 *
 * Opening a table reads them once; tfc_rate.h decodes by them.
 */
#ifndef TFC_RATE_MODEL_H
#define TFC_RATE_MODEL_H

#include "tfc_format.h"
#include "tfc_rans.h"

enum {
  TFC_RATE_BITS = 14,        /* probabilities are shares of 1 << 14 */
  TFC_RATE_BUCKETS = 23,     /* magnitudes 0 to 15, then two buckets an octave, then 128 */
  TFC_RATE_SIGNS = 24,       /* from the end of a bucket's share to the part of it above zero */
  TFC_RATE_STRIDE = 48,      /* words from context to context */
  TFC_RATE_PLAIN = 16,       /* buckets from here on have bits of their own behind them */
  TFC_RATE_CONTEXTS = 128,
  TFC_RATE_ROW_CLASSES = 64,
  TFC_RATE_MAX_SHIFT = 5,    /* at most 32 rows a block */
};

/* Raw bits of a bucket, and the least magnitude in it. */
static inline uint32_t tfc_raw_bits(uint32_t bucket) {
  return bucket < TFC_RATE_PLAIN || bucket == TFC_RATE_BUCKETS - 1 ? 0 : 3 + (bucket - 16) / 2;
}

static inline uint32_t tfc_bucket_start(uint32_t bucket) {
  return bucket < TFC_RATE_PLAIN ? bucket : (2 + bucket % 2) << (3 + (bucket - 16) / 2);
}

/* Where the parts of the workspace are, each a multiple of 8 bytes. */
typedef struct {
  size_t bounds, class_bounds, offsets, live, starts, segments, columns, classes, counts, levels, signs,
      slots, end;
} tfc_rate_parts;

/* Reads what the workspace depends on. */
static inline tfc_status tfc_plan_rate(tfc_table *table, tfc_cursor *cursor,
                                       tfc_rate_parts *parts) {
  const uint8_t *head = tfc_read(cursor, 4);
  if (!head || table->rows >> 32) return TFC_BAD_TABLES;
  table->row_classes = head[0];
  table->contexts = head[1];
  table->segments = head[2];
  if (head[0] == 0 || head[0] > TFC_RATE_ROW_CLASSES || head[1] < head[0] ||
      head[1] > TFC_RATE_CONTEXTS || head[3] > 1 || (head[2] == 0) != (table->rows == 0))
    return TFC_BAD_TABLES;
  const size_t contexts = head[1], classes = head[0], segments = head[2];
  size_t at = 0;
#define TFC_PART(name, bytes) parts->name = at, at += ((size_t)(bytes) + 7) & ~(size_t)7
  TFC_PART(bounds, 2 * TFC_RATE_STRIDE * contexts);
  TFC_PART(class_bounds, 2 * classes);
  TFC_PART(offsets, 2 * (size_t)table->columns);
  TFC_PART(live, 2 * contexts);
  TFC_PART(starts, 8 * (segments + 1));
  TFC_PART(segments, 2 * segments);
  /* Only to open a table: */
  TFC_PART(columns, table->columns);
  TFC_PART(classes, classes);
  TFC_PART(counts, contexts);
  TFC_PART(levels, TFC_RATE_BUCKETS * contexts);
  TFC_PART(signs, TFC_RATE_BUCKETS * contexts);
  TFC_PART(slots, tfc_slots_bytes(TFC_RUN_BITS));
#undef TFC_PART
  parts->end = at;
  return TFC_OK;
}

/* Reads the segments: where each starts, in rows and in blocks, its class and the size of its
 * blocks. */
static inline tfc_status tfc_read_segments(tfc_table *table, tfc_cursor *cursor, uint32_t *starts,
                                           uint8_t *segments, uint8_t *slots) {
  uint64_t row = 0, block = 0;
  const uint32_t count = table->segments;
  for (uint32_t s = 0; s < count; s++) {
    starts[2 * s] = (uint32_t)row;
    uint64_t rows = 0;
    const uint8_t *byte;
    uint32_t shift = 0;
    do { /* seven bits a byte, the lowest first; the last byte is below 128 */
      byte = tfc_read(cursor, 1);
      if (!byte || shift > 28) return TFC_BAD_TABLES;
      rows |= (uint64_t)(*byte & 127) << shift;
      shift += 7;
    } while (*byte >> 7);
    row += rows;
    if (rows == 0 || row > table->rows) return TFC_BAD_TABLES;
  }
  starts[2 * count] = (uint32_t)row;
  if (row != table->rows) return TFC_BAD_TABLES;
  tfc_status status = tfc_read_bytes(cursor, segments, count, slots);
  if (status == TFC_OK) status = tfc_read_bytes(cursor, segments + count, count, slots);
  for (uint32_t s = 0; status == TFC_OK && s < count; s++) {
    const uint32_t shift = segments[count + s];
    if (shift > TFC_RATE_MAX_SHIFT || segments[s] > table->contexts - table->row_classes)
      return TFC_BAD_TABLES;
    starts[2 * s + 1] = (uint32_t)block;
    block += ((uint64_t)(starts[2 * s + 2] - starts[2 * s]) + (1u << shift) - 1) >> shift;
  }
  return status == TFC_OK && block != table->blocks ? TFC_BAD_TABLES : status;
}

/* Upper ends of the buckets' shares, and the part of each that is for values above zero: signs[k]
 * of 256 for bucket k + 1. Levels give shares of 1 << (TFC_RATE_BITS - 1), which are doubled, so
 * that either sign has some. */
static inline tfc_status tfc_fill_bounds(uint16_t *bounds, const uint8_t *levels,
                                         const uint8_t *signs, uint32_t count) {
  uint32_t shares[256], sum = 0;
  if (tfc_level_shares(levels, count, TFC_RATE_BITS - 1, shares) != TFC_OK) return TFC_BAD_TABLES;
  for (uint32_t k = 0; k < TFC_RATE_SIGNS; k++) {
    const uint32_t size = k < count ? 2 * shares[k] : 0;
    uint32_t above = k && k < count ? size * signs[k - 1] >> 8 : 0;
    if (above == 0) above = 1;
    if (above >= size) above = size - (size > 0);
    sum += size;
    bounds[k] = (uint16_t)sum;
    bounds[TFC_RATE_SIGNS + k] = (uint16_t)above;
  }
  return TFC_OK;
}

/* For rows whose classes sum to `row`: where the columns end that can be anything but zero. */
static inline uint16_t tfc_live_columns(const tfc_table *table, const uint16_t *bounds,
                                        const uint8_t *column_class, uint32_t row) {
  uint32_t live = table->columns;
  for (; live; live--) {
    const uint32_t context = row + column_class[live - 1];
    if (context < table->contexts && bounds[TFC_RATE_STRIDE * context] != 1u << TFC_RATE_BITS)
      break;
  }
  return (uint16_t)live;
}

static inline tfc_status tfc_open_rate(tfc_table *table, uint8_t *room, size_t size) {
  tfc_cursor cursor = {table->model, table->model + table->model_bytes, 0};
  tfc_rate_parts parts;
  if (table->columns > UINT16_MAX) return TFC_BAD_TABLES; /* numbers of columns are kept in 16 bits */
  tfc_status status = tfc_plan_rate(table, &cursor, &parts);
  if (status != TFC_OK) return status;
  if (size < parts.end) return TFC_NO_WORKSPACE;
  uint16_t *const bounds = (uint16_t *)(void *)(room + parts.bounds);
  uint16_t *const class_bounds = (uint16_t *)(void *)(room + parts.class_bounds);
  uint16_t *const offsets = (uint16_t *)(void *)(room + parts.offsets);
  uint16_t *const live = (uint16_t *)(void *)(room + parts.live);
  uint32_t *const starts = (uint32_t *)(void *)(room + parts.starts);
  uint8_t *const segments = room + parts.segments, *const columns = room + parts.columns;
  uint8_t *const classes = room + parts.classes, *const counts = room + parts.counts;
  uint8_t *const levels = room + parts.levels, *const signs = room + parts.signs;
  uint8_t *const slots = room + parts.slots;

  status = tfc_read_segments(table, &cursor, starts, segments, slots);
  if (status == TFC_OK) status = tfc_read_bytes(&cursor, columns, table->columns, slots);
  if (status == TFC_OK) status = tfc_read_bytes(&cursor, classes, table->row_classes, slots);
  if (status == TFC_OK) status = tfc_read_bytes(&cursor, counts, table->contexts, slots);
  if (status != TFC_OK) return status;
  uint32_t highest = 0, total = 0, signed_total = 0;
  for (uint32_t s = 0; s < table->segments; s++)
    if (segments[s] > highest) highest = segments[s];
  for (uint32_t j = 0; j < table->columns; j++) {
    if (columns[j] > table->contexts - table->row_classes - highest) return TFC_BAD_TABLES;
    offsets[j] = (uint16_t)(TFC_RATE_STRIDE * columns[j]);
  }
  for (uint32_t c = 0; c < table->contexts; c++) {
    if (counts[c] > TFC_RATE_BUCKETS) return TFC_BAD_TABLES;
    total += counts[c];
    signed_total += counts[c] ? counts[c] - 1u : 0;
  }
  status = tfc_read_bytes(&cursor, levels, total, slots);
  memset(signs, 128, signed_total);
  if (status == TFC_OK && table->model[3])
    status = tfc_read_bytes(&cursor, signs, signed_total, slots);
  const uint8_t *next = levels, *next_sign = signs;
  for (uint32_t c = 0; status == TFC_OK && c < table->contexts; c++) {
    uint8_t own[TFC_RATE_BUCKETS] = {1}; /* a context that no value uses: zeros only */
    for (uint32_t k = 0; k < counts[c]; k++) own[k] = (uint8_t)((k ? own[k - 1] : 0) + *next++);
    const uint32_t count = counts[c] ? counts[c] : 1u;
    status = tfc_fill_bounds(bounds + TFC_RATE_STRIDE * c, own, next_sign, count);
    next_sign += count - 1;
  }
  uint32_t shares[256], sum = 0;
  if (status == TFC_OK) status = tfc_level_shares(classes, table->row_classes, TFC_RATE_BITS, shares);
  if (status != TFC_OK) return status;
  for (uint32_t k = 0; k < table->row_classes; k++) class_bounds[k] = (uint16_t)(sum += shares[k]);
  if (cursor.failed || cursor.next != cursor.end) return TFC_BAD_TABLES;
  for (uint32_t c = 0; c < table->contexts; c++)
    live[c] = tfc_live_columns(table, bounds, columns, c);
  table->bounds = bounds;
  table->live_columns = live;
  table->class_bounds = class_bounds;
  table->column_offset = offsets;
  table->segment_start = starts;
  table->segment_class = segments;
  return TFC_OK;
}

#endif
