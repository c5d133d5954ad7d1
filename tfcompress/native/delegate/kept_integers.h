/* Integers of a packed table that scores are taken against, kept for later calls.
 *
 * Decoding a whole table is most of what scores cost, and few of a coarse table's integers are not
 * zero. The first call decodes them into groups (tfc_sparse.h), which it and all later ones multiply,
 * and rows of which are then looked up: 2 bytes for an integer that is not zero and about 2 for a
 * row; where that is more, rows as int8. A table that would take more than its limit is decoded by
 * every call, and so is one packed `raw`, as it is there already. Groups come with the first call,
 * and all of them or none: where a row is damaged nothing stays, and it is an error each time.
 *
 * What is kept of a table is shared by all graphs of an interpreter; the last that is freed frees it.
 * A delegate serves one interpreter at a time, so nothing is locked.
 */
#ifndef TFC_KEPT_INTEGERS_H
#define TFC_KEPT_INTEGERS_H

#include <stdlib.h>

#include "../tfc_scores.h"

enum { TFC_CHUNK_BYTES = 64 << 10 };

/* Room for groups, `used` bytes of it. */
typedef struct tfc_chunk {
  struct tfc_chunk *next;
  size_t used;
} tfc_chunk;

struct tfc_shelf;

typedef struct tfc_kept {
  struct tfc_kept *next;
  struct tfc_shelf *shelf; /* NULL where the delegate went first */
  const uint8_t *payload;  /* of the table, by which it is known, with its shape: in a file whose */
  uint64_t rows;           /* constants overlap another table may have the same bytes */
  uint32_t columns;
  int users;
  size_t limit;             /* 0: not to be kept, or in vain */
  const tfc_group **groups; /* NULL, or all of the table's */
  tfc_chunk *chunks;
} tfc_kept;

/* What a delegate keeps. */
typedef struct tfc_shelf {
  size_t limit; /* bytes for each table */
  tfc_kept *first;
} tfc_shelf;

/* What is kept of a table, for one user more. NULL where nothing is to be. */
static tfc_kept *share_kept(tfc_shelf *shelf, const tfc_table *table) {
  if (!shelf->limit || table->mode == TFC_RAW || table->dtype != TFC_INT8) return NULL;
  for (tfc_kept *kept = shelf->first; kept; kept = kept->next)
    if (kept->payload == table->payload && kept->rows == table->rows &&
        kept->columns == table->columns) {
      kept->users++;
      return kept;
    }
  tfc_kept *const made = (tfc_kept *)calloc(1, sizeof *made);
  if (!made) return NULL;
  made->payload = table->payload;
  made->rows = table->rows;
  made->columns = table->columns;
  made->users = 1;
  made->limit = shelf->limit;
  made->shelf = shelf;
  made->next = shelf->first;
  shelf->first = made;
  return made;
}

static void free_groups(tfc_kept *kept) {
  while (kept->chunks) {
    tfc_chunk *const next = kept->chunks->next;
    free(kept->chunks);
    kept->chunks = next;
  }
  free((void *)kept->groups);
  kept->groups = NULL;
}

static void release_kept(tfc_kept *kept) {
  if (!kept || --kept->users) return;
  if (kept->shelf) {
    tfc_kept **at = &kept->shelf->first;
    while (*at != kept) at = &(*at)->next;
    *at = kept->next;
  }
  free_groups(kept);
  free(kept);
}

/* For a delegate that is gone before its users are. */
static void leave_shelf(tfc_shelf *shelf) {
  for (tfc_kept *kept = shelf->first; kept; kept = kept->next) kept->shelf = NULL;
}

/* Room for a group; NULL where it would pass the limit or there is no memory. `room` is what is left
 * in the chunk made last, `left` what is left of the limit. */
static tfc_group *room_for_group(tfc_kept *kept, size_t need, size_t *room, size_t *left) {
  if (need > *room) {
    size_t bytes = sizeof *kept->chunks + need;
    if (bytes > *left) return NULL;
    if (bytes < TFC_CHUNK_BYTES) bytes = *left < TFC_CHUNK_BYTES ? *left : (size_t)TFC_CHUNK_BYTES;
    tfc_chunk *const made = (tfc_chunk *)malloc(bytes);
    if (!made) return NULL;
    made->next = kept->chunks;
    made->used = 0;
    kept->chunks = made;
    *room = bytes - sizeof *made;
    *left -= bytes;
  }
  uint8_t *const bytes = (uint8_t *)(kept->chunks + 1) + kept->chunks->used;
  kept->chunks->used += need;
  *room -= need;
  return (tfc_group *)(void *)bytes;
}

/* Decodes a table into groups, as many as the limit lets; returns how many. */
static uint64_t keep_groups(tfc_kept *kept, const tfc_table *table, const tfc_group **groups,
                            size_t left, void *scratch, tfc_status *status, uint64_t *failed) {
  const uint32_t columns = table->columns;
  tfc_some_rows rows = tfc_first_rows(table, scratch);
  size_t room = 0;
  uint64_t count = 0;
  for (uint64_t first = 0; first < table->rows; first += TFC_TOGETHER, count++) {
    const uint32_t some = tfc_rows_of_group(table, first);
    *status = tfc_decode_some(table, first, some, &rows, failed);
    if (*status != TFC_OK) return count;
    tfc_make_group(rows.group, rows.symbols, rows.places, rows.present, some, columns);
    const size_t sparse = tfc_group_bytes(rows.group, columns);
    const size_t plain = tfc_plain_bytes(some, columns);
    tfc_group *const to = room_for_group(kept, sparse <= plain ? sparse : plain, &room, &left);
    if (!to) return count;
    if (sparse <= plain)
      memcpy(to, rows.group, sparse);
    else
      tfc_make_plain(to, rows.group, rows.symbols, columns);
    groups[count] = to;
  }
  return count;
}

/* Decodes and keeps a table where that is to be tried. On failure `*failed` is the row that could not
 * be decoded, and nothing is kept. */
static tfc_status keep_integers(tfc_kept *kept, const tfc_table *table, void *scratch,
                                uint64_t *failed) {
  if (kept->groups || !kept->limit || !table->rows) return TFC_OK;
  const uint64_t whole = (table->rows + TFC_TOGETHER - 1) / TFC_TOGETHER;
  tfc_status status = TFC_OK;
  const tfc_group **groups = NULL;
  if (whole < kept->limit / sizeof *groups)
    groups = (const tfc_group **)malloc((size_t)whole * sizeof *groups);
  if (groups) {
    const size_t left = kept->limit - (size_t)whole * sizeof *groups;
    kept->groups = groups;
    if (keep_groups(kept, table, groups, left, scratch, &status, failed) == whole) return TFC_OK;
    free_groups(kept);
  }
  if (status == TFC_OK) kept->limit = 0; /* in vain, this time and each time */
  return status;
}

#endif
