/* Columns predicted from columns decoded before them, in integers only (mode `predictive`).
 *
 * x_j = r_j + clip((bias_j + sum over k < min(j, pivots) of w_jk x_k) >> shift_j), kept mod 256,
 * in stream order. Weights are int8 as stored and stand as int16 rows here, zero from min(j,
 * pivots) on, so that sums can run over whole vectors. With at most 4096 columns no sum leaves 32
 * bits.
 */
#ifndef TFC_PREDICT_H
#define TFC_PREDICT_H

#include "tfc_format.h"
#include "tfc_rans.h"

enum { TFC_MAX_PREDICTED = 4096, TFC_BLOCK = 8, TFC_MAX_SHIFT = 12, TFC_BIAS_BITS = 3 };

static inline uint32_t tfc_weight_stride(uint32_t pivots) {
  return (pivots + TFC_BLOCK - 1) / TFC_BLOCK * TFC_BLOCK;
}

/* Products of one row of weights with TFC_LANES rows of values; `count` is a multiple of 8. */
static inline void tfc_dot(const int16_t *w, const int16_t *x, size_t x_stride, uint32_t count,
                           int32_t *sums) {
  const int16_t *x0 = x, *x1 = x + x_stride, *x2 = x1 + x_stride, *x3 = x2 + x_stride;
  int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  for (uint32_t k = 0; k < count; k++) {
    s0 += (int32_t)w[k] * x0[k];
    s1 += (int32_t)w[k] * x1[k];
    s2 += (int32_t)w[k] * x2[k];
    s3 += (int32_t)w[k] * x3[k];
  }
  sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
}

static inline int32_t tfc_clip(int32_t value, int32_t limit) {
  return value < -limit ? -limit : value >= limit ? limit - 1 : value;
}

/* Turns residuals into values for TFC_LANES rows; `values` has TFC_LANES x weight_stride.
 *
 * A block of columns first sums what earlier blocks give, then goes column by column. */
static inline void tfc_unpredict(const tfc_table *table, uint8_t *const *residuals,
                                 int16_t *values, uint8_t *const *out) {
  const uint32_t columns = table->columns, stride = table->weight_stride;
  const int32_t limit = table->dtype == TFC_INT4 ? 8 : 128;
  int32_t sums[TFC_BLOCK][TFC_LANES];
  for (uint32_t block = 0; block < columns; block += TFC_BLOCK) {
    const uint32_t stop = columns - block < TFC_BLOCK ? columns : block + TFC_BLOCK;
    const uint32_t known = block < stride ? block : stride;
    for (uint32_t j = block; j < stop; j++)
      tfc_dot(table->weights + (size_t)stride * j, values, stride, known, sums[j - block]);
    for (uint32_t j = block; j < stop; j++) {
      const int16_t *w = table->weights + (size_t)stride * j;
      for (uint32_t lane = 0; lane < TFC_LANES; lane++) {
        int16_t *x = values + (size_t)stride * lane;
        int32_t sum = table->bias[j] + sums[j - block][lane];
        for (uint32_t k = block; k < j && k < stride; k++) sum += (int32_t)w[k] * x[k];
        const int32_t prediction = tfc_clip(sum >> table->shift[j], limit);
        const uint8_t value = (uint8_t)(residuals[lane][j] + prediction);
        if (j < stride) x[j] = (int8_t)value;
        out[lane][table->order[j]] = value ^ table->flip;
      }
    }
  }
}

static inline size_t tfc_predictor_workspace(uint32_t columns, uint32_t pivots) {
  return (size_t)columns * (sizeof(int32_t) + sizeof(uint16_t) + 2) +
         (size_t)columns * tfc_weight_stride(pivots) * sizeof(int16_t) + 16;
}

/* Reads the predictor: columns of the pivots, shifts, biases, weights.
 *
 * table->pivots is at most columns; `room` has tfc_predictor_workspace bytes and is aligned to 8;
 * `slots` as tfc_read_bytes. */
static inline tfc_status tfc_open_predictor(tfc_table *table, tfc_cursor *cursor, uint8_t *room,
                                            uint8_t *slots) {
  const uint32_t columns = table->columns;
  table->weight_stride = tfc_weight_stride(table->pivots);
  int32_t *bias = (int32_t *)(void *)room;
  uint16_t *order = (uint16_t *)(void *)(bias + columns);
  uint8_t *shift = (uint8_t *)(order + columns);
  uint8_t *high = shift + columns;
  int16_t *weights = (int16_t *)(void *)(high + columns);

  /* Pivots come first in the stream, the other columns follow as they stand in the table. With
   * every column a pivot, the order is the table's and none is stored. */
  memset(high, 0, columns);
  uint32_t next = 0;
  if (table->pivots < columns) {
    const uint8_t *pivots = tfc_read(cursor, 2 * (size_t)table->pivots);
    if (!pivots) return TFC_BAD_TABLES;
    for (; next < table->pivots; next++) {
      const uint16_t column = tfc_load16(pivots + 2 * next);
      if (column >= columns || high[column]) return TFC_BAD_TABLES;
      high[column] = 1;
      order[next] = column;
    }
  }
  for (uint32_t column = 0; column < columns; column++)
    if (!high[column]) order[next++] = (uint16_t)column;

  tfc_status status = tfc_read_bytes(cursor, shift, columns, slots);
  /* The weights' room holds the low bytes of the biases before the weights are there. */
  uint8_t *low = (uint8_t *)bias;
  if (status == TFC_OK) status = tfc_read_bytes(cursor, low, columns, slots);
  if (status == TFC_OK) status = tfc_read_bytes(cursor, high, columns, slots);
  if (status != TFC_OK) return status;
  for (uint32_t j = columns; j-- > 0;) {
    if (shift[j] > TFC_MAX_SHIFT) return TFC_BAD_TABLES;
    const int32_t stored = (int16_t)(low[j] | high[j] << 8);
    const int32_t half = shift[j] ? 1 << (shift[j] - 1) : 0;
    bias[j] = (stored * (1 << shift[j]) >> TFC_BIAS_BITS) + half;
  }

  /* Weights are read as bytes into the end of their room, then spread from the first row on. With
   * c columns and stride s, the bytes of rows j.. start at (c + j) s or later and row j ends at
   * 2 s (j + 1), so that no byte is overwritten before it was read. */
  const size_t stride = table->weight_stride;
  const size_t total = (size_t)columns * stride;
  uint32_t count = 0;
  for (uint32_t j = 0; j < columns; j++) count += j < table->pivots ? j : table->pivots;
  uint8_t *packed = (uint8_t *)(weights + total) - count;
  status = tfc_read_bytes(cursor, packed, count, slots);
  if (status != TFC_OK) return status;
  for (uint32_t j = 0; j < columns; j++) {
    const uint32_t own = j < table->pivots ? j : table->pivots;
    int16_t *row = weights + stride * j;
    uint32_t k = 0;
    for (; k < own; k++) row[k] = (int8_t)packed[k];
    for (; k < stride; k++) row[k] = 0;
    packed += own;
  }
  table->order = order;
  table->shift = shift;
  table->bias = bias;
  table->weights = weights;
  return TFC_OK;
}

#endif
