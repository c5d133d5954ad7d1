/* Rows in one prefix code, read from both ends (modes `fixed` and `indexed`).
 *
 * The first half of a row is coded from the row's first bit upwards, the second half from its last
 * bit downwards: two chains of look-ups that do not wait for each other, and four rows at a time
 * make eight. One look-up gives one symbol: so the k-th symbol always goes to the k-th place, and
 * nothing in the loop depends on the data but the rare words of 13 or 14 bits, which a look-up of 12
 * does not tell apart.
 */
#ifndef TFC_PREFIX_H
#define TFC_PREFIX_H

#include "tfc_format.h"

enum {
  TFC_MAX_CODE_BITS = 14,
  TFC_LOOKUP_BITS = 12,
  TFC_STEP = 4, /* symbols from one load of 64 bits: 4 x 14 bits and the 7 that a load may lose */
  /* Entry of a window that a longer word begins. As a length it is more than four words of 12 bits
   * together, and bit 6 or 7 of a sum of four lengths tells whether it is in there. */
  TFC_LONG_WORD = 63,
  TFC_LONG_SUM = 0xc0
};

/* A code as it is stored: two bytes for the range of symbols, then a nibble per length. */
typedef struct {
  uint8_t lengths[256];    /* by symbol + 128; 0 where there is no code word */
  uint16_t leaves[16];     /* symbols per length */
  uint32_t symbols, longest;
  uint32_t bytes;          /* what the stored code takes */
  uint8_t lone;            /* the symbol when there is only one */
} tfc_code;

/* Reads a code; anything but a complete prefix code (or a single symbol, or none) is refused. */
static inline tfc_status tfc_read_code(tfc_code *code, const uint8_t *bytes, size_t size) {
  memset(code, 0, sizeof *code);
  if (size < 2) return TFC_BAD_TABLES;
  const uint32_t first = bytes[0], last = bytes[1];
  if (first > last) { /* no symbol at all: a table without values */
    code->bytes = 2;
    return first == 1 && last == 0 ? TFC_OK : TFC_BAD_TABLES;
  }
  const uint32_t count = last - first + 1;
  code->bytes = 2 + (count + 1) / 2;
  if (code->bytes > size) return TFC_BAD_TABLES;
  for (uint32_t k = 0; k < count; k++) {
    const uint8_t length = bytes[2 + k / 2] >> 4 * (k % 2) & 15;
    if (length > TFC_MAX_CODE_BITS) return TFC_BAD_TABLES;
    code->lengths[first + k] = length;
    code->leaves[length] += 1;
    code->symbols += length > 0;
    if (length > code->longest) code->longest = length;
  }
  if (count % 2 && bytes[1 + (count + 1) / 2] >> 4) return TFC_BAD_TABLES;
  if (count == 1) {
    code->lone = (uint8_t)(first ^ 0x80);
    code->symbols = 1;
    return code->longest ? TFC_BAD_TABLES : TFC_OK;
  }
  uint32_t kraft = 0;
  for (uint32_t length = 1; length <= TFC_MAX_CODE_BITS; length++)
    kraft += (uint32_t)code->leaves[length] << (TFC_MAX_CODE_BITS - length);
  if (kraft != 1u << TFC_MAX_CODE_BITS || !code->lengths[first] || !code->lengths[last])
    return TFC_BAD_TABLES;
  return TFC_OK;
}

static inline uint32_t tfc_reverse_bits(uint32_t value, uint32_t count) {
  uint32_t result = 0;
  for (uint32_t k = 0; k < count; k++) result |= (value >> k & 1) << (count - 1 - k);
  return result;
}

static inline uint32_t tfc_lookup_bits(const tfc_code *code) {
  return code->longest < TFC_LOOKUP_BITS ? code->longest : (uint32_t)TFC_LOOKUP_BITS;
}

