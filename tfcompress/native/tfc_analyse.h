/* Counts and costs that the packer's choices rest on. */
#ifndef TFC_ANALYSE_H
#define TFC_ANALYSE_H

#include "tfc_format.h"

/* counts[contexts][256] by symbol byte, added to; the context of a symbol is row class + column
 * class. */
static inline void tfc_count_contexts(const uint8_t *symbols, size_t rows, uint32_t columns,
                                      const uint8_t *row_class, const uint8_t *column_class,
                                      uint64_t *counts) {
  for (size_t r = 0; r < rows; r++) {
    uint64_t *own = counts + 256 * (size_t)row_class[r];
    const uint8_t *row = symbols + r * columns;
    for (uint32_t j = 0; j < columns; j++) own[256 * (size_t)column_class[j] + row[j]]++;
  }
}

/* counts[columns][row_classes][256] by symbol byte, added to: what moving a column would change. */
static inline void tfc_count_columns(const uint8_t *symbols, size_t rows, uint32_t columns,
                                     const uint8_t *row_class, uint32_t row_classes,
                                     float *counts) {
  for (size_t r = 0; r < rows; r++) {
    const uint8_t *row = symbols + r * columns;
    float *own = counts + 256 * (size_t)row_class[r];
    for (uint32_t j = 0; j < columns; j++, own += 256 * (size_t)row_classes) own[row[j]] += 1;
  }
}

/* counts[rows][256] by symbol byte. */
static inline void tfc_count_rows(const uint8_t *symbols, size_t rows, uint32_t columns,
                                  uint32_t *counts) {
  memset(counts, 0, rows * 256 * sizeof *counts);
  for (size_t r = 0; r < rows; r++)
    for (uint32_t j = 0; j < columns; j++) counts[r * 256 + symbols[r * columns + j]]++;
}

/* sums[r]: the costs of row r's symbols, by symbol byte, added up. */
static inline void tfc_sum_costs(const uint8_t *symbols, size_t rows, uint32_t columns,
                                 const double *costs, double *sums) {
  for (size_t r = 0; r < rows; r++) {
    const uint8_t *row = symbols + r * columns;
    double even = 0, odd = 0; /* two chains: an addition takes longer than a load */
    uint32_t j = 0;
    for (; j + 2 <= columns; j += 2) {
      even += costs[row[j]];
      odd += costs[row[j + 1]];
    }
    if (j < columns) even += costs[row[j]];
    sums[r] = even + odd;
  }
}

/* For every row a class that costs less than its neighbours.
 *
 * From its present class a row goes up, then down, until `patience` classes in a row cost more.
 * costs[contexts][256] by symbol byte and class_costs[row_classes] are in any one unit; the sum
 * over a row must stay below 2^32. best[r] receives the cost under the class chosen. */
static inline void tfc_choose_classes(const uint8_t *symbols, size_t rows, uint32_t columns,
                                      const uint8_t *column_class, const uint16_t *costs,
                                      const uint32_t *class_costs, uint32_t row_classes,
                                      uint32_t patience, uint8_t *row_class, uint32_t *best) {
  for (size_t r = 0; r < rows; r++) {
    const uint8_t *row = symbols + r * columns;
    const uint32_t now = row_class[r];
    best[r] = UINT32_MAX;
    for (int step = 1; step >= -1; step -= 2) {
      uint32_t misses = 0, candidate = now;
      if (step < 0) candidate--; /* the present class was looked at on the way up */
      for (; candidate < row_classes && misses <= patience; candidate += (uint32_t)step) {
        if (patience == 0 && candidate != now) break;
        const uint16_t *own = costs + 256 * (size_t)candidate;
        uint32_t sum = class_costs[candidate];
        for (uint32_t j = 0; j < columns; j++) sum += own[256 * (size_t)column_class[j] + row[j]];
        misses++;
        if (sum < best[r]) {
          best[r] = sum;
          row_class[r] = (uint8_t)candidate;
          misses = 0;
        }
      }
    }
  }
}

/* Where the parabola of each point starts to be the lowest, along one row of the lower envelope.
 *
 * Point m has (a - points[m])^2 + heights[m] - points[m]^2; points rise. starts[m - 1] receives the
 * value a above which it is lowest, or that of the next one that ever is; the last one always is.
 * hull[points] and crossings[points] are work space. */
static inline void tfc_lower_envelope(const double *heights, const double *points, size_t count,
                                      uint32_t *hull, double *crossings, float *starts) {
  size_t size = 1;
  hull[0] = 0;
  for (uint32_t m = 1; m < count; m++) {
    double crossing;
    for (;; size--) {
      const uint32_t last = hull[size - 1];
      crossing = (heights[m] - heights[last]) / (2 * (points[m] - points[last]));
      if (size == 1 || crossing > crossings[size - 1]) break;
    }
    hull[size] = m;
    crossings[size++] = crossing;
  }
  for (size_t k = 1; k < size; k++)
    for (uint32_t m = hull[k - 1]; m < hull[k]; m++) starts[m] = (float)crossings[k];
}

#endif
