/* Encoder of the modes `fixed` and `indexed`: symbols to the bits that tfc_prefix.h reads back. */
#ifndef TFC_PREFIX_ENCODE_H
#define TFC_PREFIX_ENCODE_H

#include "tfc_prefix.h"

static inline void tfc_store32(uint8_t *p, uint32_t value) {
  for (int k = 0; k < 4; k++) p[k] = (uint8_t)(value >> 8 * k);
}

static inline void tfc_store64(uint8_t *p, uint64_t value) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  value = __builtin_bswap64(value);
#endif
  memcpy(p, &value, 8);
}

/* Words of a prefix code by symbol byte: word | length << 16, the first bit of the word least
 * significant in `up` and most significant in `down`. */
typedef struct {
  uint32_t up[256], down[256];
} tfc_words;

/* `lengths` by symbol + 128, a complete code; a lone symbol has length 0. */
static inline void tfc_make_words(const uint8_t *lengths, tfc_words *words) {
  uint32_t code = 0;
  memset(words, 0, sizeof *words);
  for (uint32_t length = 1; length <= TFC_MAX_CODE_BITS; length++) {
    for (uint32_t k = 0; k < 256; k++) {
      if (lengths[k] != length) continue;
      words->down[k ^ 0x80] = code | length << 16;
      words->up[k ^ 0x80] = tfc_reverse_bits(code, length) | length << 16;
      code++;
    }
    code <<= 1;
  }
}

/* Writes bits upwards; up to 8 bytes past the last one are touched. */
typedef struct {
  uint8_t *next;
  uint64_t bits;
  uint32_t count; /* below 8 after every flush */
} tfc_writer;

static inline void tfc_put(tfc_writer *writer, uint32_t word) {
  writer->bits |= (uint64_t)(word & 0xffff) << writer->count;
  writer->count += word >> 16;
}

static inline void tfc_flush(tfc_writer *writer) {
  tfc_store64(writer->next, writer->bits);
  writer->next += writer->count >> 3;
  writer->bits >>= writer->count & ~7u;
  writer->count &= 7;
}

static inline void tfc_skip(tfc_writer *writer, uint64_t count) {
  for (; count > 32; count -= 32) {
    writer->count += 32;
    tfc_flush(writer);
  }
  writer->count += (uint32_t)count;
  tfc_flush(writer);
}

/* Encodes rows under one prefix code.
 *
 * stride_bits > 0: every row takes that many bits, from the first bit of `out` on. Otherwise each
 * row takes the bytes its bits need and lengths[r] receives them. Returns the bytes written, or -1
 * where a row does not fit the stride. `out` has room for all rows at 12 bits a symbol (or the
 * stride), their rest, and 16 bytes more. */
static inline int64_t tfc_encode_prefix(const uint8_t *symbols, const uint8_t *rest, size_t rows,
                                        uint32_t columns, uint32_t rest_bytes,
                                        const tfc_words *words, uint64_t stride_bits, uint8_t *out,
                                        uint32_t *lengths) {
  const uint32_t half = columns / 2;
  tfc_writer writer = {out, 0, 0};
  for (size_t r = 0; r < rows; r++) {
    const uint8_t *row = symbols + r * columns;
    uint64_t bits = 0;
    for (uint32_t j = 0; j < columns; j++) bits += words->up[row[j]] >> 16;
    uint64_t span = stride_bits - 8 * (uint64_t)rest_bytes;
    if (stride_bits) {
      if (bits + 8 * (uint64_t)rest_bytes > stride_bits) return -1;
    } else {
      span = (bits + 7) / 8 * 8;
      lengths[r] = (uint32_t)(span / 8) + rest_bytes;
    }
    if (rest_bytes) { /* whole bytes: the writer stands on a byte */
      memcpy(writer.next, rest + r * rest_bytes, rest_bytes);
      writer.next += rest_bytes;
    }
    uint32_t j = 0;
    for (; j + 4 <= half; j += 4) {
      for (uint32_t k = 0; k < 4; k++) tfc_put(&writer, words->up[row[j + k]]);
      tfc_flush(&writer);
    }
    for (; j < half; j++) tfc_put(&writer, words->up[row[j]]);
    tfc_flush(&writer);
    tfc_skip(&writer, span - bits);
    /* Downwards from the row's end is upwards with the symbols reversed and the words as such. */
    for (j = columns; j >= half + 4; j -= 4) {
      for (uint32_t k = 1; k <= 4; k++) tfc_put(&writer, words->down[row[j - k]]);
      tfc_flush(&writer);
    }
    for (; j > half; j--) tfc_put(&writer, words->down[row[j - 1]]);
    tfc_flush(&writer);
  }
  if (writer.count) *writer.next++ = (uint8_t)writer.bits;
  return writer.next - out;
}

#endif