/* Windows of a look-up that no word fits into: the last ones, as the words are canonical. */
static inline uint32_t tfc_long_windows(const tfc_code *code) {
  uint32_t windows = 1u << tfc_lookup_bits(code);
  for (uint32_t length = 1; length <= tfc_lookup_bits(code); length++)
    windows -= (uint32_t)code->leaves[length] << (tfc_lookup_bits(code) - length);
  return windows;
}

/* Entries length | symbol << 8 for words of `shortest` to `longest` bits, by the first `longest`
 * bits of a window, first bit most significant. Canonical words in order of length, then symbol,
 * fill them from the start; returns how many. */
static inline uint32_t tfc_fill_codes(const tfc_code *code, uint8_t flip, uint32_t shortest,
                                      uint32_t longest, uint16_t *entries) {
  uint32_t next = 0;
  for (uint32_t length = shortest; length <= longest; length++)
    for (uint32_t symbol = 0; symbol < 256; symbol++)
      if (code->lengths[symbol] == length) {
        const uint16_t entry = (uint16_t)(length | (symbol ^ 0x80 ^ flip) << 8);
        for (uint32_t k = 0; k < 1u << (longest - length); k++) entries[next++] = entry;
      }
  return next;
}

/* Two tables of look-ups, and the words that are longer. */
static inline size_t tfc_prefix_workspace(const tfc_code *code) {
  const uint32_t bits = tfc_lookup_bits(code);
  const size_t longer = (size_t)tfc_long_windows(code) << (code->longest - bits);
  return sizeof(uint16_t) * (((size_t)2 << bits) + longer);
}

/* Reads the model of `fixed` and `indexed` and fills the workspace with its tables. */
static inline tfc_status tfc_open_prefix(tfc_table *table, void *workspace, size_t size) {
  tfc_code code;
  const tfc_status status = tfc_read_code(&code, table->model, table->model_bytes);
  if (status != TFC_OK) return status;
  if (code.bytes != table->model_bytes) return TFC_BAD_TABLES;
  if (code.symbols == 0 && table->rows && table->columns) return TFC_BAD_TABLES;
  table->code_bits = tfc_lookup_bits(&code);
  table->long_bits = code.longest;
  table->lone_symbol = code.lone ^ table->flip;
  if (code.longest == 0) return TFC_OK;
  if (size < tfc_prefix_workspace(&code)) return TFC_NO_WORKSPACE;
  const uint32_t bits = table->code_bits, windows = 1u << bits;
  uint16_t *const forward = (uint16_t *)workspace, *const backward = forward + windows;
  uint16_t *const longer = backward + windows;
  table->first_long = tfc_fill_codes(&code, table->flip, 1, bits, backward);
  for (uint32_t k = table->first_long; k < windows; k++) backward[k] = TFC_LONG_WORD;
  for (uint32_t k = 0; k < windows; k++) forward[tfc_reverse_bits(k, bits)] = backward[k];
  tfc_fill_codes(&code, table->flip, bits + 1, code.longest, longer);
  table->forward = forward;
  table->backward = backward;
  table->long_codes = longer;
  return TFC_OK;
}

/* The 64 bits from bit `at` upwards; the upper 7 or fewer are zero. */
static inline uint64_t tfc_window_up(const uint8_t *payload, int64_t at) {
  return tfc_load64(payload + (at >> 3)) >> (at & 7);
}

/* The 64 bits below bit `at`, the nearest most significant; the lower 7 or fewer are zero. */
static inline uint64_t tfc_window_down(const uint8_t *payload, int64_t at) {
  return tfc_load64(payload + (((at + 7) >> 3) - 8)) << (-at & 7);
}

/* A word of more bits than a look-up has; `window` is the first long_bits bits, first bit most
 * significant. */
static inline uint32_t tfc_long_word(const tfc_table *table, uint32_t window) {
  return table->long_codes[window - (table->first_long << (table->long_bits - table->code_bits))];
}

/* A row in the course of decoding: bits low..high are left.
 *
 * Between loads a position moves by at most 4 x 14 bits, and low is compared with high before the
 * next loads, so that no load starts outside the payload by more than the 8 bytes on either side. */
