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

#include "tfc_decode.h"

typedef struct {
  uint8_t *bytes;
  size_t size;
} blob;

static uint64_t random_state;

static uint64_t next_random(void) { /* xorshift64* */
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return random_state * 2685821657736338717u;
}

static uint64_t below(uint64_t limit) { return limit ? next_random() % limit : 0; }

static void store(uint8_t *p, uint64_t value, int bytes) {
  for (int k = 0; k < bytes; k++) p[k] = (uint8_t)(value >> 8 * k);
}

static void mutate(blob *b) {
  static const uint64_t telling[] = {0, 1, 63, 64, 127, 128, 255, 256, 65535, 65536, UINT64_MAX};
  const uint64_t changes = 1 + below(6);
  for (uint64_t k = 0; k < changes && b->size; k++) {
    /* Half of the changes go to the header and to what stands behind the payload. */
    size_t at = (size_t)below(b->size);
    if (next_random() & 1) at = (size_t)below(b->size < 48 ? b->size : 48);
    if (b->size > 56 && below(4) == 0) {
      const uint64_t payload = tfc_load64(b->bytes + 24);
      if (payload < b->size - 48)
        at = (size_t)(48 + payload + below(b->size - 48 - payload));
    }
    switch (below(6)) {
      case 0: b->bytes[at] ^= (uint8_t)(1u << below(8)); break;
      case 1: b->bytes[at] = (uint8_t)next_random(); break;
      case 2: b->bytes[at] += (uint8_t)(below(3) - 1); break;
      case 3: {
        const int bytes = 1 << below(4);
        if (at + (size_t)bytes <= b->size) store(b->bytes + at, telling[below(11)], bytes);
        break;
      }
      case 4: {
        const size_t from = (size_t)below(b->size), count = (size_t)below(16);
        if (from + count <= b->size && at + count <= b->size)
          memmove(b->bytes + at, b->bytes + from, count);
        break;
      }
      default:
        if (below(4) == 0) b->size = (size_t)below(b->size + 1);
    }
  }
}

/* Makes sizes and checksums agree again, as far as they can. */
static void repair(blob *b) {
  if (b->size < TFC_HEADER_BYTES + TFC_GUARD_BYTES) return;
  if (below(8)) memcpy(b->bytes, "tfct\1", 5);
  const uint64_t payload = tfc_load64(b->bytes + 24);
  if (payload <= b->size - TFC_HEADER_BYTES - TFC_GUARD_BYTES) {
    memset(b->bytes + b->size - TFC_GUARD_BYTES, 0, TFC_GUARD_BYTES);
    const size_t behind = TFC_HEADER_BYTES + (size_t)payload;
    store(b->bytes + 40, tfc_crc32(b->bytes + behind, b->size - behind), 4);
  }
  store(b->bytes + 44, tfc_crc32(b->bytes, 44), 4);
}

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
    const size_t count = 1 + (size_t)below(9);
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
  for (int k = 0; k < tables; k++) {
    FILE *file = fopen(arguments[3 + k], "rb");
    if (!file) return 2;
    fseek(file, 0, SEEK_END);
    seeds[k].size = (size_t)ftell(file);
    rewind(file);
    seeds[k].bytes = malloc(seeds[k].size);
    if (fread(seeds[k].bytes, 1, seeds[k].size, file) != seeds[k].size) return 2;
    fclose(file);
  }
  uint64_t runs = 0, opened = 0, decoded = 0, statuses[16] = {0};
  const time_t start = time(NULL);
  while (difftime(time(NULL), start) < seconds)
    for (int batch = 0; batch < 256; batch++, runs++) {
      const blob *seed = &seeds[below((uint64_t)tables)];
      /* Mutated in a buffer of the seed's size, then copied to one of the mutant's. */
      blob draft = {malloc(seed->size), seed->size};
      memcpy(draft.bytes, seed->bytes, seed->size);
      mutate(&draft);
      if (below(10)) repair(&draft);
      blob mutant = {malloc(draft.size ? draft.size : 1), draft.size};
      memcpy(mutant.bytes, draft.bytes, draft.size);
      free(draft.bytes);
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
