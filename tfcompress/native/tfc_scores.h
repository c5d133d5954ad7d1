/* Scores of vectors against every row of a packed table, one pass over it and no row of floats.
 *
 * The table holds integers with a step for each class of rows, a class being a run of rows:
 *
 *   score of row r = sum over columns j of (q_rj - shrink * sign(q_rj)) * step of r's class * h_j
 *
 * Rows are decoded to integers a few at a time, and only integers other than zero are multiplied,
 * which in a coarse table are few.
 */
#ifndef TFC_SCORES_H
#define TFC_SCORES_H

#include "tfc_decode.h"

enum {
  TFC_VECTORS = 32, /* that are scored in one pass over the table */
  TFC_ABREAST = 8   /* of them that are multiplied side by side */
};

/* What integers stand for. */
typedef struct {
  const float *steps;    /* of each class */
  const int32_t *starts; /* first row of each class: 0, then rising, all below the table's rows */
  uint32_t classes;
  float shrink;
} tfc_row_steps;

/* The decoder's scratch; then vectors, columns of integers not zero, and integers. */
static inline size_t tfc_scores_scratch_bytes(const tfc_table *table) {
  const size_t columns = table->columns;
  return tfc_scratch_bytes(table) + TFC_VECTORS * columns * sizeof(float) +
         TFC_AHEAD * columns * (sizeof(uint16_t) + 1);
}

/* Some rows that follow one another, decoded. */
typedef struct {
  tfc_block block; /* mode `rate` goes on in it */
  uint8_t *symbols;
  uint16_t *places; /* of each row, the columns of integers that are not zero */
  uint32_t present[TFC_AHEAD];
} tfc_some_rows;

/* Decodes `count` rows from `first` on; returns how many before one that is damaged. */
static inline uint32_t tfc_decode_some(const tfc_table *table, uint64_t first, uint32_t count,
                                       tfc_some_rows *rows, void *scratch, tfc_status *status) {
  const uint32_t columns = table->columns;
  if (table->mode == TFC_RATE) {
    for (uint32_t k = 0; k < count; k++) {
      rows->block.places = rows->places + (size_t)k * columns;
      *status = tfc_rate_seek(table, &rows->block, first + k, rows->symbols + (size_t)k * columns);
      if (*status != TFC_OK) return k;
      rows->present[k] = rows->block.present;
    }
    return count;
  }
  int64_t ids[TFC_AHEAD];
  size_t sound = count;
  for (uint32_t k = 0; k < count; k++) ids[k] = (int64_t)(first + k);
  *status = tfc_rows(table, ids, count, rows->symbols, scratch, &sound);
  if (*status == TFC_OK) sound = count;
  for (uint32_t k = 0; k < sound; k++) {
    const uint8_t *const own = rows->symbols + (size_t)k * columns;
    uint16_t *const places = rows->places + (size_t)k * columns;
    uint32_t present = 0;
    for (uint32_t j = 0; j < columns; j++) {
      places[present] = (uint16_t)j;
      present += own[j] != 0;
    }
    rows->present[k] = present;
  }
  return (uint32_t)sound;
}

/* Scores of one row: `lanes` numbers of each column stand side by side in `vectors`, of which
 * `count` are vectors; their scores go `stride` apart. */
static inline void tfc_score_row(const uint8_t *symbols, const uint16_t *places, uint32_t present,
                                 const float *values, const float *vectors, uint32_t lanes,
                                 uint32_t count, float *out, size_t stride) {
  if (lanes == 1) {
    float sum = 0;
    for (uint32_t k = 0; k < present; k++) sum += values[symbols[places[k]]] * vectors[places[k]];
    *out = sum;
    return;
  }
  for (uint32_t at = 0; at < lanes; at += TFC_ABREAST) {
    float sums[TFC_ABREAST] = {0};
    for (uint32_t k = 0; k < present; k++) {
      const float value = values[symbols[places[k]]];
      const float *const own = vectors + (size_t)places[k] * lanes + at;
      for (uint32_t i = 0; i < TFC_ABREAST; i++) sums[i] += value * own[i];
    }
    for (uint32_t i = 0; i < TFC_ABREAST && at + i < count; i++) out[(at + i) * stride] = sums[i];
  }
}

/* Scores of at most TFC_VECTORS vectors. */
static inline tfc_status tfc_score_some(const tfc_table *table, const tfc_row_steps *row_steps,
                                        const float *vectors, uint32_t count, float *out,
                                        uint8_t *scratch, uint64_t *failed) {
  const uint32_t columns = table->columns;
  const uint32_t lanes = count == 1 ? 1 : (count + TFC_ABREAST - 1) & ~(TFC_ABREAST - 1u);
  float *const turned = (float *)(void *)(scratch + tfc_scratch_bytes(table));
  tfc_some_rows rows;
  memset(&rows, 0, sizeof rows);
  rows.places = (uint16_t *)(void *)(turned + (size_t)TFC_VECTORS * columns);
  rows.symbols = (uint8_t *)(rows.places + (size_t)TFC_AHEAD * columns);
  memset(turned, 0, (size_t)lanes * columns * sizeof(float));
  for (uint32_t i = 0; i < count; i++)
    for (uint32_t j = 0; j < columns; j++)
      turned[(size_t)j * lanes + i] = vectors[(size_t)i * columns + j];
  for (uint32_t c = 0; c < row_steps->classes; c++) {
    const uint64_t stop =
        c + 1 < row_steps->classes ? (uint64_t)row_steps->starts[c + 1] : table->rows;
    float values[256];
    for (int q = -128; q < 128; q++)
      values[q & 255] =
          ((float)q - row_steps->shrink * (float)((q > 0) - (q < 0))) * row_steps->steps[c];
    for (uint64_t row = (uint64_t)row_steps->starts[c]; row < stop; row += TFC_AHEAD) {
      const uint32_t some = stop - row < TFC_AHEAD ? (uint32_t)(stop - row) : (uint32_t)TFC_AHEAD;
      tfc_status status = TFC_OK;
      const uint32_t sound = tfc_decode_some(table, row, some, &rows, scratch, &status);
      for (uint32_t k = 0; k < sound; k++)
        tfc_score_row(rows.symbols + (size_t)k * columns, rows.places + (size_t)k * columns,
                      rows.present[k], values, turned, lanes, count, out + row + k, table->rows);
      if (status != TFC_OK) {
        *failed = row + sound;
        return status;
      }
    }
  }
  return TFC_OK;
}

/* Scores of `count` vectors of `columns` numbers each against every row of an int8 table: `out` has
 * `rows` numbers for each. Scratch takes tfc_scores_scratch_bytes. On failure `*failed` is the row
 * that could not be decoded. */
static inline tfc_status tfc_scores(const tfc_table *table, const tfc_row_steps *row_steps,
                                    const float *vectors, size_t count, float *out, void *scratch,
                                    uint64_t *failed) {
  for (size_t at = 0; at < count; at += TFC_VECTORS) {
    const uint32_t some = count - at < TFC_VECTORS ? (uint32_t)(count - at) : (uint32_t)TFC_VECTORS;
    const tfc_status status =
        tfc_score_some(table, row_steps, vectors + at * table->columns, some,
                       out + at * table->rows, (uint8_t *)scratch, failed);
    if (status != TFC_OK) return status;
  }
  return TFC_OK;
}

#endif