typedef struct {
  int64_t low, high; /* signed: in a damaged row the upper end may pass the payload's start */
  uint8_t *up, *down; /* where the halves go */
} tfc_halves;

/* Decodes `count` (at most TFC_STEP) symbols of the first half into up[at].. */
static inline void tfc_step_up(const tfc_table *table, tfc_halves *row, uint32_t at,
                               uint32_t count) {
  const uint32_t bits = table->code_bits, most = table->long_bits;
  uint64_t window = tfc_window_up(table->payload, row->low);
  for (uint32_t k = at; k < at + count; k++) {
    uint32_t entry = table->forward[window & ((1u << bits) - 1)];
    if (entry == TFC_LONG_WORD)
      entry = tfc_long_word(table, tfc_reverse_bits((uint32_t)window & ((1u << most) - 1), most));
    row->up[k] = (uint8_t)(entry >> 8);
    window >>= entry & 63;
    row->low += entry & 63;
  }
}

/* The same for the second half, from the upper end downwards. */
static inline void tfc_step_down(const tfc_table *table, tfc_halves *row, uint32_t at,
                                 uint32_t count) {
  const uint32_t bits = table->code_bits, most = table->long_bits;
  uint64_t window = tfc_window_down(table->payload, row->high);
  for (uint32_t k = at; k < at + count; k++) {
    uint32_t entry = table->backward[window >> (64 - bits)];
    if (entry == TFC_LONG_WORD) entry = tfc_long_word(table, (uint32_t)(window >> (64 - most)));
    row->down[k] = (uint8_t)(entry >> 8);
    window <<= entry & 63;
    row->high -= entry & 63;
  }
}

/* One symbol of each of four rows: a look-up by its window, the symbol, the bits it leaves. */
#define TFC_EACH(take, shift, k)                                \
  do {                                                          \
    const uint32_t e0 = take(w0), e1 = take(w1), e2 = take(w2), e3 = take(w3); \
    to0[k] = (uint8_t)(e0 >> 8), to1[k] = (uint8_t)(e1 >> 8);   \
    to2[k] = (uint8_t)(e2 >> 8), to3[k] = (uint8_t)(e3 >> 8);   \
    w0 shift (e0 & 63), w1 shift (e1 & 63);                     \
    w2 shift (e2 & 63), w3 shift (e3 & 63);                     \
    sum0 += e0, sum1 += e1, sum2 += e2, sum3 += e3;             \
  } while (0)

/* TFC_STEP symbols of the first half of four rows, taking turns. Variables of their own stay in
 * registers, which arrays would not. */
static inline void tfc_four_up(const tfc_table *table, tfc_halves *rows, uint32_t at) {
#define TFC_TAKE(window) codes[(window) & mask]
  const uint8_t *const payload = table->payload;
  const uint16_t *const codes = table->forward;
  const uint64_t mask = ((uint64_t)1 << table->code_bits) - 1;
  uint64_t w0 = tfc_window_up(payload, rows[0].low), w1 = tfc_window_up(payload, rows[1].low);
  uint64_t w2 = tfc_window_up(payload, rows[2].low), w3 = tfc_window_up(payload, rows[3].low);
  uint8_t *const to0 = rows[0].up + at, *const to1 = rows[1].up + at;
  uint8_t *const to2 = rows[2].up + at, *const to3 = rows[3].up + at;
  uint32_t sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
  TFC_EACH(TFC_TAKE, >>=, 0);
  TFC_EACH(TFC_TAKE, >>=, 1);
  TFC_EACH(TFC_TAKE, >>=, 2);
  TFC_EACH(TFC_TAKE, >>=, 3);
  if ((sum0 | sum1 | sum2 | sum3) & TFC_LONG_SUM) {
    for (uint32_t k = 0; k < TFC_LANES; k++) tfc_step_up(table, &rows[k], at, TFC_STEP);
    return;
  }
  rows[0].low += sum0 & 63, rows[1].low += sum1 & 63;
  rows[2].low += sum2 & 63, rows[3].low += sum3 & 63;
#undef TFC_TAKE
}

