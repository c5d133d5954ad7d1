/* Compiled with -mavx2; the binding calls these where the machine has it. */
#include "wide.h"

tfc_status tfc_rows_avx2(const tfc_table *table, const int64_t *ids, size_t count, uint8_t *out,
                         void *scratch, size_t *failed) {
  return tfc_rows(table, ids, count, out, scratch, failed);
}

void tfc_predict_rows_avx2(const uint8_t *symbols, size_t rows, uint32_t columns, uint32_t pivots,
                           const int16_t *weights, const int32_t *bias, const uint8_t *shift,
                           int32_t limit, int32_t *sums, uint8_t *residuals) {
  tfc_predict_rows(symbols, rows, columns, pivots, weights, bias, shift, limit, sums, residuals);
}
