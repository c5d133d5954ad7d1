/* Columns predicted from columns decoded before them, in integers only (mode `predictive`).
 *
 * x_j = r_j + clip((bias_j + sum over k < min(j, pivots) of w_jk x_k) >> shift_j), kept mod 256,
 * in stream order. Weights are int8 as stored. With at most 4096 columns no sum leaves 32 bits.
 *
 * In memory they stand as int16 in the order of use: eight values are decoded, then what they give
 * goes to the sums of all later columns. For each pair of values k, k + 1 there is a run of
 * (w_jk, w_j,k+1) over the columns j, which is what multiply-and-add instructions take.
 */
#ifndef TFC_PREDICT_H
#define TFC_PREDICT_H

#include "tfc_format.h"
#include "tfc_rans.h"

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { TFC_MAX_PREDICTED = 4096, TFC_BLOCK = 8, TFC_MAX_SHIFT = 12, TFC_BIAS_BITS = 3 };

/* Columns and pivots in memory are whole blocks. */
static inline uint32_t tfc_whole_blocks(uint32_t count) {
  return (count + TFC_BLOCK - 1) / TFC_BLOCK * TFC_BLOCK;
}

/* Where w_jk stands; `width` is the whole blocks of columns. */
static inline size_t tfc_weight_at(uint32_t width, uint32_t j, uint32_t k) {
  return ((size_t)(k / 2) * width + j) * 2 + k % 2;
}

/* Adds what a block of eight values gives to the sums of columns `from`.. (a multiple of 8).
 *
 * `pairs` are the weights of the block's first pair; `x` its values. */
static inline void tfc_spread(int32_t *sums, const int16_t *pairs, uint32_t width, uint32_t from,
                              const int16_t *x) {
  const int16_t *w0 = pairs, *w1 = w0 + 2 * (size_t)width, *w2 = w1 + 2 * (size_t)width;
  const int16_t *w3 = w2 + 2 * (size_t)width;
#if defined(__AVX2__)
  int32_t both[4];
  memcpy(both, x, sizeof both);
  const __m256i x0 = _mm256_set1_epi32(both[0]), x1 = _mm256_set1_epi32(both[1]);
  const __m256i x2 = _mm256_set1_epi32(both[2]), x3 = _mm256_set1_epi32(both[3]);
#define TFC_PART(k) _mm256_madd_epi16(_mm256_loadu_si256((const __m256i *)(w##k + 2 * j)), x##k)
  for (size_t j = from; j < width; j += 8) {
    __m256i *const at = (__m256i *)(sums + j);
    const __m256i low = _mm256_add_epi32(TFC_PART(0), TFC_PART(1));
    const __m256i high = _mm256_add_epi32(TFC_PART(2), TFC_PART(3));
    const __m256i sum = _mm256_add_epi32(low, high);
    _mm256_storeu_si256(at, _mm256_add_epi32(_mm256_loadu_si256(at), sum));
  }
#undef TFC_PART
#elif defined(__SSE2__)
  int32_t both[4];
  memcpy(both, x, sizeof both);
  const __m128i x0 = _mm_set1_epi32(both[0]), x1 = _mm_set1_epi32(both[1]);
  const __m128i x2 = _mm_set1_epi32(both[2]), x3 = _mm_set1_epi32(both[3]);
#define TFC_PART(k) _mm_madd_epi16(_mm_loadu_si128((const __m128i *)(w##k + 2 * j)), x##k)
  for (size_t j = from; j < width; j += 4) {
    __m128i *const at = (__m128i *)(sums + j);
    const __m128i low = _mm_add_epi32(TFC_PART(0), TFC_PART(1));
    const __m128i high = _mm_add_epi32(TFC_PART(2), TFC_PART(3));
    const __m128i sum = _mm_add_epi32(low, high);
    _mm_storeu_si128(at, _mm_add_epi32(_mm_loadu_si128(at), sum));
  }
#undef TFC_PART
#else
  for (size_t j = from; j < width; j++)
    sums[j] += w0[2 * j] * x[0] + w0[2 * j + 1] * x[1] + w1[2 * j] * x[2] + w1[2 * j + 1] * x[3] +
               w2[2 * j] * x[4] + w2[2 * j + 1] * x[5] + w3[2 * j] * x[6] + w3[2 * j + 1] * x[7];
#endif
}

/* Adds what one value gives to the sums of its own block; `pairs` are the weights of its pair
 * there, `odd` tells whether it is the second of the pair. */
static inline void tfc_spread_within(int32_t *sums, const int16_t *pairs, uint32_t odd, int32_t x) {
#if defined(__SSE2__)
  const __m128i both = _mm_set1_epi32(odd ? (int32_t)((uint32_t)x << 16) : x & 0xffff);
  for (int j = 0; j < TFC_BLOCK; j += 4) {
    __m128i *const at = (__m128i *)(sums + j);
    const __m128i part = _mm_madd_epi16(_mm_loadu_si128((const __m128i *)(pairs + 2 * j)), both);
    _mm_storeu_si128(at, _mm_add_epi32(_mm_loadu_si128(at), part));
  }
#else
  for (int j = 0; j < TFC_BLOCK; j++) sums[j] += pairs[2 * j + odd] * x;
#endif
}

