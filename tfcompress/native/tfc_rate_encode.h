/* Encoder of mode `rate`: blocks of rows to the bytes that tfc_rate.h reads back. */
#ifndef TFC_RATE_ENCODE_H
#define TFC_RATE_ENCODE_H

#include "tfc_rate.h"

/* The interval of a block so far: `low` upwards, `range` long, the bytes above it written. */
typedef struct {
  uint64_t low, range;
  uint8_t *next;
} tfc_interval;

/* Adds to `low`; a carry goes through the bytes written, which are below 1 as a fraction, so that
 * it never reaches the first byte of the block but through one that can take it. */
static inline void tfc_raise(tfc_interval *interval, uint64_t by) {
  interval->low += by;
  if (interval->low < by)
    for (uint8_t *byte = interval->next; ++*--byte == 0;) continue;
}

/* Narrows the interval to `size` slots from `start` on, of 1 << bits. */
static inline void tfc_narrow(tfc_interval *interval, uint32_t start, uint32_t size,
                              uint32_t bits) {
  const uint64_t unit = interval->range >> bits;
  tfc_raise(interval, unit * start);
  interval->range = unit * size;
  if (interval->range >> 32) return;
  for (int k = 56; k >= 32; k -= 8) *interval->next++ = (uint8_t)(interval->low >> k);
  interval->low <<= 32;
  interval->range <<= 32;
}

/* Writes the number of the interval that ends in most zero bits, without the zero bytes. */
static inline void tfc_close(tfc_interval *interval, const uint8_t *start) {
  uint32_t zeros = 63;
  for (; zeros; zeros--) {
    const uint64_t mask = ((uint64_t)1 << zeros) - 1, up = (0 - interval->low) & mask;
    if (up < interval->range) {
      tfc_raise(interval, up);
      break;
    }
  }
  for (int k = 56; k >= 0; k -= 8) *interval->next++ = (uint8_t)(interval->low >> k);
  while (interval->next > start && interval->next[-1] == 0) interval->next--;
}

/* Bucket of a magnitude up to 128. */
static inline uint32_t tfc_bucket(uint32_t magnitude) {
  uint32_t bucket = magnitude < TFC_RATE_PLAIN ? magnitude : (uint32_t)TFC_RATE_PLAIN;
  while (bucket + 1 < TFC_RATE_BUCKETS && tfc_bucket_start(bucket + 1) <= magnitude) bucket++;
  return bucket;
}


/* Encodes `blocks` blocks; block_rows[b] rows each follow one another in `symbols`. `out` has room
 * for 3 bytes a value, 2 a row and 12 a block. lengths[b] receives a block's bytes; returns all of
 * them, or -1 where a value has no probability in its context. */
static inline int64_t tfc_encode_blocks(const uint8_t *symbols, uint32_t columns,
                                        const uint8_t *context, const uint8_t *row_class,
                                        uint32_t row_classes, const uint8_t *column_class,
                                        const uint8_t *block_rows, size_t blocks,
                                        const uint16_t *bounds, const uint16_t *class_bounds,
                                        uint8_t *out, uint32_t *lengths) {
  uint8_t buckets[129];
  for (uint32_t m = 0; m <= 128; m++) buckets[m] = (uint8_t)tfc_bucket(m);
  uint8_t *const start = out;
  for (size_t b = 0; b < blocks; b++) {
    tfc_interval interval = {0, UINT64_MAX, out};
    for (uint32_t k = 0; k < block_rows[b]; k++, symbols += columns, context++, row_class++) {
      if (row_classes > 1) {
        const uint32_t low = *row_class ? class_bounds[*row_class - 1] : 0;
        const uint32_t size = class_bounds[*row_class] - low;
        if (size == 0) return -1;
        tfc_narrow(&interval, low, size, TFC_RATE_BITS);
      }
      for (uint32_t j = 0; j < columns; j++) {
        const uint16_t *const own =
            bounds + TFC_RATE_STRIDE * ((size_t)*context + column_class[j]);
        if (symbols[j] == 0) {
          if (own[0] == 0) return -1;
          tfc_narrow(&interval, 0, own[0], TFC_RATE_BITS);
          continue;
        }
        const uint32_t negative = symbols[j] >> 7;
        const uint32_t magnitude = negative ? 256u - symbols[j] : symbols[j];
        const uint32_t bucket = buckets[magnitude], bits = tfc_raw_bits(bucket);
        const uint32_t above = own[TFC_RATE_SIGNS + bucket], end = own[bucket];
        if (above == 0) return -1;
        const uint32_t low = own[bucket - 1] + (negative ? above : 0);
        tfc_narrow(&interval, low, negative ? end - low : above, TFC_RATE_BITS);
        if (bits) tfc_narrow(&interval, magnitude - tfc_bucket_start(bucket), 1, bits);
      }
    }
    tfc_close(&interval, out);
    lengths[b] = (uint32_t)(interval.next - out);
    out = interval.next;
  }
  return out - start;
}

#endif