/* The same for the second half. */
static inline void tfc_four_down(const tfc_table *table, tfc_halves *rows, uint32_t at) {
#define TFC_TAKE(window) codes[(window) >> unused]
  const uint8_t *const payload = table->payload;
  const uint16_t *const codes = table->backward;
  const uint32_t unused = 64 - table->code_bits;
  uint64_t w0 = tfc_window_down(payload, rows[0].high), w1 = tfc_window_down(payload, rows[1].high);
  uint64_t w2 = tfc_window_down(payload, rows[2].high), w3 = tfc_window_down(payload, rows[3].high);
  uint8_t *const to0 = rows[0].down + at, *const to1 = rows[1].down + at;
  uint8_t *const to2 = rows[2].down + at, *const to3 = rows[3].down + at;
  uint32_t sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
  TFC_EACH(TFC_TAKE, <<=, 0);
  TFC_EACH(TFC_TAKE, <<=, 1);
  TFC_EACH(TFC_TAKE, <<=, 2);
  TFC_EACH(TFC_TAKE, <<=, 3);
  if ((sum0 | sum1 | sum2 | sum3) & TFC_LONG_SUM) {
    for (uint32_t k = 0; k < TFC_LANES; k++) tfc_step_down(table, &rows[k], at, TFC_STEP);
    return;
  }
  rows[0].high -= sum0 & 63, rows[1].high -= sum1 & 63;
  rows[2].high -= sum2 & 63, rows[3].high -= sum3 & 63;
#undef TFC_TAKE
}

#undef TFC_EACH

/* Decodes a row from its symbols `at` of both halves on. */
static inline tfc_status tfc_finish_row(const tfc_table *table, tfc_halves row, uint32_t at) {
  const uint32_t up = table->columns / 2, down = table->columns - up;
  for (; at < down; at += TFC_STEP) {
    if (row.low > row.high) return TFC_BAD_ROW;
    if (at < up) tfc_step_up(table, &row, at, up - at < TFC_STEP ? up - at : (uint32_t)TFC_STEP);
    tfc_step_down(table, &row, at, down - at < TFC_STEP ? down - at : (uint32_t)TFC_STEP);
  }
  /* Only `indexed` rows are as long as their bits; `fixed` rows may leave some between. */
  const int short_row = table->mode == TFC_INDEXED && row.high - row.low > 7;
  return row.low > row.high || short_row ? TFC_BAD_ROW : TFC_OK;
}

/* Decodes the coded bits of up to TFC_LANES rows into `columns` bytes each. */
static inline tfc_status tfc_prefix_rows(const tfc_table *table, const tfc_span *spans,
                                         uint8_t *const *out, uint32_t count) {
  const uint32_t half = table->columns / 2;
  if (table->code_bits == 0) {
    for (uint32_t k = 0; k < count; k++) memset(out[k], table->lone_symbol, table->columns);
    return TFC_OK;
  }
  tfc_halves rows[TFC_LANES];
  for (uint32_t k = 0; k < TFC_LANES; k++) {
    /* Where there are fewer rows, the first one fills up. */
    const uint32_t row = k < count ? k : 0;
    rows[k].low = (int64_t)spans[row].start;
    rows[k].high = (int64_t)spans[row].end;
    rows[k].up = out[row];
    rows[k].down = out[row] + half;
  }
  uint32_t at = 0;
  for (; count > 1 && at + TFC_STEP <= half; at += TFC_STEP) {
    if (((rows[0].high - rows[0].low) | (rows[1].high - rows[1].low) |
         (rows[2].high - rows[2].low) | (rows[3].high - rows[3].low)) < 0)
      return TFC_BAD_ROW;
    tfc_four_up(table, rows, at);
    tfc_four_down(table, rows, at);
  }
  for (uint32_t k = 0; k < count; k++) {
    const tfc_status status = tfc_finish_row(table, rows[k], at);
    if (status != TFC_OK) return status;
  }
  return TFC_OK;
}

#endif
