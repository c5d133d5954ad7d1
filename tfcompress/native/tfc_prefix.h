/* Rows in one prefix code, read from both ends (modes `fixed` and `indexed`).
 *
 * The first half of a row is coded from the row's first bit upwards, the second half from its last
 * bit downwards: two chains of table look-ups that do not wait for each other, and two rows at a
 * time make four. A look-up takes up to 12 bits and gives one or two symbols; the few words of 13
 * or 14 bits take a second look-up.
 */
#ifndef TFC_PREFIX_H
#define TFC_PREFIX_H

#include "tfc_format.h"

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

/* Fills a table of symbol | length << 8 by the first bits of a window, first bit most significant;
 * 0 where the word is longer than the look-up.
 *
 * Canonical words in order of length, then symbol, fill such a table from its start to its end. */
static inline void tfc_fill_codes(const tfc_code *code, uint8_t flip, uint16_t *entries) {
  const uint32_t bits = tfc_lookup_bits(code);
  uint32_t next = 0;
  for (uint32_t length = 1; length <= bits; length++)
    for (uint32_t symbol = 0; symbol < 256; symbol++)
      if (code->lengths[symbol] == length) {
        const uint32_t span = 1u << (bits - length);
        const uint16_t entry = (uint16_t)((symbol ^ 0x80 ^ flip) | length << 8);
        for (uint32_t k = 0; k < span; k++) entries[next + k] = entry;
        next += span;
      }
  for (; next < 1u << bits; next++) entries[next] = 0;
}

/* Look-ups that begin a longer word: the last windows, as the words are canonical. */
static inline uint32_t tfc_long_windows(const tfc_code *code) {
  uint32_t windows = 1u << tfc_lookup_bits(code);
  for (uint32_t length = 1; length <= tfc_lookup_bits(code); length++)
    windows -= (uint32_t)code->leaves[length] << (tfc_lookup_bits(code) - length);
  return windows;
}

/* Entries of one or two symbols: first | second << 8 | bits << 16 | bits of the first << 20 |
 * number of symbols << 24. A number of 0 means: the entry is the place of the second look-up. */
static inline void tfc_pair_codes(const uint16_t *single, uint32_t bits, uint32_t long_windows,
                                  uint32_t extra_bits, uint32_t *forward, uint32_t *backward) {
  const uint32_t first_long = (1u << bits) - long_windows;
  for (uint32_t window = 0; window < 1u << bits; window++) {
    const uint32_t first = single[window], used = first >> 8;
    const uint32_t second = single[window << used & ((1u << bits) - 1)];
    const uint32_t both = used + (second >> 8);
    uint32_t entry = (first & 255) | used << 20;
    if (!used)
      entry = (window - first_long) << extra_bits;
    else if (second >> 8 && both <= bits)
      entry |= (second & 255) << 8 | both << 16 | 2u << 24;
    else
      entry |= used << 16 | 1u << 24;
    backward[window] = entry;
    forward[tfc_reverse_bits(window, bits)] = entry;
  }
}

/* Second look-ups: the words longer than TFC_LOOKUP_BITS by their last `extra_bits` bits. */
static inline void tfc_long_codes(const tfc_code *code, uint8_t flip, uint32_t extra_bits,
                                  uint32_t *forward, uint32_t *backward) {
  uint32_t next = 0;
  for (uint32_t length = TFC_LOOKUP_BITS + 1; length <= code->longest; length++)
    for (uint32_t symbol = 0; symbol < 256; symbol++)
      if (code->lengths[symbol] == length) {
        const uint32_t entry = (symbol ^ 0x80 ^ flip) | length << 16 | length << 20 | 1u << 24;
        for (uint32_t k = 0; k < 1u << (code->longest - length); k++, next++) {
          const uint32_t window = next >> extra_bits << extra_bits;
          backward[next] = entry;
          forward[window + tfc_reverse_bits(next - window, extra_bits)] = entry;
        }
      }
}

