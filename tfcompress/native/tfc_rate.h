/* Blocks of rows in a range coder under static probabilities (mode `rate`), for coarse tables.
 *
 * At a fraction of a bit a value a row is a few bytes, and whatever a row costs besides its
 * information counts. So rows share blocks, more of them where rows are shorter; a block is one
 * number (G. N. N. Martin, Range encoding, 1979) without its trailing zero bytes, and a block of
 * zeros has no bytes. Segments of rows tell the size of their blocks and a class; class of the
 * segment + class of the row (where rows have one) + class of the column is the context that gives
 * a value its probabilities. To read a row, the rows before it in its block are read too; reading
 * on in the same block goes on where the last row ended.
 */
#ifndef TFC_RATE_H
#define TFC_RATE_H

#include "tfc_rate_model.h"

/* A block in the course of decoding. */
typedef struct {
  uint64_t code, range;
  const uint8_t *next, *end;
  uint64_t row, stop;     /* the row that comes next, and the first behind the block */
  uint32_t context;       /* of the segment's class and column class 0 */
  uint32_t present;       /* values of the last row that are not zero */
  uint16_t *places;       /* NULL, or receives their columns */
} tfc_block;

/* The next four bytes as a number, the first most significant; past the end they are zero. */
static inline uint32_t tfc_rate_word(const uint8_t **next, const uint8_t *end) {
  const uint8_t *const p = *next;
  const uint32_t word = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
  const size_t left = (size_t)(end - p);
  *next = left < 4 ? end : p + 4;
  return left < 4 ? (uint32_t)(word & ~((uint64_t)UINT32_MAX >> 8 * left)) : word;
}

/* Takes four bytes in where the range has fallen below 2^32. */
static inline void tfc_rate_refill(uint64_t *code, uint64_t *range, const uint8_t **next,
                                   const uint8_t *end) {
  if (*range >> 32) return;
  *range <<= 32;
  *code = *code << 32 | tfc_rate_word(next, end);
}

/* The segment of a row: the last one that does not start behind it. */
static inline uint32_t tfc_find_segment(const tfc_table *table, uint64_t row) {
  uint32_t low = 0, count = table->segments;
  while (count > 1) {
    const uint32_t half = count / 2;
    low += table->segment_start[2 * (low + half)] <= row ? half : 0;
    count -= half;
  }
  return low;
}

/* Goes to the block of a row. */
static inline tfc_status tfc_start_block(const tfc_table *table, uint64_t row, tfc_block *block) {
  if (row >= table->rows) return TFC_NO_SUCH_ROW;
  const uint32_t s = tfc_find_segment(table, row);
  const uint32_t *const starts = table->segment_start + 2 * s;
  const uint32_t shift = table->segment_class[table->segments + s];
  const uint64_t k = (row - starts[0]) >> shift;
  tfc_span span;
  const tfc_status status = tfc_find_row(table, starts[1] + k, &span);
  if (status != TFC_OK) return status;
  block->next = table->payload + span.start / 8;
  block->end = table->payload + span.end / 8;
  block->row = starts[0] + (k << shift);
  block->stop = block->row + ((uint64_t)1 << shift);
  if (block->stop > starts[2]) block->stop = starts[2];
  block->context = table->segment_class[s];
  if (block->next < block->end && block->end[-1] == 0) return TFC_BAD_ROW;
  block->range = UINT64_MAX;
  block->code = (uint64_t)tfc_rate_word(&block->next, block->end) << 32;
  block->code |= tfc_rate_word(&block->next, block->end);
  return TFC_OK;
}

