/* A step of four rows in a prefix code: TFC_STEP symbols from either end of each, in eight chains of
 * look-ups that do not wait for each other.
 *
 * A look-up takes up to 12 bits and gives one symbol, so the k-th symbol goes to the k-th place
 * whatever the data are, and there is no branch to guess but for longer words. With SSE2 the entries
 * are gathered in vectors, which give lengths and symbols in few instructions; elsewhere they are
 * added up and stored one by one.
 */
#ifndef TFC_FOUR_ROWS_H
#define TFC_FOUR_ROWS_H

#include "tfc_format.h"

#if defined(__SSE2__) && defined(__x86_64__)
#include <emmintrin.h>
#endif

enum {
  TFC_STEP = 4, /* symbols from one load of 64 bits: 4 x 14 bits, and up to 7 that a load loses */
  /* The entry of a window that a longer word begins. As a length it is more than four words of 12
   * bits together: bit 6 or 7 of a sum of four lengths tells whether it is among them. */
  TFC_LONG_WORD = 63,
  TFC_LONG_SUM = 0xc0
};

/* Four rows in the course of decoding: bits low..high are left of each; the halves go to `up` and
 * `down`.
 *
 * Between loads a position moves by at most 4 x 14 bits, and low is compared with high before the
 * next loads, so that no load starts outside the payload by more than the 8 bytes on either side. */
typedef struct {
  /* Copies from the table: compilers know that no store of a symbol changes these. */
  const uint8_t *payload;
  const uint16_t *forward, *backward;
  uint32_t code_bits;
  int64_t low[4], high[4]; /* signed: in a damaged row `high` may pass the payload's start */
  uint8_t *up[4], *down[4];
} tfc_four;

/* The 64 bits from bit `at` upwards; the upper 7 or fewer are zero. */
static inline uint64_t tfc_window_up(const uint8_t *payload, int64_t at) {
  return tfc_load64(payload + (at >> 3)) >> (at & 7);
}

/* The 64 bits below bit `at`, the nearest most significant; the lower 7 or fewer are zero. */
static inline uint64_t tfc_window_down(const uint8_t *payload, int64_t at) {
  return tfc_load64(payload + (((at + 7) >> 3) - 8)) << (-at & 7);
}

#if defined(__SSE2__) && defined(__x86_64__)

/* Sums of the lengths in either half of a vector of entries. */
static inline __m128i tfc_sum_lengths(__m128i entries) {
  return _mm_sad_epu8(_mm_and_si128(entries, _mm_set1_epi16(0xff)), _mm_setzero_si128());
}

/* Stores the symbols of either half. */
static inline void tfc_put_symbols(__m128i entries, uint8_t *lower, uint8_t *upper) {
  const __m128i symbols = _mm_srli_epi16(entries, 8);
  const uint64_t both = (uint64_t)_mm_cvtsi128_si64(_mm_packus_epi16(symbols, symbols));
  const uint32_t low = (uint32_t)both, high = (uint32_t)(both >> 32);
  memcpy(lower, &low, sizeof low);
  memcpy(upper, &high, sizeof high);
}

#define TFC_UP(window, entries, k)                             \
  do {                                                         \
    const uint16_t *const entry = forward + ((window) & mask); \
    (window) >>= *entry & 63;                                  \
    (entries) = _mm_insert_epi16(entries, *entry, k);          \
  } while (0)
#define TFC_DOWN(window, entries, k)                               \
  do {                                                             \
    const uint16_t *const entry = backward + ((window) >> unused); \
    (window) <<= *entry & 63;                                      \
    (entries) = _mm_insert_epi16(entries, *entry, k);              \
  } while (0)
/* The k-th symbols: two chains to a vector, one in each half. */
#define TFC_EIGHT(k)         \
  do {                       \
    TFC_UP(w0, u01, k);      \
    TFC_DOWN(x0, d01, k);    \
    TFC_UP(w1, u01, k + 4);  \
    TFC_DOWN(x1, d01, k + 4); \
    TFC_UP(w2, u23, k);      \
    TFC_DOWN(x2, d23, k);    \
    TFC_UP(w3, u23, k + 4);  \
    TFC_DOWN(x3, d23, k + 4); \
  } while (0)

