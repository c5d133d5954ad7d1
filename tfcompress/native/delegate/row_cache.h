/* Rows that were decoded before, kept for calls that want them again.
 *
 * A user's history moves on by an item at a time, and popular items stand in most histories. Row
 * `id` has one place, id modulo the number of places: where ids go by popularity, as those of a
 * vocabulary do, the most popular rows are not in each other's way. An id that is not there is noted
 * in its place, and its row moves in when it is missed again while the note stands. So rows that are
 * wanted once cost a note and no copy, and do not push out those that are wanted again and again.
 *
 * Where hardly any id comes again the cache rests, and looks only now and then whether that has
 * changed. What it holds are rows that were decoded without an error; nothing in it grows.
 */
#ifndef TFC_ROW_CACHE_H
#define TFC_ROW_CACHE_H

#include <stdlib.h>

#include "../tfc_decode.h"

enum {
  TFC_CACHE_BYTES = 80 << 10, /* at most, ids counted: 1,024 rows of 64 bytes */
  TFC_CACHE_PART = 8,         /* at most one row of so many of the table */
  TFC_FEWEST_PLACES = 8,
  TFC_LARGEST_ROW = 1024, /* bytes: of larger ones few would have a place */
  TFC_HIT_WORTH = 8, /* a hit saves about eight times what looking for a row in vain costs */
  TFC_MOST_WORTH = 512,
  TFC_REST = 15 /* calls without the cache for one with it, where it is worth nothing */
};

typedef struct {
  int32_t kept;  /* the id of the row that is here; one of another place where none is */
  int32_t noted; /* the id that was missed last, or `kept` */
} tfc_place;

typedef struct {
  uint32_t places; /* a power of two; 0: this table has no cache */
  int worth, rest;
  tfc_place *place;
  uint8_t *rows;
} tfc_row_cache;

/* Makes the cache of a table, of at most `limit` bytes; leaves it without places where there is no
 * use or no memory for one. */
static void open_cache(tfc_row_cache *cache, const tfc_table *table, size_t limit) {
  if (cache->place || table->mode == TFC_RAW || table->row_bytes > TFC_LARGEST_ROW ||
      table->rows > INT32_MAX)
    return;
  const size_t each = sizeof(tfc_place) + table->row_bytes;
  if (limit > TFC_CACHE_BYTES) limit = TFC_CACHE_BYTES;
  uint32_t places = 1;
  while (2 * places * each <= limit &&
         2 * (uint64_t)places * TFC_CACHE_PART <= table->rows)
    places *= 2;
  if (places < TFC_FEWEST_PLACES) return;
  cache->place = (tfc_place *)malloc(places * each);
  if (!cache->place) return;
  cache->places = places;
  cache->rows = (uint8_t *)(cache->place + places);
  cache->worth = TFC_MOST_WORTH;
  for (uint32_t k = 0; k < places; k++)
    cache->place[k].kept = cache->place[k].noted = (int32_t)(k ^ 1);
}

static void close_cache(tfc_row_cache *cache) {
  free(cache->place);
  cache->place = NULL;
  cache->places = 0;
}

/* Whether rows are to be looked for: there is a cache, and it does not rest. */
static int is_in_use(tfc_row_cache *cache) {
  if (!cache->places) return 0;
  if (!cache->rest) return 1;
  cache->rest--;
  return 0;
}

/* The row of an id, any number; NULL where it is not here. */
static inline const uint8_t *cached_row(tfc_row_cache *cache, int64_t id, size_t row_bytes) {
  const size_t k = (size_t)((uint64_t)id & (cache->places - 1));
  if (cache->place[k].kept != id) return NULL;
  cache->place[k].noted = (int32_t)id; /* whatever was missed here has to be missed twice anew */
  return cache->rows + k * row_bytes;
}

/* Keeps a row that was decoded, or notes that it was missed. */
static inline void keep_row(tfc_row_cache *cache, int64_t id, const uint8_t *row,
                            size_t row_bytes) {
  const size_t k = (size_t)((uint64_t)id & (cache->places - 1));
  if (cache->place[k].noted == id) {
    memcpy(cache->rows + k * row_bytes, row, row_bytes);
    cache->place[k].kept = (int32_t)id;
  }
  cache->place[k].noted = (int32_t)id;
}

/* Counts what rows were found, and sends the cache to rest where that is next to nothing. */
static void count_hits(tfc_row_cache *cache, size_t hits, size_t misses) {
  cache->worth += TFC_HIT_WORTH * (int)hits - (int)misses;
  if (cache->worth > TFC_MOST_WORTH) cache->worth = TFC_MOST_WORTH;
  if (cache->worth > 0) return;
  cache->worth = 0;
  cache->rest = TFC_REST;
}

#endif
