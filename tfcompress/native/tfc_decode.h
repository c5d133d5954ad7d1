/* The row decoder of tfcompress: rows of a packed table, any of them alone, in C99.
 *
 *   size_t need = tfc_workspace_bytes(data, size);            // 0: not a table, or a damaged one
 *   tfc_table table;
 *   tfc_status status = tfc_open(&table, data, size, workspace, need);
 *   status = tfc_rows(&table, ids, count, out, scratch, NULL);  // scratch: tfc_scratch_bytes(&table)
 *
 * `data` and `workspace` must stay as long as `table` is used; a table that is open is only read,
 * so threads may share it, each with its own scratch. Workspace and scratch are aligned to 8 bytes.
 * Nothing is allocated, and nothing outside data, workspace, scratch and out is touched, whatever
 * the bytes of the table are. tfc_open checks header, sizes and tables against their checksums;
 * tfc_verify checks the payload's.
 */
#ifndef TFC_DECODE_H
#define TFC_DECODE_H

#include "tfc_open.h"
#include "tfc_rate.h"

/* Rows found, and fetched from memory, before they are decoded. */
enum { TFC_AHEAD = 16 };

static inline const char *tfc_message(tfc_status status) {
  switch (status) {
    case TFC_OK: return "ok";
    case TFC_BAD_HEADER: return "not a packed table of this version, or a damaged header";
    case TFC_BAD_SIZE: return "the sections do not add up to the size";
    case TFC_BAD_TABLES: return "damaged tables behind the payload";
    case TFC_BAD_INDEX: return "a row lies outside the payload";
    case TFC_BAD_ROW: return "the bits of a row do not end where they must";
    case TFC_BAD_CHECK: return "a checksum of the payload does not match";
    case TFC_NO_SUCH_ROW: return "row number out of range";
    case TFC_NO_WORKSPACE: return "workspace too small or not aligned to 8 bytes";
  }
  return "unknown status";
}

/* Bytes of scratch one call of tfc_rows wants; may be shared by calls that follow each other. */
static inline size_t tfc_scratch_bytes(const tfc_table *table) {
  const size_t sums = table->mode == TFC_PREDICTIVE ? tfc_whole_blocks(table->columns) : 0;
  return tfc_align((size_t)2 * TFC_LANES * table->columns) + TFC_LANES * sums * sizeof(int32_t);
}

/* Puts a row together from symbols and the bytes stored as they are. */
static inline void tfc_join_row(const tfc_table *table, const uint8_t *rest,
                                const uint8_t *symbols, uint8_t *out) {
  const uint32_t columns = table->columns;
  if (table->dtype == TFC_INT4) {
    for (uint32_t k = 0; k + 1 < columns; k += 2)
      out[k / 2] = (uint8_t)((symbols[k] & 15) | symbols[k + 1] << 4);
    if (columns % 2) out[columns / 2] = symbols[columns - 1] & 15;
  } else if (table->dtype == TFC_FLOAT32) {
    /* Symbol: the exponent less 128. Rest: 23 bits of mantissa, then the sign. */
    for (uint32_t k = 0; k < columns; k++) {
      const uint32_t low = rest[3 * k] | (uint32_t)rest[3 * k + 1] << 8 |
                           (uint32_t)(rest[3 * k + 2] & 127) << 16;
      const uint32_t value = low | (uint32_t)(symbols[k] ^ 0x80) << 23 |
                             (uint32_t)(rest[3 * k + 2] >> 7) << 31;
      out[4 * k] = (uint8_t)value;
      out[4 * k + 1] = (uint8_t)(value >> 8);
      out[4 * k + 2] = (uint8_t)(value >> 16);
      out[4 * k + 3] = (uint8_t)(value >> 24);
    }
  } else {
    /* Symbol: exponent and three bits of mantissa, less 128. Rest: 7 bits, then the sign. */
    for (uint32_t k = 0; k < columns; k++) {
      const uint32_t value = (uint32_t)(rest[k] & 127) | (uint32_t)(symbols[k] ^ 0x80) << 7 |
                             (uint32_t)(rest[k] >> 7) << 15;
      out[2 * k] = (uint8_t)value;
      out[2 * k + 1] = (uint8_t)(value >> 8);
    }
  }
}

