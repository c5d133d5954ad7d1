/* Rows under static probabilities chosen by row class + column class (modes `context`,
 * `predictive`): a range variant of asymmetric numeral systems (J. Duda, arXiv 1311.2540, 2013).
 *
 * The state is a number of 64 bits that takes in 32 bits whenever it falls below 2^32 and bytes of
 * the row are left. It starts as the row's first bytes and ends as exactly the code words of the
 * row's last columns, so a row costs its information rounded up to bytes, and not a state more.
 */
#ifndef TFC_RANS_H
#define TFC_RANS_H

#include "tfc_format.h"
#include "tfc_prefix.h"

enum { TFC_MIN_PROBABILITY_BITS = 10, TFC_MAX_PROBABILITY_BITS = 14 };

/* A table of slots: 1 << probability_bits symbols, then 256 words of frequency | start << 16. */
static inline size_t tfc_slots_bytes(uint32_t probability_bits) {
  return ((size_t)1 << probability_bits) + 256 * sizeof(uint32_t);
}

/* Weight of a stored level: 2^((level - 1) / 8) in 15 bits of fraction; level 0 does not occur. */
static inline uint64_t tfc_level_weight(uint8_t level) {
  static const uint16_t eighths[8] = {32768, 35734, 38968, 42495, 46341, 50535, 55109, 60097};
  return level ? (uint64_t)eighths[(level - 1) % 8] << (level - 1) / 8 : 0;
}

/* Turns the levels of up to 256 symbols into shares of 1 << probability_bits slots.
 *
 * A share is the weight's part of the slots, rounded down but at least 1; the heaviest symbol (the
 * first of them) takes what is left or gives what is missing. */
static inline tfc_status tfc_level_shares(const uint8_t *levels, uint32_t count,
                                          uint32_t probability_bits, uint32_t *shares) {
  const uint32_t total = 1u << probability_bits;
  uint64_t weights = 0, heaviest = 0;
  uint32_t most = 0, sum = 0;
  for (uint32_t k = 0; k < count; k++) {
    const uint64_t weight = tfc_level_weight(levels[k]);
    if (levels[k] > 120) return TFC_BAD_TABLES;
    weights += weight;
    if (weight > heaviest) heaviest = weight, most = k;
  }
  if (weights == 0) return TFC_BAD_TABLES;
  for (uint32_t k = 0; k < count; k++) {
    const uint32_t share = (uint32_t)((tfc_level_weight(levels[k]) << probability_bits) / weights);
    shares[k] = levels[k] && !share ? 1 : share;
    sum += shares[k];
  }
  if (sum > total && shares[most] <= sum - total) return TFC_BAD_TABLES;
  shares[most] += total - sum;
  return TFC_OK;
}

/* Turns the levels of symbols `first`.. (as symbol + 128) into a table of slots. */
static inline tfc_status tfc_fill_slots(uint8_t *slots, uint32_t probability_bits, uint32_t first,
                                        const uint8_t *levels, uint32_t count, uint8_t flip) {
  uint32_t frequency[256] = {0};
  if (tfc_level_shares(levels, count, probability_bits, frequency + first) != TFC_OK)
    return TFC_BAD_TABLES;
  /* Slots go by symbol byte, 0 first: a row of zeros then has state 0 and takes no bytes. */
  uint32_t start = 0;
  uint32_t *ranges = (uint32_t *)(void *)(slots + ((size_t)1 << probability_bits));
  for (uint32_t symbol = 0; symbol < 256; symbol++) {
    const uint32_t f = frequency[symbol ^ 0x80];
    memset(slots + start, (int)(symbol ^ flip), f);
    ranges[symbol ^ flip] = f | start << 16;
    start += f;
  }
  return TFC_OK;
}

typedef struct {
  uint64_t state;
  const uint8_t *next, *end;
} tfc_lane;

/* Starts on `length` bytes at `bytes`; 8 bytes can be loaded from there. */
static inline tfc_lane tfc_start(const uint8_t *bytes, uint64_t length) {
  const uint32_t head = (uint32_t)(length <= 8 ? length : 5 + (length - 5) % 4);
  tfc_lane lane;
  lane.state = head ? tfc_load64(bytes) << (64 - 8 * head) >> (64 - 8 * head) : 0;
  lane.next = bytes + head;
  lane.end = bytes + length;
  return lane;
}

static inline uint8_t tfc_take(tfc_lane *lane, const uint8_t *slots, uint32_t probability_bits) {
  const uint32_t slot = (uint32_t)lane->state & ((1u << probability_bits) - 1);
  const uint8_t symbol = slots[slot];
  uint32_t range;
  memcpy(&range, slots + ((size_t)1 << probability_bits) + sizeof range * symbol, sizeof range);
  lane->state = (lane->state >> probability_bits) * (range & 0xffff) + slot - (range >> 16);
  return symbol;
}

/* Written so that compilers choose conditional moves: the branch would not be predictable. */
static inline void tfc_refill(tfc_lane *lane) {
  const uint64_t refilled = lane->state << 32 | tfc_load32(lane->next);
  const int needed = (lane->state >> 32 == 0) & (lane->next < lane->end);
  lane->state = needed ? refilled : lane->state;
  lane->next += needed ? 4 : 0;
}

/* A position in the model; reading past its end only sets `failed`. */
typedef struct {
  const uint8_t *next, *end;
  int failed;
} tfc_cursor;

static inline const uint8_t *tfc_read(tfc_cursor *cursor, size_t count) {
  const uint8_t *bytes = cursor->next;
  if (cursor->failed || (size_t)(cursor->end - cursor->next) < count) {
    cursor->failed = 1;
    return NULL;
  }
  cursor->next += count;
  return bytes;
}

