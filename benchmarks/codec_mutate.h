/* Packed tables changed at random, for the programs that look for what such bytes can break. Most
 * mutants are to get their checksums repaired: otherwise those would be all that is tested. */
#ifndef CODEC_MUTATE_H
#define CODEC_MUTATE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tfc_decode.h"

typedef struct {
  uint8_t *bytes;
  size_t size;
} blob;

static uint64_t random_state = 1;

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

/* A file's bytes, in memory of exactly their size. */
static inline blob read_file(const char *path) {
  blob result = {NULL, 0};
  FILE *file = fopen(path, "rb");
  if (!file) exit(2);
  fseek(file, 0, SEEK_END);
  result.size = (size_t)ftell(file);
  rewind(file);
  result.bytes = malloc(result.size ? result.size : 1);
  if (!result.bytes || fread(result.bytes, 1, result.size, file) != result.size) exit(2);
  fclose(file);
  return result;
}

/* A mutant of a table, most of them with checksums that fit, in memory of exactly its size. */
static inline blob mutant_of(const blob *seed) {
  blob draft = {malloc(seed->size ? seed->size : 1), seed->size};
  memcpy(draft.bytes, seed->bytes, seed->size);
  mutate(&draft);
  if (below(10)) repair(&draft);
  blob mutant = {malloc(draft.size ? draft.size : 1), draft.size};
  memcpy(mutant.bytes, draft.bytes, draft.size);
  free(draft.bytes);
  return mutant;
}

#endif
