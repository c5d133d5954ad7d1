/* Rows in one prefix code, read from both ends (modes `fixed` and `indexed`).
 *
 * The first half of a row is coded from the row's first bit upwards, the second half from its last
 * bit downwards: two chains of table look-ups that do not wait for each other, and four rows at a
 * time make eight (tfc_four_rows.h). A look-up takes up to 12 bits; the few words of 13 or 14 bits
 * take a second one.
 */
#ifndef TFC_PREFIX_H
#define TFC_PREFIX_H

#include "tfc_format.h"
#include "tfc_four_rows.h"

enum { TFC_MAX_CODE_BITS = 14, TFC_LOOKUP_BITS = 12 };

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

/* A word of more bits than a look-up has; `window` is the first long_bits bits, first bit most
 * significant. */
static inline uint32_t tfc_long_word(const tfc_table *table, uint32_t window) {
  return table->long_codes[window - (table->first_long << (table->long_bits - table->code_bits))];
}

/* Decodes `count` (at most TFC_STEP) symbols from bit `low` upwards; returns where they end. */
static inline int64_t tfc_step_up(const tfc_table *table, int64_t low, uint8_t *out,
                                  uint32_t count) {
  const uint32_t bits = table->code_bits, most = table->long_bits;
  uint64_t window = tfc_window_up(table->payload, low);
  for (uint32_t k = 0; k < count; k++) {
    uint32_t entry = table->forward[window & ((1u << bits) - 1)];
    if (entry == TFC_LONG_WORD)
      entry = tfc_long_word(table, tfc_reverse_bits((uint32_t)window & ((1u << most) - 1), most));
    out[k] = (uint8_t)(entry >> 8);
    window >>= entry & 63;
    low += entry & 63;
  }
  return low;
}

/* The same from bit `high` downwards. */
static inline int64_t tfc_step_down(const tfc_table *table, int64_t high, uint8_t *out,
                                    uint32_t count) {
  const uint32_t bits = table->code_bits, most = table->long_bits;
  uint64_t window = tfc_window_down(table->payload, high);
  for (uint32_t k = 0; k < count; k++) {
    uint32_t entry = table->backward[window >> (64 - bits)];
    if (entry == TFC_LONG_WORD) entry = tfc_long_word(table, (uint32_t)(window >> (64 - most)));
    out[k] = (uint8_t)(entry >> 8);
    window <<= entry & 63;
    high -= entry & 63;
  }
  return high;
}

/* Decodes a row of which bits low..high and the symbols `at`.. of both halves are left. */
static inline tfc_status tfc_finish_row(const tfc_table *table, int64_t low, int64_t high,
                                        uint8_t *out, uint32_t at) {
  const uint32_t up = table->columns / 2, down = table->columns - up;
  for (; at < down; at += TFC_STEP) {
    const uint32_t ups = at < up ? up - at : 0, downs = down - at;
    if (low > high) return TFC_BAD_ROW;
    low = tfc_step_up(table, low, out + at, ups < TFC_STEP ? ups : (uint32_t)TFC_STEP);
    high = tfc_step_down(table, high, out + up + at, downs < TFC_STEP ? downs : (uint32_t)TFC_STEP);
  }
  /* Only `indexed` rows are as long as their bits; `fixed` rows may leave some between. */
  const int short_row = table->mode == TFC_INDEXED && high - low > 7;
  return low > high || short_row ? TFC_BAD_ROW : TFC_OK;
}

/* Decodes the steps that four rows take together; returns how many symbols of a half that is. */
static inline uint32_t tfc_start_rows(const tfc_table *table, tfc_four *rows) {
  const uint32_t half = table->columns / 2;
  uint32_t at = 0;
  for (; at + TFC_STEP <= half; at += TFC_STEP) {
    int64_t crossed = 0; /* negative where a row's ends have passed each other */
    for (int k = 0; k < 4; k++) crossed |= rows->high[k] - rows->low[k];
    if (crossed < 0) return at;
    if (!tfc_step_four(rows, at))
      for (int k = 0; k < 4; k++) {
        rows->low[k] = tfc_step_up(table, rows->low[k], rows->up[k] + at, TFC_STEP);
        rows->high[k] = tfc_step_down(table, rows->high[k], rows->down[k] + at, TFC_STEP);
      }
  }
  return at;
}

/* Decodes the coded bits of up to four rows into `columns` bytes each. */
static inline tfc_status tfc_prefix_rows(const tfc_table *table, const tfc_span *spans,
                                         uint8_t *const *out, uint32_t count) {
  if (table->code_bits == 0) {
    for (uint32_t k = 0; k < count; k++) memset(out[k], table->lone_symbol, table->columns);
    return TFC_OK;
  }
  tfc_four rows;
  rows.payload = table->payload;
  rows.forward = table->forward;
  rows.backward = table->backward;
  rows.code_bits = table->code_bits;
  for (uint32_t k = 0; k < 4; k++) {
    const uint32_t row = k < count ? k : 0; /* where there are fewer, the first one fills up */
    rows.low[k] = (int64_t)spans[row].start;
    rows.high[k] = (int64_t)spans[row].end;
    rows.up[k] = out[row];
    rows.down[k] = out[row] + table->columns / 2;
  }
  const uint32_t at = count > 1 ? tfc_start_rows(table, &rows) : 0;
  for (uint32_t k = 0; k < count; k++) {
    const tfc_status status = tfc_finish_row(table, rows.low[k], rows.high[k], out[k], at);
    if (status != TFC_OK) return status;
  }
  return TFC_OK;
}

#endif