/* Decodes up to TFC_LANES rows, found already, side by side. */
static inline tfc_status tfc_decode_lanes(const tfc_table *table, const tfc_span *found,
                                          uint32_t lanes, uint8_t *out, void *scratch) {
  const uint32_t columns = table->columns;
  const int joined = table->dtype >= TFC_INT4;
  uint8_t *const symbols = (uint8_t *)scratch;
  int32_t *const sums = (int32_t *)(void *)(symbols + tfc_align((size_t)2 * TFC_LANES * columns));
  tfc_span spans[TFC_LANES];
  uint8_t *coded[TFC_LANES], *rows[TFC_LANES];
  const uint8_t *rest[TFC_LANES];
  for (uint32_t k = 0; k < lanes; k++) {
    rows[k] = out + (size_t)k * table->row_bytes;
    coded[k] = joined || table->mode == TFC_PREDICTIVE ? symbols + (size_t)k * columns : rows[k];
    rest[k] = table->payload + found[k].start / 8;
    spans[k].start = found[k].start + 8 * (uint64_t)table->rest_bytes;
    spans[k].end = found[k].end;
    if (table->mode == TFC_RAW) memcpy(rows[k], rest[k], table->row_bytes);
  }
  if (table->mode == TFC_RAW) return TFC_OK;
  const tfc_status status = table->mode < TFC_CONTEXT
                                ? tfc_prefix_rows(table, spans, coded, lanes)
                                : tfc_context_rows(table, spans, coded, lanes);
  if (status != TFC_OK) return status;
  if (table->mode == TFC_PREDICTIVE) {
    /* The result may not lie over the residuals: columns change places. */
    uint8_t *targets[TFC_LANES];
    for (uint32_t k = 0; k < lanes; k++)
      targets[k] = joined ? symbols + (size_t)(TFC_LANES + k) * columns : rows[k];
    tfc_unpredict(table, coded, sums, targets, lanes);
    for (uint32_t k = 0; k < lanes; k++) coded[k] = targets[k];
  }
  for (uint32_t k = 0; joined && k < lanes; k++) tfc_join_row(table, rest[k], coded[k], rows[k]);
  return TFC_OK;
}

/* Asks the memory for the line of a byte, and goes on. */
static inline void tfc_fetch(const uint8_t *byte) {
#if defined(__GNUC__)
  __builtin_prefetch(byte);
#else
  (void)byte;
#endif
}

/* Finds up to TFC_AHEAD rows and asks the memory for them; returns how many are found before the
 * first that is not, and why that one is not. What finds a row is asked for first, for all of them:
 * else each row in turn would wait for its entry of the index, then for its group's lengths. */
static inline uint32_t tfc_find_rows(const tfc_table *table, const int64_t *ids, uint32_t count,
                                     tfc_span *spans, tfc_status *status) {
  uint32_t sound = 0;
  while (sound < count && ids[sound] >= 0 && (uint64_t)ids[sound] < table->blocks) sound++;
  *status = sound < count ? TFC_NO_SUCH_ROW : TFC_OK;
  if (table->mode >= TFC_INDEXED) {
    for (uint32_t k = 0; k < sound; k++) tfc_fetch(tfc_index_entry(table, (uint64_t)ids[k]));
    for (uint32_t k = 0; k < sound; k++) {
      const uint64_t base = tfc_group_start(tfc_load64(tfc_index_entry(table, (uint64_t)ids[k])));
      if (base + TFC_GROUP_ROWS > table->payload_bytes) continue; /* damaged, or the very end */
      tfc_fetch(table->payload + base);
      tfc_fetch(table->payload + base + TFC_GROUP_ROWS); /* with 8 bits a length */
    }
  }
  for (uint32_t k = 0; k < sound; k++) {
    const tfc_status own = tfc_find_row(table, (uint64_t)ids[k], &spans[k]);
    if (own != TFC_OK) {
      *status = own;
      return k;
    }
    tfc_fetch(table->payload + spans[k].start / 8);
    tfc_fetch(table->payload + spans[k].end / 8);
  }
  return sound;
}

