/* Integers of a packed table that scores are taken against, kept for later calls.
 *
 * Decoding a whole table is most of what scores cost, and few of a coarse table's integers are not
 * zero. The first call decodes them into chunks (tfc_sparse.h), which it and all later ones multiply:
 * 2 bytes for an integer that is not zero and about 2 for a row; where that is more, rows as int8. A
 * table that would take more than its limit is decoded by every call, and so is one packed `raw`, as
 * it is there already. Chunks come with the first call, and whole: where a row is damaged nothing
 * stays, and it is an error each time.
 *
 * Operators on one table with the same classes share what is kept, in all graphs of an interpreter;
 * the last that is freed frees it.
 */
#ifndef TFC_KEPT_INTEGERS_H
#define TFC_KEPT_INTEGERS_H

#include <stdlib.h>

#include "../tfc_scores.h"

enum { TFC_CHUNK_BYTES = 64 << 10 };

struct tfc_shelf;

typedef struct tfc_kept {
  struct tfc_kept *next;
  struct tfc_shelf *shelf; /* NULL where the delegate went first */
  const uint8_t *payload;  /* of the table, by which it is known */
  const int32_t *starts;
  uint32_t classes;
  int users;
  size_t limit;      /* 0: not to be kept, or in vain */
  tfc_chunk *chunks; /* NULL until all of the table is here */
} tfc_kept;

/* What a delegate keeps. */
typedef struct tfc_shelf {
  size_t limit; /* bytes for each table */
  tfc_kept *first;
} tfc_shelf;

static void free_chunks(tfc_chunk *chunk) {
  while (chunk) {
    tfc_chunk *const next = chunk->next;
    free(chunk);
    chunk = next;
  }
}

/* What is kept of a table for these classes, for one user more. NULL where there is no memory. */
static tfc_kept *share_kept(tfc_shelf *shelf, const tfc_table *table,
                            const tfc_row_steps *row_steps) {
  const size_t bytes = row_steps->classes * sizeof *row_steps->starts;
  for (tfc_kept *kept = shelf->first; kept; kept = kept->next)
    if (kept->payload == table->payload && kept->classes == row_steps->classes &&
        memcmp(kept->starts, row_steps->starts, bytes) == 0) {
      kept->users++;
      return kept;
    }
  tfc_kept *const made = (tfc_kept *)calloc(1, sizeof *made);
  if (!made) return NULL;
  made->payload = table->payload;
  made->starts = row_steps->starts;
  made->classes = row_steps->classes;
  made->users = 1;
  made->limit = table->mode == TFC_RAW ? 0 : shelf->limit;
  made->shelf = shelf;
  made->next = shelf->first;
  shelf->first = made;
  return made;
}

static void release_kept(tfc_kept *kept) {
  if (!kept || --kept->users) return;
  if (kept->shelf) {
    tfc_kept **at = &kept->shelf->first;
    while (*at != kept) at = &(*at)->next;
    *at = kept->next;
  }
  free_chunks(kept->chunks);
  free(kept);
}

/* For a delegate that is gone before its users are. */
static void leave_shelf(tfc_shelf *shelf) {
  for (tfc_kept *kept = shelf->first; kept; kept = kept->next) kept->shelf = NULL;
}

/* Appends the group that was decoded last, sparse or plain; returns the chunk that has it, NULL where
 * it would pass the limit or there is no memory. `last` is the chunk before, `room` what is left in
 * it, `left` what is left of the limit. */
static tfc_chunk *append_group(tfc_chunk *last, const tfc_some_rows *rows, uint32_t columns,
                               size_t *room, size_t *left) {
  const size_t sparse = tfc_group_bytes(rows->group, columns);
  const size_t plain = tfc_plain_bytes(rows->group->rows, columns);
  const size_t need = sparse <= plain ? sparse : plain;
  if (need > *room) {
    size_t bytes = sizeof *last + need;
    if (bytes > *left) return NULL;
    if (bytes < TFC_CHUNK_BYTES) bytes = *left < TFC_CHUNK_BYTES ? *left : (size_t)TFC_CHUNK_BYTES;
    tfc_chunk *const made = (tfc_chunk *)malloc(bytes);
    if (!made) return NULL;
    made->next = NULL;
    made->used = 0;
    if (last) last->next = made;
    last = made;
    *room = bytes - sizeof *made;
    *left -= bytes;
  }
  tfc_group *const to = (tfc_group *)(void *)((uint8_t *)(last + 1) + last->used);
  if (sparse <= plain)
    memcpy(to, rows->group, sparse);
  else
    tfc_make_plain(to, rows->group, rows->symbols, columns);
  last->used += need;
  *room -= need;
  return last;
}

/* Decodes a table into chunks, where that is to be tried. On failure `*failed` is the row that could
 * not be decoded, and nothing is kept. */
static tfc_status keep_integers(tfc_kept *kept, const tfc_table *table,
                                const tfc_row_steps *row_steps, void *scratch, uint64_t *failed) {
  if (kept->chunks || !kept->limit) return TFC_OK;
  tfc_some_rows rows = tfc_first_rows(table, scratch);
  tfc_chunk *first = NULL, *last = NULL;
  size_t room = 0, left = kept->limit;
  for (uint32_t c = 0; c < row_steps->classes; c++) {
    const uint64_t stop = tfc_class_end(table, row_steps, c);
    for (uint64_t row = (uint64_t)row_steps->starts[c]; row < stop; row += TFC_TOGETHER) {
      const uint32_t some = tfc_rows_of_group(row, stop);
      const tfc_status status = tfc_decode_some(table, row, some, &rows, failed);
      if (status == TFC_OK) {
        tfc_make_group(rows.group, rows.symbols, rows.places, rows.present, some, table->columns);
        last = append_group(last, &rows, table->columns, &room, &left);
      }
      if (!first) first = last;
      if (status == TFC_OK && last) continue;
      free_chunks(first);
      if (status == TFC_OK) kept->limit = 0; /* in vain, this time and each time */
      return status;
    }
  }
  kept->chunks = first;
  return TFC_OK;
}

#endif
