/* Feeds damaged packed tables to the row decoder, as a target of libFuzzer (with TFC_LIBFUZZER) or
 * as a program of its own: codec_fuzz SECONDS SEED TABLE...
 *
 * Built with address and undefined-behaviour sanitizers by codec_fuzz.py. Every buffer has exactly
 * the size the decoder is told, so that one byte too far is seen. Most mutants get their checksums
 * repaired: otherwise those would be all that is tested.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "codec_mutate.h"

static tfc_status decode(const blob *b, uint64_t *opened) {
  /* Room for exactly what is asked, plus the 0 to 7 bytes that malloc aligns away. */
  const size_t need = tfc_workspace_bytes(b->bytes, b->size);
  if (!need) return TFC_BAD_HEADER;
  if (need > (size_t)1 << 28) return TFC_OK;
  uint8_t *workspace = malloc(need);
  tfc_table table;
  tfc_status status = tfc_open(&table, b->bytes, b->size, workspace, need);
  if (status == TFC_OK) {
    ++*opened;
    const size_t count = 1 + (size_t)below(20);
    int64_t *ids = malloc(count * sizeof *ids);
    for (size_t k = 0; k < count; k++)
      ids[k] = (int64_t)below(below(16) ? table.rows : table.rows + 2) - (below(64) == 0);
    uint8_t *out = malloc(count * table.row_bytes + 1), *scratch = malloc(tfc_scratch_bytes(&table));
    size_t failed;
    status = tfc_rows(&table, ids, count, out, scratch, &failed);
    if (status != TFC_OK && failed >= count) abort();
    free(ids);
    free(out);
    free(scratch);
    tfc_verify(&table);
  }
  free(workspace);
  return status;
}

#if defined(TFC_LIBFUZZER)
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t limit);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t limit, unsigned seed) {
  random_state = (uint64_t)seed * 2 + 1;
  blob mutant = {data, size};
  if (next_random() & 1)
    mutant.size = LLVMFuzzerMutate(data, size, limit);
  else
    mutate(&mutant);
  if (below(10)) repair(&mutant);
  return mutant.size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint64_t opened = 0;
  random_state = size * 2 + 1;
  blob table = {malloc(size ? size : 1), size};
  memcpy(table.bytes, data, size);
  decode(&table, &opened);
  free(table.bytes);
  return 0;
}
#else
int main(int count, char **arguments) {
  if (count < 4) return 2;
  const double seconds = atof(arguments[1]);
  random_state = strtoull(arguments[2], NULL, 10) * 2 + 1;
  const int tables = count - 3;
  blob *seeds = malloc((size_t)tables * sizeof *seeds);
  for (int k = 0; k < tables; k++) seeds[k] = read_file(arguments[3 + k]);
  uint64_t runs = 0, opened = 0, decoded = 0, statuses[16] = {0};
  const time_t start = time(NULL);
  while (difftime(time(NULL), start) < seconds)
    for (int batch = 0; batch < 256; batch++, runs++) {
      const blob *seed = &seeds[below((uint64_t)tables)];
      blob mutant = mutant_of(seed);
      const tfc_status status = decode(&mutant, &opened);
      statuses[status & 15]++;
      decoded += status == TFC_OK;
      free(mutant.bytes);
    }
  printf("%llu mutants, %llu opened, %llu decoded, 0 reports\n", (unsigned long long)runs,
         (unsigned long long)opened, (unsigned long long)decoded);
  for (int k = TFC_BAD_INDEX; k <= TFC_NO_SUCH_ROW; k++)
    printf("  %10llu  %s\n", (unsigned long long)statuses[k], tfc_message((tfc_status)k));
  for (int k = 0; k < tables; k++) free(seeds[k].bytes);
  free(seeds);
  return 0;
}
#endif