/* Decodes the row that comes next in the block: `columns` bytes, and its places where wanted. */
static inline tfc_status tfc_rate_row(const tfc_table *table, tfc_block *block, uint8_t *out) {
  const uint16_t *const offsets = table->column_offset;
  const uint8_t flip = table->flip;
  uint32_t context = block->context;
  uint64_t code = block->code, range = block->range;
  const uint8_t *next = block->next;
  const uint8_t *const end = block->end;
  uint16_t *const places = block->places;
  uint32_t present = 0;
  memset(out, flip, table->columns);
  if (table->row_classes > 1) {
    const uint64_t unit = range >> TFC_RATE_BITS;
    if (code >= unit << TFC_RATE_BITS) return TFC_BAD_ROW;
    uint32_t k = 0;
    while (code >= unit * table->class_bounds[k]) k++;
    const uint32_t low = k ? table->class_bounds[k - 1] : 0;
    code -= unit * low;
    range = unit * (table->class_bounds[k] - low);
    tfc_rate_refill(&code, &range, &next, end);
    context += k;
  }
  const uint16_t *const bounds = table->bounds + TFC_RATE_STRIDE * (size_t)context;
  const uint32_t live = table->live_columns[context];
  /* Zeros have the lowest share everywhere, so along a run of them the code stays and only the range
   * falls: the run ends where it falls to `limit`, with another value or with bytes to take in. */
  uint64_t limit = code > UINT32_MAX ? code : UINT32_MAX;
  for (uint32_t j = 0; j < live; j++) {
    const uint16_t *const own = bounds + offsets[j];
    const uint64_t unit = range >> TFC_RATE_BITS, zero = unit * own[0];
    range = zero;
    if (zero > limit) continue;
    if (code >= zero) {
      if (code >= unit << TFC_RATE_BITS) return TFC_BAD_ROW;
      uint32_t bucket = 1;
      while (code >= unit * own[bucket]) bucket++;
      code -= unit * own[bucket - 1];
      /* Signs are not to be foreseen: no branch. */
      const uint32_t size = (uint32_t)(own[bucket] - own[bucket - 1]);
      const uint64_t above = unit * own[TFC_RATE_SIGNS + bucket];
      const uint64_t negative = 0 - (uint64_t)(code >= above); /* all bits, or none */
      code -= above & negative;
      range = above + ((unit * size - 2 * above) & negative);
      uint32_t magnitude = tfc_bucket_start(bucket);
      const uint32_t bits = tfc_raw_bits(bucket);
      if (bits) {
        tfc_rate_refill(&code, &range, &next, end);
        range >>= bits;
        const uint64_t raw = code / range;
        if (raw >> bits) return TFC_BAD_ROW;
        code -= raw * range;
        magnitude += (uint32_t)raw;
      }
      out[j] = (uint8_t)(((magnitude ^ (uint32_t)negative) - (uint32_t)negative) ^ flip);
      if (places) places[present++] = (uint16_t)j;
    }
    tfc_rate_refill(&code, &range, &next, end);
    limit = code > UINT32_MAX ? code : UINT32_MAX;
  }
  if (live < table->columns) {
    /* A zero that is certain takes what the range has beyond a multiple, once for all of them. */
    range = range >> TFC_RATE_BITS << TFC_RATE_BITS;
    if (code >= range) return TFC_BAD_ROW;
  }
  block->code = code;
  block->range = range;
  block->next = next;
  block->present = present;
  block->row++;
  /* A block has no byte that none of its rows needs. */
  return block->row == block->stop && next < end ? TFC_BAD_ROW : TFC_OK;
}

/* Decodes row `row` into `columns` bytes, from where the block is if the row is still to come. */
static inline tfc_status tfc_rate_seek(const tfc_table *table, tfc_block *block, uint64_t row,
                                       uint8_t *out) {
  if (row < block->row || row >= block->stop) {
    const tfc_status status = tfc_start_block(table, row, block);
    if (status != TFC_OK) return status;
  }
  while (block->row <= row) {
    const tfc_status status = tfc_rate_row(table, block, out);
    if (status != TFC_OK) {
      block->stop = 0; /* nothing of this block is to be relied on */
      return status;
    }
  }
  return TFC_OK;
}

#endif