/* The rows of mode `rate`: one after another, as a row may go on where the one before it ended. */
static inline tfc_status tfc_rate_rows(const tfc_table *table, const int64_t *ids, size_t count,
                                       uint8_t *out, uint8_t *symbols, size_t *failed) {
  const int joined = table->dtype == TFC_INT4;
  tfc_block block;
  memset(&block, 0, sizeof block);
  for (size_t k = 0; k < count; k++, out += table->row_bytes) {
    if (k && ids[k] == ids[k - 1]) {
      memcpy(out, out - table->row_bytes, table->row_bytes);
      continue;
    }
    uint8_t *const target = joined ? symbols : out;
    const tfc_status status =
        ids[k] < 0 ? TFC_NO_SUCH_ROW : tfc_rate_seek(table, &block, (uint64_t)ids[k], target);
    if (status != TFC_OK) {
      if (failed) *failed = k;
      return status;
    }
    if (joined) tfc_join_row(table, NULL, symbols, out);
  }
  return TFC_OK;
}

/* Decodes `count` rows into `out`, row_bytes each, in the order of `ids`.
 *
 * On failure `*failed` (where not NULL) is the position in `ids` of the first row that could not be
 * decoded; the rows before it are complete. */
static inline tfc_status tfc_rows(const tfc_table *table, const int64_t *ids, size_t count,
                                  uint8_t *out, void *scratch, size_t *failed) {
  if (table->mode == TFC_RATE)
    return tfc_rate_rows(table, ids, count, out, (uint8_t *)scratch, failed);
  for (size_t at = 0; at < count; at += TFC_AHEAD) {
    const uint32_t ahead = count - at < TFC_AHEAD ? (uint32_t)(count - at) : (uint32_t)TFC_AHEAD;
    tfc_span spans[TFC_AHEAD];
    tfc_status status;
    const uint32_t found = tfc_find_rows(table, ids + at, ahead, spans, &status);
    for (uint32_t k = 0; k < found; k += TFC_LANES) {
      const uint32_t lanes = found - k < TFC_LANES ? found - k : (uint32_t)TFC_LANES;
      uint8_t *const rows = out + (at + k) * table->row_bytes;
      if (tfc_decode_lanes(table, spans + k, lanes, rows, scratch) == TFC_OK) continue;
      for (uint32_t lane = 0; lane < lanes; lane++) {
        const tfc_status own = tfc_decode_lanes(
            table, spans + k + lane, 1, rows + (size_t)lane * table->row_bytes, scratch);
        if (own == TFC_OK) continue;
        if (failed) *failed = at + k + lane;
        return own;
      }
    }
    if (status != TFC_OK) {
      if (failed) *failed = at + found;
      return status;
    }
  }
  return TFC_OK;
}

/* Checks the payload against its checksums. */
static inline tfc_status tfc_verify(const tfc_table *table) {
  for (uint64_t k = 0; k < tfc_num_checks(table); k++) {
    const uint64_t at = k * TFC_CHECK_BYTES, left = table->payload_bytes - at;
    const size_t bytes = left < TFC_CHECK_BYTES ? (size_t)left : (size_t)TFC_CHECK_BYTES;
    if (tfc_crc32(table->payload + at, bytes) != tfc_load32(table->checks + 4 * k))
      return TFC_BAD_CHECK;
  }
  return TFC_OK;
}

#endif