static inline int32_t tfc_clip(int32_t value, int32_t limit) {
  return value < -limit ? -limit : value >= limit ? limit - 1 : value;
}

/* Turns residuals into values for up to TFC_LANES rows; `sums` has TFC_LANES x width.
 *
 * Lanes take turns at every column, as the columns of a row wait for each other, and at every
 * block, so that its weights are fetched once. Weights of columns up to a value's own are zero. */
static inline void tfc_unpredict(const tfc_table *table, uint8_t *const *residuals, int32_t *sums,
                                 uint8_t *const *out, uint32_t lanes) {
  const uint32_t columns = table->columns, width = tfc_whole_blocks(columns);
  const int32_t limit = table->dtype == TFC_INT4 ? 8 : 128;
  const uint8_t *const shift = table->shift;
  const uint16_t *const order = table->order;
  const uint8_t flip = table->flip;
  for (uint32_t lane = 0; lane < lanes; lane++)
    memcpy(sums + (size_t)width * lane, table->bias, sizeof *sums * columns);
  uint32_t block = 0;
  for (; block < table->pivots; block += TFC_BLOCK) {
    const uint32_t count = columns - block < TFC_BLOCK ? columns - block : (uint32_t)TFC_BLOCK;
    const int16_t *pairs = table->weights + tfc_weight_at(width, 0, block);
    int16_t x[TFC_LANES][TFC_BLOCK] = {{0}};
    for (uint32_t k = 0; k < count; k++) {
      const uint32_t j = block + k;
      const int16_t *own = pairs + tfc_weight_at(width, block, k & ~1u);
      for (uint32_t lane = 0; lane < lanes; lane++) {
        int32_t *at = sums + (size_t)width * lane + block;
        const int32_t prediction = tfc_clip(at[k] >> shift[j], limit);
        const uint8_t value = (uint8_t)(residuals[lane][j] + prediction);
        out[lane][order[j]] = value ^ flip;
        x[lane][k] = (int8_t)value;
        tfc_spread_within(at, own, k % 2, x[lane][k]);
      }
    }
    for (uint32_t lane = 0; lane < lanes; lane++)
      tfc_spread(sums + (size_t)width * lane, pairs, width, block + TFC_BLOCK, x[lane]);
  }
  for (uint32_t lane = 0; lane < lanes; lane++) {
    const int32_t *own = sums + (size_t)width * lane;
    const uint8_t *in = residuals[lane];
    uint8_t *to = out[lane];
    for (uint32_t j = block; j < columns; j++)
      to[order[j]] = (uint8_t)(in[j] + tfc_clip(own[j] >> shift[j], limit)) ^ flip;
  }
}

static inline size_t tfc_predictor_workspace(uint32_t columns, uint32_t pivots) {
  return (size_t)columns * (sizeof(int32_t) + sizeof(uint16_t) + 2) +
         (size_t)tfc_whole_blocks(columns) * tfc_whole_blocks(pivots) * sizeof(int16_t);
}

static inline uint32_t tfc_count_weights(uint32_t columns, uint32_t pivots) {
  uint32_t count = 0;
  for (uint32_t j = 0; j < columns; j++) count += j < pivots ? j : pivots;
  return count;
}

/* Reads the predictor: columns of the pivots, shifts, biases, weights.
 *
 * table->pivots is at most columns; `room` has tfc_predictor_workspace bytes and is aligned to 8;
 * `slots` as tfc_read_bytes. */
static inline tfc_status tfc_open_predictor(tfc_table *table, tfc_cursor *cursor, uint8_t *room,
                                            uint8_t *slots) {
  const uint32_t columns = table->columns;
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
  /* The biases' own room holds their low bytes first. A bias is wider than its byte and the last is
   * made first, so that none is written over a byte that is still to be read. */
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

  /* Weights are stored column by column and used pair by pair: the bytes are read one column at a
   * time, which needs the coded run to be taken apart here. */
  const uint32_t width = tfc_whole_blocks(columns);
  memset(weights, 0, (size_t)width * tfc_whole_blocks(table->pivots) * sizeof *weights);
  tfc_run run;
  status = tfc_start_run(&run, cursor, tfc_count_weights(columns, table->pivots), slots);
  for (uint32_t j = 0; status == TFC_OK && j < columns; j++)
    for (uint32_t k = 0; k < j && k < table->pivots; k++)
      weights[tfc_weight_at(width, j, k)] = (int8_t)tfc_next(&run);
  if (status == TFC_OK) status = tfc_end_run(&run);
  if (status != TFC_OK) return status;
  table->order = order;
  table->shift = shift;
  table->bias = bias;
  table->weights = weights;
  return TFC_OK;
}

#endif
