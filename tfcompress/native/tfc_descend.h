/* Rounding a row of which every value's error counts together with those of the others.
 *
 * The error e of a row, in units of its integers, harms by e M e^T. Value after value goes to the
 * magnitude that costs least, squared harm and bits, the other values being what they are: what one
 * of them lacks is made up for by those it harms together with. */
#ifndef TFC_DESCEND_H
#define TFC_DESCEND_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

/* Where an integer lies: nearer to zero by shrink. */
static inline float tfc_reconstructed(int8_t integer, float shrink) {
  return integer > 0 ? integer - shrink : integer < 0 ? integer + shrink : 0.0f;
}

/* Goes over the integers of a row once.
 *
 * metric: columns x columns, symmetric, its diagonal positive. target: the values that are wanted.
 * costs: what a magnitude costs in the context of a column, times what a bit weighs, of
 * `magnitudes` magnitudes a context, column_context giving each column's. harm receives M times the
 * error, `columns` values. Magnitudes stay below `magnitudes`. */
static inline void tfc_descend_row(const float *metric, const float *target, uint32_t columns,
                                   const float *costs, uint32_t magnitudes,
                                   const uint8_t *column_context, float shrink, float *harm,
                                   int8_t *integers) {
  for (uint32_t k = 0; k < columns; k++) harm[k] = 0.0f;
  for (uint32_t k = 0; k < columns; k++) {
    const float error = tfc_reconstructed(integers[k], shrink) - target[k];
    const float *own = metric + (size_t)k * columns;
    for (uint32_t c = 0; c < columns; c++) harm[c] += own[c] * error;
  }
  for (uint32_t k = 0; k < columns; k++) {
    const float *own = metric + (size_t)k * columns;
    const float *cost = costs + (size_t)column_context[k] * magnitudes;
    const float before = tfc_reconstructed(integers[k], shrink);
    /* Where this value would harm least, given the others. What it is stays, if nothing is better;
     * beyond the next magnitude there is more harm for more bits. */
    const float wanted = before - harm[k] / own[k], size = fabsf(wanted);
    const float nearest = fminf(floorf(size + shrink), (float)(magnitudes - 1));
    int best = integers[k];
    float least = own[k] * (before - wanted) * (before - wanted) + cost[best < 0 ? -best : best];
    for (int m = 0; m <= (int)nearest + 1 && m < (int)magnitudes; m++) {
      const float error = size - (m ? (float)m - shrink : 0.0f);
      const float price = own[k] * error * error + cost[m];
      if (price < least) {
        least = price;
        best = wanted < 0 ? -m : m;
      }
    }
    integers[k] = (int8_t)best;
    const float moved = tfc_reconstructed(integers[k], shrink) - before;
    if (moved != 0.0f)
      for (uint32_t c = 0; c < columns; c++) harm[c] += own[c] * moved;
  }
}

#endif
