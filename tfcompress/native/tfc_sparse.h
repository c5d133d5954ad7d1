/* Groups of rows as their integers that are not zero, and scores of vectors against them.
 *
 * A group is some rows that follow one another, four side by side: as their sums do not wait for
 * each other, a step takes one integer of each. Rows of as many integers come together, and a row
 * that has fewer than the longest of its four goes on with zeros of a column of zeros behind the
 * vector. A row's sum goes by columns, whatever rows stand beside it, so a score is the same to the
 * bit in any group, and for any number of vectors (of a compiler that fuses all products with their
 * sums, or none: for GCC see CMakeLists.txt).
 *
 * An entry is an integer in the low byte and its column above, in 16 bits where columns have a byte:
 *
 *   group, then longest[0] times 4 entries of rows order[0..3], longest[1] times 4 of order[4..7] ...
 *
 * A plain group has all integers behind it instead, a byte each, row after row in their own order.
 */
#ifndef TFC_SPARSE_H
#define TFC_SPARSE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
  TFC_TOGETHER = 32,    /* rows of a group */
  TFC_FOURS = 8,        /* of them */
  TFC_ABREAST = 16,     /* vectors that are multiplied side by side, four quads */
  TFC_FEW_ABREAST = 8,  /* where there are no more, two */
  TFC_VECTORS = 32,     /* that are scored in one pass over the table */
  TFC_SHORT_ENTRY = 255 /* columns, up to which entries have 16 bits */
};

typedef enum { TFC_SHORT, TFC_LONG, TFC_PLAIN } tfc_form;

typedef struct {
  uint16_t rows, form;
  uint16_t longest[TFC_FOURS]; /* entries of the longest of each four rows, at most 65,535 */
  uint8_t order[TFC_TOGETHER]; /* rows, those of the most integers first */
} tfc_group;

/* Bytes of an entry. */
static inline size_t tfc_entry_bytes(uint32_t columns) {
  return columns <= TFC_SHORT_ENTRY ? sizeof(uint16_t) : sizeof(uint32_t);
}

/* Bytes of a group at most. */
static inline size_t tfc_group_bound(uint32_t columns) {
  return sizeof(tfc_group) + TFC_TOGETHER * (size_t)columns * tfc_entry_bytes(columns);
}

/* Bytes of a plain group of so many rows: a multiple of 4, as a group begins at one. */
static inline size_t tfc_plain_bytes(uint32_t rows, uint32_t columns) {
  return sizeof(tfc_group) + (((size_t)rows * columns + 3) & ~(size_t)3);
}

/* Bytes of a group. */
static inline size_t tfc_group_bytes(const tfc_group *group, uint32_t columns) {
  if (group->form == TFC_PLAIN) return tfc_plain_bytes(group->rows, columns);
  size_t entries = 0;
  for (uint32_t k = 0; k < TFC_FOURS; k++) entries += 4 * (size_t)group->longest[k];
  return sizeof *group + entries * tfc_entry_bytes(columns);
}

/* Finds the columns of a row's integers that are not zero; returns how many there are. */
static inline uint32_t tfc_find_places(const uint8_t *row, uint32_t columns, uint16_t *places) {
  uint32_t present = 0;
  for (uint32_t j = 0; j < columns; j++) {
    places[present] = (uint16_t)j;
    present += row[j] != 0;
  }
  return present;
}

/* Writes a row's entries, and zeros up to `longest`: every fourth entry from `at` on. */
static inline void tfc_put_row(tfc_group *group, tfc_form form, size_t at, const uint8_t *symbols,
                               const uint16_t *places, uint32_t present, uint32_t longest,
                               uint32_t columns) {
  uint16_t *const narrow = (uint16_t *)(void *)(group + 1) + at;
  uint32_t *const wide = (uint32_t *)(void *)(group + 1) + at;
  for (uint32_t i = 0; i < longest; i++) {
    const uint32_t entry =
        i < present ? (uint32_t)places[i] << 8 | symbols[places[i]] : columns << 8;
    if (form == TFC_SHORT)
      narrow[4 * (size_t)i] = (uint16_t)entry;
    else
      wide[4 * (size_t)i] = entry;
  }
}

/* Makes a group of `rows` rows of `columns` integers, of which places[row * columns..] are the
 * columns of those that are not zero, present[row] of them. */