/* Decodes the symbols at..at + TFC_STEP of both halves of every row. Returns 0, nothing done,
 * where one of them is a longer word. */
static inline int tfc_step_four(tfc_four *rows, size_t at) {
  const uint8_t *const payload = rows->payload;
  const uint16_t *const forward = rows->forward, *const backward = rows->backward;
  const uint64_t mask = ((uint64_t)1 << rows->code_bits) - 1;
  const uint32_t unused = 64 - rows->code_bits;
  int64_t *const low = rows->low, *const high = rows->high;
  uint64_t w0 = tfc_window_up(payload, low[0]), w1 = tfc_window_up(payload, low[1]);
  uint64_t w2 = tfc_window_up(payload, low[2]), w3 = tfc_window_up(payload, low[3]);
  uint64_t x0 = tfc_window_down(payload, high[0]), x1 = tfc_window_down(payload, high[1]);
  uint64_t x2 = tfc_window_down(payload, high[2]), x3 = tfc_window_down(payload, high[3]);
  __m128i u01 = _mm_setzero_si128(), u23 = u01, d01 = u01, d23 = u01;
  TFC_EIGHT(0);
  TFC_EIGHT(1);
  TFC_EIGHT(2);
  TFC_EIGHT(3);
  const __m128i a = tfc_sum_lengths(u01), b = tfc_sum_lengths(u23);
  const __m128i c = tfc_sum_lengths(d01), d = tfc_sum_lengths(d23);
  const __m128i any = _mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d));
  if ((_mm_cvtsi128_si32(any) | _mm_extract_epi16(any, 4)) & TFC_LONG_SUM) return 0;
  tfc_put_symbols(u01, rows->up[0] + at, rows->up[1] + at);
  tfc_put_symbols(u23, rows->up[2] + at, rows->up[3] + at);
  tfc_put_symbols(d01, rows->down[0] + at, rows->down[1] + at);
  tfc_put_symbols(d23, rows->down[2] + at, rows->down[3] + at);
  low[0] += _mm_cvtsi128_si32(a), low[1] += _mm_extract_epi16(a, 4);
  low[2] += _mm_cvtsi128_si32(b), low[3] += _mm_extract_epi16(b, 4);
  high[0] -= _mm_cvtsi128_si32(c), high[1] -= _mm_extract_epi16(c, 4);
  high[2] -= _mm_cvtsi128_si32(d), high[3] -= _mm_extract_epi16(d, 4);
  return 1;
}

#undef TFC_UP
#undef TFC_DOWN
#undef TFC_EIGHT

#else

/* As above. What it stores before it meets a longer word is overwritten. */
static inline int tfc_step_four(tfc_four *rows, size_t at) {
  const uint16_t *const forward = rows->forward, *const backward = rows->backward;
  const uint64_t mask = ((uint64_t)1 << rows->code_bits) - 1;
  const uint32_t unused = 64 - rows->code_bits;
  uint64_t up[4], down[4];
  uint32_t up_bits[4] = {0}, down_bits[4] = {0};
  for (int row = 0; row < 4; row++) {
    up[row] = tfc_window_up(rows->payload, rows->low[row]);
    down[row] = tfc_window_down(rows->payload, rows->high[row]);
  }
  for (size_t k = 0; k < TFC_STEP; k++)
    for (int row = 0; row < 4; row++) {
      const uint32_t upper = forward[up[row] & mask], lower = backward[down[row] >> unused];
      rows->up[row][at + k] = (uint8_t)(upper >> 8);
      rows->down[row][at + k] = (uint8_t)(lower >> 8);
      up[row] >>= upper & 63;
      down[row] <<= lower & 63;
      up_bits[row] += upper & 63;
      down_bits[row] += lower & 63;
    }
  uint32_t any = 0;
  for (int row = 0; row < 4; row++) any |= up_bits[row] | down_bits[row];
  if (any & TFC_LONG_SUM) return 0;
  for (int row = 0; row < 4; row++) {
    rows->low[row] += up_bits[row];
    rows->high[row] -= down_bits[row];
  }
  return 1;
}

#endif

#endif
