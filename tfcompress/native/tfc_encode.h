/* Encoders of the row codec, all but mode `rate`: rows to the bits that tfc_decode.h reads back.
 *
 * Symbols are signed bytes, `columns` a row; `rest` are the bytes of a row that are stored as they
 * are. Callers give buffers that are large enough: see the bounds beside each function.
 */
#ifndef TFC_ENCODE_H
#define TFC_ENCODE_H

#include "tfc_predict.h"
#include "tfc_prefix_encode.h"
#include "tfc_rans.h"

/* Frequency, start and reciprocal of a symbol in a context. */
typedef struct {
  uint64_t reciprocal; /* floor(2^64 / frequency), at most 2^64 - 1 */
  uint32_t frequency, start;
} tfc_share;

/* Reads the shares of one context back from its table of slots (built with flip 0). */
static inline void tfc_make_shares(const uint8_t *slots, uint32_t probability_bits,
                                   tfc_share *shares) {
  for (uint32_t symbol = 0; symbol < 256; symbol++) {
    uint32_t range;
    memcpy(&range, slots + ((size_t)1 << probability_bits) + 4 * symbol, 4);
    shares[symbol].frequency = range & 0xffff;
    shares[symbol].start = range >> 16;
    shares[symbol].reciprocal = shares[symbol].frequency ? UINT64_MAX / shares[symbol].frequency : 0;
  }
}

static inline uint64_t tfc_multiply_high(uint64_t a, uint64_t b) {
#if defined(__SIZEOF_INT128__)
  return (uint64_t)((unsigned __int128)a * b >> 64);
#else
  const uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
  const uint64_t middle = a1 * b0 + (a0 * b0 >> 32), low = a0 * b1 + (uint32_t)middle;
  return a1 * b1 + (middle >> 32) + (low >> 32);
#endif
}

typedef struct {
  uint64_t state;
  uint32_t *words; /* emitted 32 bits, first in, last out */
  size_t count;
} tfc_emitter;

/* Frees 32 bits when coding symbols of that joint frequency would leave 64 bits. */
static inline void tfc_emit(tfc_emitter *emitter, uint64_t frequency, uint32_t free_bits) {
  const int full = emitter->state >> free_bits >= frequency;
  emitter->words[emitter->count] = (uint32_t)emitter->state;
  emitter->count += full ? 1 : 0;
  emitter->state = full ? emitter->state >> 32 : emitter->state;
}

static inline void tfc_give(tfc_emitter *emitter, const tfc_share *share,
                            uint32_t probability_bits) {
  const uint64_t quotient = tfc_multiply_high(emitter->state, share->reciprocal);
  const uint64_t rest = emitter->state - quotient * share->frequency;
  const uint64_t gap = ((uint64_t)1 << probability_bits) - share->frequency;
  const uint64_t next = (quotient << probability_bits) + rest + share->start;
  emitter->state = rest >= share->frequency ? next + gap : next;
}

/* What the rows of one table share. */
typedef struct {
  const tfc_share *shares;     /* contexts + 1 tables of 256; the last one is for row classes */
  const uint8_t *column_class; /* per column in stream order */
  tfc_words tail;              /* code of the last columns */
  uint32_t columns, rest_bytes, probability_bits, contexts, tail_columns;
} tfc_model;

static inline void tfc_give_pair(tfc_emitter *emitter, const tfc_share *shares,
                                 const uint8_t *row, const uint8_t *column_class, uint32_t j,
                                 uint32_t bits) {
  const tfc_share *second = shares + 256 * column_class[j + 1] + row[j + 1];
  const tfc_share *first = shares + 256 * column_class[j] + row[j];
  tfc_emit(emitter, (uint64_t)second->frequency * first->frequency, 64 - 2 * bits);
  tfc_give(emitter, second, bits);
  tfc_give(emitter, first, bits);
}

/* Encodes rows of symbols in stream order, TFC_LANES side by side.
 *
 * lengths[r] receives the bytes of row r. `out` has room for rest_bytes + 4 columns + 16 bytes a
 * row, `words` for TFC_LANES x (columns + 2). Returns the bytes written. */
static inline size_t tfc_encode_rows(const tfc_model *model, const uint8_t *symbols,
                                     const uint8_t *rest, const uint8_t *row_class, size_t rows,
                                     uint8_t *out, uint32_t *lengths, uint32_t *words) {
  const uint32_t columns = model->columns, bits = model->probability_bits;
  const uint32_t coded = columns - model->tail_columns;
  uint8_t *next = out;
  for (size_t at = 0; at < rows; at += TFC_LANES) {
    const size_t lanes = rows - at < TFC_LANES ? rows - at : (size_t)TFC_LANES;
    tfc_emitter emitters[TFC_LANES];
    const tfc_share *shares[TFC_LANES];
    const uint8_t *row[TFC_LANES];
    for (size_t k = 0; k < lanes; k++) {
      row[k] = symbols + (at + k) * columns;
      shares[k] = model->shares + 256 * (size_t)row_class[at + k];
      uint64_t state = 0;
      for (uint32_t j = columns; j > coded; j--) {
        const uint32_t word = model->tail.up[row[k][j - 1]];
        state = state << (word >> 16) | (word & 0xffff);
      }
      emitters[k].state = state;
      emitters[k].words = words + k * (columns + 2);
      emitters[k].count = 0;
      if (coded % 2) {
        const tfc_share *share =
            shares[k] + 256 * model->column_class[coded - 1] + row[k][coded - 1];
        tfc_emit(&emitters[k], share->frequency, 64 - bits);
        tfc_give(&emitters[k], share, bits);
      }
    }
    uint32_t j = coded & ~1u;
    if (lanes == TFC_LANES) {
      tfc_emitter a = emitters[0], b = emitters[1], c = emitters[2], d = emitters[3];
      for (; j > 0; j -= 2) {
        tfc_give_pair(&a, shares[0], row[0], model->column_class, j - 2, bits);
        tfc_give_pair(&b, shares[1], row[1], model->column_class, j - 2, bits);
        tfc_give_pair(&c, shares[2], row[2], model->column_class, j - 2, bits);
        tfc_give_pair(&d, shares[3], row[3], model->column_class, j - 2, bits);
      }
      emitters[0] = a, emitters[1] = b, emitters[2] = c, emitters[3] = d;
    } else {
      for (size_t k = 0; k < lanes; k++)
        for (j = coded & ~1u; j > 0; j -= 2)
          tfc_give_pair(&emitters[k], shares[k], row[k], model->column_class, j - 2, bits);
    }
    for (size_t k = 0; k < lanes; k++) {
      tfc_emitter *emitter = &emitters[k];
      const tfc_share *own = model->shares + 256 * (size_t)model->contexts + row_class[at + k];
      tfc_emit(emitter, own->frequency, 64 - bits);
      tfc_give(emitter, own, bits);
      uint8_t *const start = next;
      if (model->rest_bytes) memcpy(next, rest + (at + k) * model->rest_bytes, model->rest_bytes);
      next += model->rest_bytes;
      for (; emitter->state; emitter->state >>= 8) *next++ = (uint8_t)emitter->state;
      while (emitter->count) {
        tfc_store32(next, emitter->words[--emitter->count]);
        next += 4;
      }
      lengths[at + k] = (uint32_t)(next - start);
    }
  }
  return (size_t)(next - out);
}