static inline void tfc_make_group(tfc_group *group, const uint8_t *symbols, const uint16_t *places,
                                  const uint32_t *present, uint32_t rows, uint32_t columns) {
  memset(group, 0, sizeof *group);
  group->rows = (uint16_t)rows;
  group->form = columns <= TFC_SHORT_ENTRY ? TFC_SHORT : TFC_LONG;
  for (uint32_t row = 0; row < rows; row++) {
    uint32_t k = row;
    for (; k && present[group->order[k - 1]] < present[row]; k--)
      group->order[k] = group->order[k - 1];
    group->order[k] = (uint8_t)row;
  }
  size_t at = 0;
  for (uint32_t k = 0; k < rows; k += 4) {
    const uint32_t longest = present[group->order[k]];
    group->longest[k / 4] = (uint16_t)longest;
    for (uint32_t r = 0; r < 4; r++) {
      const uint32_t row = k + r < rows ? group->order[k + r] : 0;
      const uint32_t own = k + r < rows ? present[row] : 0;
      const uint8_t *const integers = symbols + (size_t)row * columns;
      const uint16_t *const own_places = places + (size_t)row * columns;
      if (group->form == TFC_SHORT) /* a loop for either form */
        tfc_put_row(group, TFC_SHORT, at + r, integers, own_places, own, longest, columns);
      else
        tfc_put_row(group, TFC_LONG, at + r, integers, own_places, own, longest, columns);
    }
    at += 4 * (size_t)longest;
  }
}

/* Makes a plain group out of a sparse one and its integers. */
static inline void tfc_make_plain(tfc_group *plain, const tfc_group *group, const uint8_t *symbols,
                                  uint32_t columns) {
  memset(plain, 0, sizeof *plain);
  plain->rows = group->rows;
  plain->form = TFC_PLAIN;
  for (uint32_t k = 0; k < group->rows; k++) plain->order[k] = (uint8_t)k;
  for (uint32_t k = 0; k < group->rows; k += 4) plain->longest[k / 4] = (uint16_t)columns;
  memcpy(plain + 1, symbols, (size_t)group->rows * columns);
}

/* Where the entries of a group's k-th row begin; `fours` is where those of its four do. */
static inline size_t tfc_row_start(const tfc_group *group, tfc_form form, uint32_t k, size_t fours) {
  if (form != TFC_PLAIN) return fours + k % 4;
  return (size_t)(k < group->rows ? k : group->rows - 1u) * group->longest[0];
}

/* The i-th entry of the row whose entries begin at `start`. */
static inline uint32_t tfc_entry(const tfc_group *group, tfc_form form, size_t start, uint32_t i) {
  const void *const entries = group + 1;
  if (form == TFC_PLAIN) return ((const uint8_t *)entries)[start + i] | i << 8;
  if (form == TFC_SHORT) return ((const uint16_t *)entries)[start + 4 * (size_t)i];
  return ((const uint32_t *)entries)[start + 4 * (size_t)i];
}

/* Row `row` of a group, as `columns` bytes. */
static inline void tfc_group_row(const tfc_group *group, uint32_t row, uint32_t columns,
                                 uint8_t *out) {
  const tfc_form form = (tfc_form)group->form;
  if (form == TFC_PLAIN) {
    memcpy(out, (const uint8_t *)(group + 1) + (size_t)row * columns, columns);
    return;
  }
  uint32_t k = 0;
  size_t fours = 0;
  while (group->order[k] != row) k++;
  for (uint32_t i = 0; i < k / 4; i++) fours += 4 * (size_t)group->longest[i];
  memset(out, 0, columns);
  for (uint32_t i = 0; i < group->longest[k / 4]; i++) {
    const uint32_t entry = tfc_entry(group, form, fours + k % 4, i);
    if (!(entry & 255)) return; /* the row ends before the longest of its four */
    out[entry >> 8] = (uint8_t)entry;
  }
}

/* Scores of one vector against a group: `values` are what integers stand for, by their bytes. */
static inline void tfc_score_one(const tfc_group *group, tfc_form form, const float *values,
                                 const float *vector, float *out) {
  float sums[TFC_TOGETHER];
  size_t fours = 0;
  for (uint32_t k = 0; k < group->rows; k += 4) {
    const uint32_t longest = group->longest[k / 4];
    const size_t first = tfc_row_start(group, form, k, fours);
    const size_t second = tfc_row_start(group, form, k + 1, fours);
    const size_t third = tfc_row_start(group, form, k + 2, fours);
    const size_t fourth = tfc_row_start(group, form, k + 3, fours);
    float a = 0, b = 0, c = 0, d = 0;
    for (uint32_t i = 0; i < longest; i++) {
      const uint32_t p = tfc_entry(group, form, first, i), q = tfc_entry(group, form, second, i);
      const uint32_t r = tfc_entry(group, form, third, i), s = tfc_entry(group, form, fourth, i);
      a += values[p & 255] * vector[p >> 8];
      b += values[q & 255] * vector[q >> 8];
      c += values[r & 255] * vector[r >> 8];
      d += values[s & 255] * vector[s >> 8];
    }
    sums[k] = a, sums[k + 1] = b, sums[k + 2] = c, sums[k + 3] = d;
    fours += 4 * (size_t)longest;
  }
  for (uint32_t k = 0; k < group->rows; k++) out[group->order[k]] = sums[k];
}