/* A run of stored bytes, plain (kind 0) or coded under one table of levels (kind 1). */
typedef struct {
  const uint8_t *plain; /* NULL when coded */
  const uint8_t *slots;
  tfc_lane lane;
} tfc_run;

enum { TFC_RUN_BITS = 12 };

/* Starts on a run of `count` bytes; `slots` is room for one table of TFC_RUN_BITS. */
static inline tfc_status tfc_start_run(tfc_run *run, tfc_cursor *cursor, uint32_t count,
                                       uint8_t *slots) {
  memset(run, 0, sizeof *run);
  const uint8_t *kind = tfc_read(cursor, 1);
  if (!kind || *kind > 1) return TFC_BAD_TABLES;
  if (*kind == 0) {
    run->plain = tfc_read(cursor, count);
    return run->plain ? TFC_OK : TFC_BAD_TABLES;
  }
  const uint8_t *range = tfc_read(cursor, 2);
  if (!range || range[0] > range[1]) return TFC_BAD_TABLES;
  const uint32_t symbols = range[1] - range[0] + 1u;
  const uint8_t *levels = tfc_read(cursor, symbols), *size = tfc_read(cursor, 4);
  const uint8_t *bytes = size ? tfc_read(cursor, tfc_load32(size)) : NULL;
  if (!bytes) return TFC_BAD_TABLES;
  run->slots = slots;
  run->lane = tfc_start(bytes, tfc_load32(size));
  return tfc_fill_slots(slots, TFC_RUN_BITS, range[0], levels, symbols, 0);
}

static inline uint8_t tfc_next(tfc_run *run) {
  if (run->plain) return *run->plain++;
  const uint8_t byte = tfc_take(&run->lane, run->slots, TFC_RUN_BITS);
  tfc_refill(&run->lane);
  return byte;
}

static inline tfc_status tfc_end_run(const tfc_run *run) {
  return run->plain || (!run->lane.state && run->lane.next == run->lane.end) ? TFC_OK
                                                                             : TFC_BAD_TABLES;
}

static inline tfc_status tfc_read_bytes(tfc_cursor *cursor, uint8_t *out, uint32_t count,
                                        uint8_t *slots) {
  tfc_run run;
  const tfc_status status = tfc_start_run(&run, cursor, count, slots);
  if (status != TFC_OK) return status;
  for (uint32_t k = 0; k < count; k++) out[k] = tfc_next(&run);
  return tfc_end_run(&run);
}

/* Decodes the columns of up to TFC_LANES rows side by side; out[k] receives `columns` bytes. */
static inline tfc_status tfc_context_rows(const tfc_table *table, const tfc_span *spans,
                                          uint8_t *const *out, uint32_t count) {
  const uint32_t bits = table->probability_bits, columns = table->columns;
  const size_t step = tfc_slots_bytes(bits);
  const uint32_t coded = columns - table->tail_columns;
  const uint8_t *classes = table->column_class;
  tfc_lane lanes[TFC_LANES];
  const uint8_t *slots[TFC_LANES];
  for (uint32_t k = 0; k < count; k++) {
    lanes[k] = tfc_start(table->payload + spans[k].start / 8, (spans[k].end - spans[k].start) / 8);
    slots[k] = table->slots +
               step * tfc_take(&lanes[k], table->slots + step * table->contexts, bits);
    tfc_refill(&lanes[k]);
  }
  if (count == TFC_LANES) {
    /* The same loop as below on local copies, which stay in registers. */
    tfc_lane a = lanes[0], b = lanes[1], c = lanes[2], d = lanes[3];
    const uint8_t *sa = slots[0], *sb = slots[1], *sc = slots[2], *sd = slots[3];
    uint8_t *oa = out[0], *ob = out[1], *oc = out[2], *od = out[3];
    uint32_t j = 0;
    for (; j + 2 <= coded; j += 2) {
      const size_t p = step * classes[j], q = step * classes[j + 1];
      oa[j] = tfc_take(&a, sa + p, bits);
      ob[j] = tfc_take(&b, sb + p, bits);
      oc[j] = tfc_take(&c, sc + p, bits);
      od[j] = tfc_take(&d, sd + p, bits);
      oa[j + 1] = tfc_take(&a, sa + q, bits);
      ob[j + 1] = tfc_take(&b, sb + q, bits);
      oc[j + 1] = tfc_take(&c, sc + q, bits);
      od[j + 1] = tfc_take(&d, sd + q, bits);
      tfc_refill(&a);
      tfc_refill(&b);
      tfc_refill(&c);
      tfc_refill(&d);
    }
    lanes[0] = a, lanes[1] = b, lanes[2] = c, lanes[3] = d;
  }
  tfc_status status = TFC_OK;
  for (uint32_t k = 0; k < count; k++) {
    tfc_lane lane = lanes[k];
    uint32_t j = count == TFC_LANES ? coded & ~1u : 0;
    for (; j + 2 <= coded; j += 2) {
      out[k][j] = tfc_take(&lane, slots[k] + step * classes[j], bits);
      out[k][j + 1] = tfc_take(&lane, slots[k] + step * classes[j + 1], bits);
      tfc_refill(&lane);
    }
    if (j < coded) {
      out[k][j] = tfc_take(&lane, slots[k] + step * classes[j], bits);
      tfc_refill(&lane);
    }
    const uint64_t mask = ((uint64_t)1 << table->tail_bits) - 1;
    for (j = coded; j < columns; j++) {
      const uint16_t entry = table->tail_codes[lane.state & mask];
      out[k][j] = (uint8_t)(entry >> 8);
      lane.state >>= entry & 255;
    }
    if (lane.state || lane.next != lane.end) status = TFC_BAD_ROW;
  }
  return status;
}

#endif