/* Puts rows of the given lengths into groups of TFC_GROUP_ROWS: the lengths less the shortest, in
 * as many bits as the longest needs, then the rows. entries[g] receives the group's entry of the
 * index, its offset counted from `out`. `out` has room for the rows and 3 bytes a row more, and 16.
 * Returns the bytes written. */
static inline size_t tfc_group_rows(const uint8_t *bytes, const uint32_t *lengths, size_t rows,
                                    uint8_t *out, uint64_t *entries) {
  uint8_t *next = out;
  for (size_t at = 0; at < rows; at += TFC_GROUP_ROWS) {
    const size_t count = rows - at < TFC_GROUP_ROWS ? rows - at : (size_t)TFC_GROUP_ROWS;
    uint32_t shortest = lengths[at], longest = lengths[at], width = 0;
    size_t total = 0;
    for (size_t k = 0; k < count; k++) {
      if (lengths[at + k] < shortest) shortest = lengths[at + k];
      if (lengths[at + k] > longest) longest = lengths[at + k];
      total += lengths[at + k];
    }
    while (width < 32 && (longest - shortest) >> width) width++;
    entries[at / TFC_GROUP_ROWS] =
        (uint64_t)(next - out) | (uint64_t)width << 40 | (uint64_t)shortest << 45;
    tfc_writer writer = {next, 0, 0};
    for (size_t k = 0; k < count; k++) {
      writer.bits |= (uint64_t)(lengths[at + k] - shortest) << writer.count;
      writer.count += width;
      tfc_flush(&writer);
    }
    next += (count * width + 7) / 8;
    memcpy(next, bytes, total);
    next += total;
    bytes += total;
  }
  return (size_t)(next - out);
}

/* Weights in the order of use (see tfc_predict.h) from rows of `pivots` weights per column. */
static inline void tfc_order_weights(const int8_t *stored, uint32_t columns, uint32_t pivots,
                                     int16_t *weights) {
  const uint32_t width = tfc_whole_blocks(columns);
  memset(weights, 0, (size_t)width * tfc_whole_blocks(pivots) * sizeof *weights);
  for (uint32_t j = 0; j < columns; j++)
    for (uint32_t k = 0; k < j && k < pivots; k++)
      weights[tfc_weight_at(width, j, k)] = stored[(size_t)j * pivots + k];
}

enum { TFC_PREDICTED_ROWS = 16 };

/* Residuals of rows that stand in stream order, as tfc_unpredict undoes them.
 *
 * `sums` has TFC_PREDICTED_ROWS x the whole blocks of columns: that many rows take turns at each
 * block of weights. */
static inline void tfc_predict_rows(const uint8_t *symbols, size_t rows, uint32_t columns,
                                    uint32_t pivots, const int16_t *weights, const int32_t *bias,
                                    const uint8_t *shift, int32_t limit, int32_t *sums,
                                    uint8_t *residuals) {
  const uint32_t width = tfc_whole_blocks(columns);
  for (size_t at = 0; at < rows; at += TFC_PREDICTED_ROWS) {
    const size_t count = rows - at < TFC_PREDICTED_ROWS ? rows - at : (size_t)TFC_PREDICTED_ROWS;
    for (size_t r = 0; r < count; r++)
      memcpy(sums + r * width, bias, sizeof *sums * columns);
    for (uint32_t block = 0; block < pivots; block += TFC_BLOCK)
      for (size_t r = 0; r < count; r++) {
        int16_t x[TFC_BLOCK] = {0};
        for (uint32_t k = 0; k < TFC_BLOCK && block + k < columns; k++)
          x[k] = (int8_t)symbols[(at + r) * columns + block + k];
        /* Weights of columns up to a value's own are zero: the block itself can be included. */
        tfc_spread(sums + r * width, weights + tfc_weight_at(width, 0, block), width, block, x);
      }
    for (size_t r = 0; r < count; r++)
      for (uint32_t j = 0; j < columns; j++)
        residuals[(at + r) * columns + j] = (uint8_t)(
            symbols[(at + r) * columns + j] - tfc_clip(sums[r * width + j] >> shift[j], limit));
  }
}

#endif
