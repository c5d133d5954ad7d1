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

/* How many rows the group has that begins with row `first` of a table. */
static inline uint32_t tfc_rows_of_group(const tfc_table *table, uint64_t first) {
  const uint64_t left = table->rows - first;
  return left < TFC_TOGETHER ? (uint32_t)left : (uint32_t)TFC_TOGETHER;
}

/* Scores of one vector against rows from..to as they were decoded: less than making a group takes. */
static inline void tfc_score_decoded(const tfc_some_rows *rows, uint32_t from, uint32_t to,
                                     uint32_t columns, const float *values, float *out) {
  for (uint32_t k = from; k < to; k++) {
    const uint8_t *const symbols = rows->symbols + (size_t)k * columns;
    const uint16_t *const places = rows->places + (size_t)k * columns;
    float sum = 0;
    for (uint32_t i = 0; i < rows->present[k]; i++)
      sum += values[symbols[places[i]]] * rows->vectors[places[i]];
    out[k] = sum;
  }
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
  int are_finite = 1;
  for (size_t k = 0; k < count; k++) are_finite &= numbers[k] - numbers[k] == 0;
  return are_finite;
}

/* What the integers of a class stand for, by their bytes. */
static inline void tfc_fill_values(const tfc_row_steps *row_steps, uint32_t k, float *values) {
  for (int q = -128; q < 128; q++)
    values[q & 255] =
        ((float)q - row_steps->shrink * (float)((q > 0) - (q < 0))) * row_steps->steps[k];
  values[0] = 0; /* whatever the step: zeros make up short rows */
}

/* Scores against rows from..to of a group, those of one class. */
static inline void tfc_score_part(const tfc_group *group, uint32_t from, uint32_t to,
                                  const float *values, const float *vectors, uint32_t lanes,
                                  uint32_t count, float *out, size_t stride) {
  const int is_whole = to - from == group->rows;
  float scores[TFC_VECTORS * TFC_TOGETHER];
  tfc_score_group(group, values, vectors, lanes, count, is_whole ? out : scores,
                  is_whole ? stride : (size_t)TFC_TOGETHER);
  for (uint32_t i = 0; !is_whole && i < count; i++)
    memcpy(out + i * stride + from, scores + (size_t)i * TFC_TOGETHER + from,
           (to - from) * sizeof(float));
}

/* Scores of at most TFC_VECTORS vectors. */
static inline tfc_status tfc_score_some(const tfc_table *table, const tfc_row_steps *row_steps,
                                        const tfc_group *const *kept, const float *vectors,
                                        uint32_t count, float *out, void *scratch,
                                        uint64_t *failed) {
  const uint32_t columns = table->columns, lanes = tfc_lanes_of(count);
  tfc_some_rows rows = tfc_first_rows(table, scratch);
  const int are_finite = tfc_all_finite(vectors, (size_t)count * columns);
  uint32_t classes = 0; /* that have begun */
  float values[256];
  tfc_turn_vectors(vectors, count, columns, lanes, rows.vectors);
  for (uint64_t first = 0; first < table->rows; first += TFC_TOGETHER) {
    const uint32_t some = tfc_rows_of_group(table, first);
    const int takes_group = kept || lanes > 1;
    const tfc_group *group = kept ? kept[first / TFC_TOGETHER] : rows.group;
    if (kept) {
      if (group->form == TFC_PLAIN && !are_finite) group = tfc_sparse_group(group, columns, &rows);
    } else {
      const tfc_status status = tfc_decode_some(table, first, some, &rows, failed);
      if (status != TFC_OK) return status;
      if (takes_group)
        tfc_make_group(rows.group, rows.symbols, rows.places, rows.present, some, columns);
    }
    for (uint32_t from = 0, to; from < some; from = to) {
      if (classes < row_steps->classes && (uint64_t)row_steps->starts[classes] == first + from)
        tfc_fill_values(row_steps, classes++, values);
      to = some;
      if (classes < row_steps->classes && (uint64_t)row_steps->starts[classes] < first + some)
        to = (uint32_t)((uint64_t)row_steps->starts[classes] - first);
      if (takes_group)
        tfc_score_part(group, from, to, values, rows.vectors, lanes, count, out + first,
                       table->rows);
      else
        tfc_score_decoded(&rows, from, to, columns, values, out + first);
    }
  }
  return TFC_OK;
}

/* Scores of `count` vectors of `columns` numbers each against every row of an int8 table: `out` has
 * `rows` numbers for each. `kept` are the table's groups, NULL to decode them. Scratch takes
 * tfc_scores_scratch_bytes. On failure `*failed` is the row that could not be decoded. */
static inline tfc_status tfc_scores(const tfc_table *table, const tfc_row_steps *row_steps,
                                    const tfc_group *const *kept, const float *vectors,
                                    size_t count, float *out, void *scratch, uint64_t *failed) {
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