static inline size_t tfc_prefix_workspace(const tfc_code *code) {
  const uint32_t bits = tfc_lookup_bits(code), extra = code->longest - bits;
  return ((2 * sizeof(uint32_t) + sizeof(uint16_t)) << bits) +
         (2 * sizeof(uint32_t) * tfc_long_windows(code) << extra);
}

/* Reads the model of `fixed` and `indexed` and fills the workspace with its tables. */
static inline tfc_status tfc_open_prefix(tfc_table *table, void *workspace, size_t size) {
  tfc_code code;
  const tfc_status status = tfc_read_code(&code, table->model, table->model_bytes);
  if (status != TFC_OK) return status;
  if (code.bytes != table->model_bytes) return TFC_BAD_TABLES;
  if (code.symbols == 0 && table->rows && table->columns) return TFC_BAD_TABLES;
  table->code_bits = tfc_lookup_bits(&code);
  table->extra_bits = code.longest - table->code_bits;
  table->lone_symbol = code.lone ^ table->flip;
  if (code.longest == 0) return TFC_OK;
  if (size < tfc_prefix_workspace(&code)) return TFC_NO_WORKSPACE;
  const size_t entries = (size_t)1 << table->code_bits;
  const uint32_t long_windows = tfc_long_windows(&code);
  uint32_t *const forward = (uint32_t *)workspace, *const backward = forward + entries;
  uint32_t *const long_forward = backward + entries;
  uint32_t *const long_backward = long_forward + ((size_t)long_windows << table->extra_bits);
  uint16_t *const single =
      (uint16_t *)(long_backward + ((size_t)long_windows << table->extra_bits));
  tfc_fill_codes(&code, table->flip, single);
  tfc_pair_codes(single, table->code_bits, long_windows, table->extra_bits, forward, backward);
  tfc_long_codes(&code, table->flip, table->extra_bits, long_forward, long_backward);
  table->forward = forward;
  table->backward = backward;
  table->long_forward = long_forward;
  table->long_backward = long_backward;
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

static inline uint32_t tfc_look_up(const tfc_table *table, uint64_t window) {
  const uint32_t bits = table->code_bits;
  const uint32_t entry = table->forward[window & ((1u << bits) - 1)];
  if (entry >> 24) return entry;
  return table->long_forward[entry + (window >> bits & ((1u << table->extra_bits) - 1))];
}

static inline uint32_t tfc_look_down(const tfc_table *table, uint64_t window) {
  const uint32_t bits = table->code_bits;
  const uint32_t entry = table->backward[window >> (64 - bits)];
  if (entry >> 24) return entry;
  return table->long_backward[entry + (window << bits >> (64 - table->extra_bits))];
}

/* A row in the course of decoding: bits low..high and symbols up..middle, down..end are left.
 *
 * Between loads a position moves by at most 4 x 14 bits and is compared with the other before the
 * next load, so that no load starts outside the payload by more than the 8 bytes on either side. */
typedef struct {
  int64_t low, high; /* signed: in a damaged row the upper end may pass the payload's start */
  uint8_t *up, *middle, *down, *end;
} tfc_halves;

#define TFC_STEP_UP(h, window)                        \
  do {                                                \
    const uint32_t e = tfc_look_up(table, window);    \
    h.up[0] = (uint8_t)e;                             \
    h.up[1] = (uint8_t)(e >> 8);                      \
    h.up += e >> 24;                                  \
    window >>= e >> 16 & 15;                          \
    h.low += e >> 16 & 15;                            \
  } while (0)
#define TFC_STEP_DOWN(h, window)                      \
  do {                                                \
    const uint32_t e = tfc_look_down(table, window);  \
    h.down[0] = (uint8_t)e;                           \
    h.down[1] = (uint8_t)(e >> 8);                    \
    h.down += e >> 24;                                \
    window <<= e >> 16 & 15;                          \
    h.high -= e >> 16 & 15;                           \
  } while (0)

/* Whether either half can take four look-ups of two symbols. */
static inline int tfc_has_eight(const tfc_halves *row) {
  return (row->middle - row->up >= 8) & (row->end - row->down >= 8);
}

static inline tfc_halves tfc_start_halves(const tfc_table *table, tfc_span span, uint8_t *out) {
  uint8_t *const middle = out + table->columns / 2;
  const tfc_halves row = {(int64_t)span.start, (int64_t)span.end, out, middle, middle,
                          out + table->columns};
  return row;
}

/* Decodes what is left of a row. */
static inline tfc_status tfc_finish_halves(const tfc_table *table, tfc_halves row) {
  const uint8_t *const payload = table->payload;
  while (tfc_has_eight(&row)) {
    if (row.low > row.high) return TFC_BAD_ROW;
    uint64_t a = tfc_window_up(payload, row.low), b = tfc_window_down(payload, row.high);
    for (int k = 0; k < 4; k++) {
      TFC_STEP_UP(row, a);
      TFC_STEP_DOWN(row, b);
    }
  }
  while (row.middle - row.up >= 2) {
    if (row.low > row.high) return TFC_BAD_ROW;
    uint64_t a = tfc_window_up(payload, row.low);
    TFC_STEP_UP(row, a);
  }
  while (row.end - row.down >= 2) {
    if (row.low > row.high) return TFC_BAD_ROW;
    uint64_t b = tfc_window_down(payload, row.high);
    TFC_STEP_DOWN(row, b);
  }
  /* An entry may hold a second symbol that is not part of the half: take only the first. */
  if (row.up < row.middle) {
    if (row.low > row.high) return TFC_BAD_ROW;
    const uint32_t e = tfc_look_up(table, tfc_window_up(payload, row.low));
    *row.up = (uint8_t)e;
    row.low += e >> 20 & 15;
  }
  if (row.down < row.end) {
    if (row.low > row.high) return TFC_BAD_ROW;
    const uint32_t e = tfc_look_down(table, tfc_window_down(payload, row.high));
    *row.down = (uint8_t)e;
    row.high -= e >> 20 & 15;
  }
  /* Only `indexed` rows are as long as their bits; `fixed` rows may leave some between. */
  const int short_row = table->mode == TFC_INDEXED && row.high - row.low > 7;
  return row.low > row.high || short_row ? TFC_BAD_ROW : TFC_OK;
}

/* Decodes the coded bits of `count` rows into `columns` bytes each. */
static inline tfc_status tfc_prefix_rows(const tfc_table *table, const tfc_span *spans,
                                         uint8_t *const *out, uint32_t count) {
  const uint8_t *const payload = table->payload;
  if (table->code_bits == 0) {
    for (uint32_t k = 0; k < count; k++) memset(out[k], table->lone_symbol, table->columns);
    return TFC_OK;
  }
  for (uint32_t k = 0; k < count; k += 2) {
    tfc_halves one = tfc_start_halves(table, spans[k], out[k]);
    if (k + 1 < count) {
      tfc_halves two = tfc_start_halves(table, spans[k + 1], out[k + 1]);
      while (tfc_has_eight(&one) & tfc_has_eight(&two)) {
        if (one.low > one.high || two.low > two.high) return TFC_BAD_ROW;
        uint64_t a = tfc_window_up(payload, one.low), b = tfc_window_down(payload, one.high);
        uint64_t c = tfc_window_up(payload, two.low), d = tfc_window_down(payload, two.high);
        for (int step = 0; step < 4; step++) {
          TFC_STEP_UP(one, a);
          TFC_STEP_DOWN(one, b);
          TFC_STEP_UP(two, c);
          TFC_STEP_DOWN(two, d);
        }
      }
      const tfc_status status = tfc_finish_halves(table, two);
      if (status != TFC_OK) return status;
    }
    const tfc_status status = tfc_finish_halves(table, one);
    if (status != TFC_OK) return status;
  }
  return TFC_OK;
}

#undef TFC_STEP_UP
#undef TFC_STEP_DOWN

#endif
