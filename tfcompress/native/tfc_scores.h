/* Scores of vectors against every row of a packed table, one pass over it and no row of floats.
 *
 * The table holds integers with a step for each class of rows, a class being a run of rows:
 *
 *   score of row r = sum over columns j of (q_rj - shrink * sign(q_rj)) * step of r's class * h_j
 *
 * Rows come in groups of their integers other than zero (tfc_sparse.h), which in a coarse table are
 * few: decoded as the pass goes, or from where all of them are kept.
 */
#ifndef TFC_SCORES_H
#define TFC_SCORES_H

#include "tfc_decode.h"
#include "tfc_sparse.h"

/* What integers stand for. */
typedef struct {
  const float *steps;    /* of each class */
  const int32_t *starts; /* first row of each class: 0, then rising, all below the table's rows */
  uint32_t classes;
  float shrink;
} tfc_row_steps;

/* Groups of a whole table that are kept: `used` bytes of them follow, and more in the next chunk. */
typedef struct tfc_chunk {
  struct tfc_chunk *next;
  size_t used;
} tfc_chunk;

/* The decoder's scratch; then vectors, a group, columns of integers not zero, and integers. */
static inline size_t tfc_scores_scratch_bytes(const tfc_table *table) {
  const size_t columns = table->columns;
  return tfc_scratch_bytes(table) + TFC_VECTORS * (columns + 1) * sizeof(float) +
         tfc_group_bound(table->columns) + TFC_TOGETHER * columns * (sizeof(uint16_t) + 1);
}

/* Rows in the course of decoding, and the scratch of a pass. */
typedef struct {
  tfc_block block; /* mode `rate` goes on in it */
  void *scratch;
  float *vectors;
  tfc_group *group;
  uint16_t *places; /* of each row, the columns of integers that are not zero */
  uint8_t *symbols;
  uint32_t present[TFC_TOGETHER];
} tfc_some_rows;

static inline tfc_some_rows tfc_first_rows(const tfc_table *table, void *scratch) {
  tfc_some_rows rows;
  memset(&rows, 0, sizeof rows);
  rows.scratch = scratch;
  rows.vectors = (float *)(void *)((uint8_t *)scratch + tfc_scratch_bytes(table));
  rows.group = (tfc_group *)(void *)(rows.vectors + TFC_VECTORS * ((size_t)table->columns + 1));
  rows.places = (uint16_t *)(void *)((uint8_t *)rows.group + tfc_group_bound(table->columns));
  rows.symbols = (uint8_t *)(rows.places + TFC_TOGETHER * (size_t)table->columns);
  return rows;
}

/* Finds the integers that are not zero in `count` rows of symbols. */
static inline void tfc_find_integers(const uint8_t *symbols, uint32_t count, uint32_t columns,
                                     tfc_some_rows *rows) {
  for (uint32_t k = 0; k < count; k++)
    rows->present[k] = tfc_find_places(symbols + (size_t)k * columns, columns,
                                       rows->places + (size_t)k * columns);
}

/* Decodes `count` rows from `first` on. On failure `*failed` is the one that is damaged. */
static inline tfc_status tfc_decode_some(const tfc_table *table, uint64_t first, uint32_t count,
                                         tfc_some_rows *rows, uint64_t *failed) {
  const uint32_t columns = table->columns;
  if (table->mode == TFC_RATE) {
    for (uint32_t k = 0; k < count; k++) {
      rows->block.places = rows->places + (size_t)k * columns;
      *failed = first + k;
      const tfc_status status =
          tfc_rate_seek(table, &rows->block, first + k, rows->symbols + (size_t)k * columns);
      if (status != TFC_OK) return status;
      rows->present[k] = rows->block.present;
    }
    return TFC_OK;
  }
  int64_t ids[TFC_TOGETHER];
  size_t sound = 0;
  for (uint32_t k = 0; k < TFC_TOGETHER; k++) ids[k] = (int64_t)(first + k);
  const tfc_status status = tfc_rows(table, ids, count, rows->symbols, rows->scratch, &sound);
  *failed = first + sound;
  if (status == TFC_OK) tfc_find_integers(rows->symbols, count, columns, rows);
  return status;
}

/* Where the rows of a class end. */
static inline uint64_t tfc_class_end(const tfc_table *table, const tfc_row_steps *row_steps,
                                     uint32_t k) {
  return k + 1 < row_steps->classes ? (uint64_t)row_steps->starts[k + 1] : table->rows;
}

/* How many rows the group has that begins with row `first` of a class. */
static inline uint32_t tfc_rows_of_group(uint64_t first, uint64_t class_end) {
  return class_end - first < TFC_TOGETHER ? (uint32_t)(class_end - first) : (uint32_t)TFC_TOGETHER;
}

/* Scores of one vector against rows as they were decoded: in as many steps as a group would take,
 * and without making one. */