/* Four numbers, of four vectors: compilers do not find by themselves that sums fit in registers. */
#if defined(__GNUC__)
typedef float tfc_quad __attribute__((vector_size(16)));
#define TFC_ADD_PRODUCT(sum, value, numbers)               \
  do {                                                     \
    const tfc_quad all = {(value), (value), (value), (value)}; \
    tfc_quad quad;                                         \
    memcpy(&quad, (numbers), sizeof quad);                 \
    (sum) += all * quad;                                   \
  } while (0)
#else
typedef struct {
  float of[4];
} tfc_quad;
#define TFC_ADD_PRODUCT(sum, value, numbers) \
  for (int lane = 0; lane < 4; lane++) (sum).of[lane] += (value) * (numbers)[lane]
#endif

/* Scores of `abreast` vectors, of `lanes` that stand side by side, against one row of a group. */
static inline void tfc_score_abreast(const tfc_group *group, tfc_form form, size_t start,
                                     uint32_t longest, const float *values, const float *vectors,
                                     uint32_t lanes, uint32_t abreast, float *out) {
  tfc_quad a, b, c, d;
  memset(&a, 0, sizeof a);
  b = c = d = a;
  for (uint32_t i = 0; i < longest; i++) {
    const uint32_t entry = tfc_entry(group, form, start, i);
    const float value = values[entry & 255];
    const float *const own = vectors + (size_t)(entry >> 8) * lanes;
    TFC_ADD_PRODUCT(a, value, own);
    TFC_ADD_PRODUCT(b, value, own + 4);
    if (abreast == TFC_FEW_ABREAST) continue;
    TFC_ADD_PRODUCT(c, value, own + 8);
    TFC_ADD_PRODUCT(d, value, own + 12);
  }
  memcpy(out, &a, sizeof a);
  memcpy(out + 4, &b, sizeof b);
  if (abreast == TFC_FEW_ABREAST) return;
  memcpy(out + 8, &c, sizeof c);
  memcpy(out + 12, &d, sizeof d);
}

/* Scores of `count` vectors against a group: `lanes` numbers of each column stand side by side in
 * `vectors`, and the vectors' scores go `stride` apart. */
static inline void tfc_score_many(const tfc_group *group, tfc_form form, const float *values,
                                  const float *vectors, uint32_t lanes, uint32_t count, float *out,
                                  size_t stride) {
  float scores[TFC_TOGETHER * TFC_VECTORS];
  size_t fours = 0;
  for (uint32_t k = 0; k < group->rows; k++) {
    const uint32_t longest = group->longest[k / 4];
    const size_t start = tfc_row_start(group, form, k, fours);
    float *const own = scores + (size_t)group->order[k] * lanes;
    if (lanes == TFC_FEW_ABREAST)
      tfc_score_abreast(group, form, start, longest, values, vectors, lanes, TFC_FEW_ABREAST, own);
    else
      for (uint32_t j = 0; j < lanes; j += TFC_ABREAST)
        tfc_score_abreast(group, form, start, longest, values, vectors + j, lanes, TFC_ABREAST,
                          own + j);
    if (k % 4 == 3) fours += 4 * (size_t)longest;
  }
  for (uint32_t i = 0; i < count; i++)
    for (uint32_t k = 0; k < group->rows; k++) out[i * stride + k] = scores[(size_t)k * lanes + i];
}

/* How many numbers of a column stand side by side for so many vectors. */
static inline uint32_t tfc_lanes_of(uint32_t count) {
  if (count == 1) return 1;
  if (count <= TFC_FEW_ABREAST) return TFC_FEW_ABREAST;
  return (count + TFC_ABREAST - 1) / TFC_ABREAST * TFC_ABREAST;
}

/* Scores of vectors against the rows of a group, as tfc_score_many. A plain group's zeros are
 * multiplied, which adds nothing to the bit where all vectors are finite, as they must be then. */
static inline void tfc_score_group(const tfc_group *group, const float *values,
                                   const float *vectors, uint32_t lanes, uint32_t count, float *out,
                                   size_t stride) {
#define TFC_SCORE(form)                                                            \
  if (lanes == 1)                                                                  \
    tfc_score_one(group, form, values, vectors, out);                              \
  else                                                                             \
    tfc_score_many(group, form, values, vectors, lanes, count, out, stride)
  if (group->form == TFC_SHORT) { /* a loop for each form */
    TFC_SCORE(TFC_SHORT);
  } else if (group->form == TFC_LONG) {
    TFC_SCORE(TFC_LONG);
  } else {
    TFC_SCORE(TFC_PLAIN);
  }
#undef TFC_SCORE
}

#endif
