/* The two functions that gain from wider vectors, compiled once more for them (see wide.c). */
#ifndef TFC_WIDE_H
#define TFC_WIDE_H

#include "tfc_decode.h"
#include "tfc_encode.h"

#if defined(TFC_WIDE)
static inline int tfc_has_avx2(void) { return __builtin_cpu_supports("avx2"); }
tfc_status tfc_rows_avx2(const tfc_table *table, const int64_t *ids, size_t count, uint8_t *out,
                         void *scratch, size_t *failed);
void tfc_predict_rows_avx2(const uint8_t *symbols, size_t rows, uint32_t columns, uint32_t pivots,
                           const int16_t *weights, const int32_t *bias, const uint8_t *shift,
                           int32_t limit, int32_t *sums, uint8_t *residuals);
#else
static inline int tfc_has_avx2(void) { return 0; }
#define tfc_rows_avx2 tfc_rows
#define tfc_predict_rows_avx2 tfc_predict_rows
#endif

#endif
