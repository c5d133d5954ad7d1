/* Rows in one prefix code, read from both ends (modes `fixed` and `indexed`).
 *
 * The first half of a row is coded from the row's first bit upwards, the second half from its last
 * bit downwards: two chains of table look-ups that do not wait for each other. A look-up takes
 * `code_bits` bits and gives one or two symbols.
 */
#ifndef TFC_PREFIX_H
#define TFC_PREFIX_H

#include "tfc_format.h"

enum { TFC_MAX_CODE_BITS = 12 };

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

/* Fills 1 << longest entries with symbol | length << 8, first bit of the word most significant.
 *
 * Canonical words in order of length, then symbol, fill such a table from its start to its end. */
static inline void tfc_fill_codes(const tfc_code *code, uint8_t flip, uint16_t *entries) {
  uint32_t next = 0;
  for (uint32_t length = 1; length <= code->longest; length++)
    for (uint32_t symbol = 0; symbol < 256; symbol++)
      if (code->lengths[symbol] == length) {
        const uint32_t span = 1u << (code->longest - length);
        const uint16_t entry = (uint16_t)((symbol ^ 0x80 ^ flip) | length << 8);
        for (uint32_t k = 0; k < span; k++) entries[next + k] = entry;
        next += span;
      }
}

/* Entries of one or two symbols: first | second << 8 | bits << 16 | bits of the first << 20 |
 * number of symbols << 24. `single` has 1 << bits entries, as the two that are filled. */
static inline void tfc_pair_codes(const uint16_t *single, uint32_t bits, uint32_t *forward,
                                  uint32_t *backward) {
  for (uint32_t window = 0; window < 1u << bits; window++) {
    const uint32_t first = single[window], used = first >> 8;
    const uint32_t second = single[window << used & ((1u << bits) - 1)];
    const uint32_t both = used + (second >> 8);
    uint32_t entry = (first & 255) | used << 20;
    entry |= both <= bits ? (second & 255) << 8 | both << 16 | 2u << 24 : used << 16 | 1u << 24;
    backward[window] = entry;
    forward[tfc_reverse_bits(window, bits)] = entry;
  }
}

static inline size_t tfc_prefix_workspace(uint32_t longest) {
  return ((size_t)2 * sizeof(uint32_t) + sizeof(uint16_t)) << longest;
}

/* Reads the model of `fixed` and `indexed` and fills the workspace with its tables. */
static inline tfc_status tfc_open_prefix(tfc_table *table, void *workspace, size_t size) {
  tfc_code code;
  const tfc_status status = tfc_read_code(&code, table->model, table->model_bytes);
  if (status != TFC_OK) return status;
  if (code.bytes != table->model_bytes) return TFC_BAD_TABLES;
  if (code.symbols == 0 && table->rows && table->columns) return TFC_BAD_TABLES;
  table->code_bits = code.longest;
  table->lone_symbol = code.lone ^ table->flip;
  if (code.longest == 0) return TFC_OK;
  if (size < tfc_prefix_workspace(code.longest)) return TFC_NO_WORKSPACE;
  uint32_t *forward = (uint32_t *)workspace;
  uint32_t *backward = forward + ((size_t)1 << code.longest);
  uint16_t *single = (uint16_t *)(backward + ((size_t)1 << code.longest));
  tfc_fill_codes(&code, table->flip, single);
  tfc_pair_codes(single, code.longest, forward, backward);
  table->forward = forward;
  table->backward = backward;
  return TFC_OK;
}

/* The 64 bits from bit `at` upwards; the upper 7 or fewer are zero. */
static inline uint64_t tfc_window_up(const uint8_t *payload, uint64_t at) {
  return tfc_load64(payload + (at >> 3)) >> (at & 7);
}

/* The 64 bits below bit `at`, the nearest most significant; the lower 7 or fewer are zero. */
static inline uint64_t tfc_window_down(const uint8_t *payload, uint64_t at) {
  return tfc_load64(payload + ((int64_t)((at + 7) >> 3) - 8)) << (-at & 7);
}

/* Decodes the coded bits of one row, payload bits [low, high), into `columns` bytes.
 *
 * Between loads the two positions move by at most 4 x 12 bits and are compared before the next
 * load, so no load starts outside the payload by more than the 8 bytes that stand on either side.
 */
static inline tfc_status tfc_prefix_row(const tfc_table *table, uint64_t low, uint64_t high,
                                        uint8_t *out) {
  const uint8_t *payload = table->payload;
  const uint32_t bits = table->code_bits, mask = (1u << bits) - 1;
  const uint32_t *forward = table->forward, *backward = table->backward;
  uint8_t *const middle = out + table->columns / 2, *const end = out + table->columns;
  uint8_t *up = out, *down = middle;
  if (bits == 0) {
    memset(out, table->lone_symbol, table->columns);
    return TFC_OK;
  }
#define TFC_STEP_UP()                        \
  do {                                       \
    const uint32_t e = forward[a & mask];    \
    up[0] = (uint8_t)e;                      \
    up[1] = (uint8_t)(e >> 8);               \
    up += e >> 24;                           \
    a >>= e >> 16 & 15;                      \
    low += e >> 16 & 15;                     \
  } while (0)
#define TFC_STEP_DOWN()                            \
  do {                                             \
    const uint32_t e = backward[b >> (64 - bits)]; \
    down[0] = (uint8_t)e;                          \
    down[1] = (uint8_t)(e >> 8);                   \
    down += e >> 24;                               \
    b <<= e >> 16 & 15;                            \
    high -= e >> 16 & 15;                          \
  } while (0)
  while (middle - up >= 8 && end - down >= 8) {
    if (low > high) return TFC_BAD_ROW;
    uint64_t a = tfc_window_up(payload, low), b = tfc_window_down(payload, high);
    TFC_STEP_UP();
    TFC_STEP_DOWN();
    TFC_STEP_UP();
    TFC_STEP_DOWN();
    TFC_STEP_UP();
    TFC_STEP_DOWN();
    TFC_STEP_UP();
    TFC_STEP_DOWN();
  }
  while (middle - up >= 2) {
    if (low > high) return TFC_BAD_ROW;
    uint64_t a = tfc_window_up(payload, low);
    TFC_STEP_UP();
  }
  while (end - down >= 2) {
    if (low > high) return TFC_BAD_ROW;
    uint64_t b = tfc_window_down(payload, high);
    TFC_STEP_DOWN();
  }
#undef TFC_STEP_UP
#undef TFC_STEP_DOWN
  /* An entry may hold a second symbol that is not part of the half: take only the first. */
  if (up < middle) {
    if (low > high) return TFC_BAD_ROW;
    const uint32_t e = forward[tfc_window_up(payload, low) & mask];
    *up = (uint8_t)e;
    low += e >> 20 & 15;
  }
  if (down < end) {
    if (low > high) return TFC_BAD_ROW;
    const uint32_t e = backward[tfc_window_down(payload, high) >> (64 - bits)];
    *down = (uint8_t)e;
    high -= e >> 20 & 15;
  }
  /* Only `indexed` rows are as long as their bits; `fixed` rows may leave some between. */
  return low > high || (table->mode == TFC_INDEXED && high - low > 7) ? TFC_BAD_ROW : TFC_OK;
}

#endif