static inline void tfc_score_decoded(const tfc_some_rows *rows, uint32_t count, uint32_t columns,
                                     const float *values, float *out) {
  for (uint32_t k = 0; k < count; k++) {
    const uint8_t *const symbols = rows->symbols + (size_t)k * columns;
    const uint16_t *const places = rows->places + (size_t)k * columns;
    float sum = 0;
    for (uint32_t i = 0; i < rows->present[k]; i++)
      sum += values[symbols[places[i]]] * rows->vectors[places[i]];
    out[k] = sum;
  }
}

/* The group at a place in what is kept, which moves on. */
static inline const tfc_group *tfc_next_kept(const tfc_chunk **chunk, size_t *at,
                                             uint32_t columns) {
  if (*at == (*chunk)->used) *chunk = (*chunk)->next, *at = 0;
  const uint8_t *const bytes = (const uint8_t *)(*chunk + 1) + *at;
  const tfc_group *const group = (const tfc_group *)(const void *)bytes;
  *at += tfc_group_bytes(group, columns);
  return group;
}

/* A plain group made sparse, in the scratch. */
static inline const tfc_group *tfc_sparse_group(const tfc_group *group, uint32_t columns,
                                                tfc_some_rows *rows) {
  const uint8_t *const symbols = (const uint8_t *)(group + 1);
  tfc_find_integers(symbols, group->rows, columns, rows);
  tfc_make_group(rows->group, symbols, rows->places, rows->present, group->rows, columns);
  return rows->group;
}

/* Puts vectors side by side, `lanes` numbers for each column, and zeros behind the last column. */
static inline void tfc_turn_vectors(const float *vectors, uint32_t count, uint32_t columns,
                                    uint32_t lanes, float *turned) {
  memset(turned, 0, (size_t)lanes * ((size_t)columns + 1) * sizeof(float));
  for (uint32_t i = 0; i < count; i++)
    for (uint32_t j = 0; j < columns; j++)
      turned[(size_t)j * lanes + i] = vectors[(size_t)i * columns + j];
}

static inline int tfc_all_finite(const float *numbers, size_t count) {
  int is_finite = 1;
  for (size_t k = 0; k < count; k++) is_finite &= numbers[k] - numbers[k] == 0;
  return is_finite;
}

/* Scores of at most TFC_VECTORS vectors. */
static inline tfc_status tfc_score_some(const tfc_table *table, const tfc_row_steps *row_steps,
                                        const tfc_chunk *kept, const float *vectors, uint32_t count,
                                        float *out, void *scratch, uint64_t *failed) {
  const uint32_t columns = table->columns, lanes = tfc_lanes_of(count);
  tfc_some_rows rows = tfc_first_rows(table, scratch);
  const int are_finite = tfc_all_finite(vectors, (size_t)count * columns);
  size_t at = 0; /* in what is kept */
  tfc_turn_vectors(vectors, count, columns, lanes, rows.vectors);
  for (uint32_t c = 0; c < row_steps->classes; c++) {
    const uint64_t stop = tfc_class_end(table, row_steps, c);
    float values[256];
    for (int q = -128; q < 128; q++)
      values[q & 255] =
          ((float)q - row_steps->shrink * (float)((q > 0) - (q < 0))) * row_steps->steps[c];
    values[0] = 0; /* whatever the step: zeros make up short rows */
    for (uint64_t row = (uint64_t)row_steps->starts[c]; row < stop; row += TFC_TOGETHER) {
      const uint32_t some = tfc_rows_of_group(row, stop);
      const tfc_group *group = rows.group;
      if (kept) {
        group = tfc_next_kept(&kept, &at, columns);
        if (group->form == TFC_PLAIN && !are_finite) group = tfc_sparse_group(group, columns, &rows);
      } else {
        const tfc_status status = tfc_decode_some(table, row, some, &rows, failed);
        if (status != TFC_OK) return status;
        if (lanes == 1) {
          tfc_score_decoded(&rows, some, columns, values, out + row);
          continue;
        }
        tfc_make_group(rows.group, rows.symbols, rows.places, rows.present, some, columns);
      }
      tfc_score_group(group, values, rows.vectors, lanes, count, out + row, table->rows);
    }
  }
  return TFC_OK;
}

/* Scores of `count` vectors of `columns` numbers each against every row of an int8 table: `out` has
 * `rows` numbers for each. `kept` are all groups of the table, by these classes; NULL to decode
 * them. Scratch takes tfc_scores_scratch_bytes. On failure `*failed` is the row that could not be
 * decoded. */
static inline tfc_status tfc_scores(const tfc_table *table, const tfc_row_steps *row_steps,
                                    const tfc_chunk *kept, const float *vectors, size_t count,
                                    float *out, void *scratch, uint64_t *failed) {
  for (size_t at = 0; at < count; at += TFC_VECTORS) {
    const uint32_t some = count - at < TFC_VECTORS ? (uint32_t)(count - at) : (uint32_t)TFC_VECTORS;
    const tfc_status status =
        tfc_score_some(table, row_steps, kept, vectors + at * table->columns, some,
                       out + at * table->rows, scratch, failed);
    if (status != TFC_OK) return status;
  }
  return TFC_OK;
}

#endif
