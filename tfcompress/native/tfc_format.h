/* The bytes of a packed table: header, sections, checksums, row index.
 *
 * Part of the row decoder: plain C99, no dependency, no allocation, no global state. The layout is
 * described in tfcompress/codec/FORMAT.md; tfc_decode.h is the header to include.
 *
 * Everything read from the table is bounded before it is used: loads of 8 bytes at any position
 * inside the payload are safe because a header of 48 bytes stands before it and at least 8 bytes
 * after it.
 */
#ifndef TFC_FORMAT_H
#define TFC_FORMAT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
  TFC_HEADER_BYTES = 48,
  TFC_GUARD_BYTES = 8,
  TFC_VERSION = 1,
  TFC_GROUP_ROWS = 64,      /* rows (rate: blocks of rows) that share one entry of the index */
  TFC_CHECK_BYTES = 65536,  /* payload bytes that share one checksum */
  TFC_LANES = 4,            /* rows decoded side by side */
  TFC_MAX_COLUMNS = 65536
};

typedef enum {
  TFC_RAW,
  TFC_FIXED,
  TFC_INDEXED,
  TFC_CONTEXT,
  TFC_PREDICTIVE,
  TFC_RATE,
  TFC_MODES
} tfc_mode;
typedef enum { TFC_INT8, TFC_UINT8, TFC_INT4, TFC_FLOAT32, TFC_FLOAT16, TFC_DTYPES } tfc_dtype;
typedef enum { TFC_NO_SCALES, TFC_ONE_SCALE, TFC_ROW_SCALES, TFC_SCALE_KINDS } tfc_scales;

typedef enum {
  TFC_OK = 0,
  TFC_BAD_HEADER,    /* not a packed table, or its header was damaged */
  TFC_BAD_SIZE,      /* sections do not add up to the size */
  TFC_BAD_TABLES,    /* checksum or content of what stands behind the payload */
  TFC_BAD_INDEX,     /* a row does not lie inside the payload */
  TFC_BAD_ROW,       /* the bits of a row do not end where they must */
  TFC_BAD_CHECK,     /* checksum of a part of the payload */
  TFC_NO_SUCH_ROW,   /* the caller's row number is out of range */
  TFC_NO_WORKSPACE   /* the caller's workspace is too small or not aligned */
} tfc_status;

/* A table opened for reading. Points into the packed bytes and into the caller's workspace. */
typedef struct {
  const uint8_t *payload, *model, *index, *checks, *scales, *note;
  uint64_t rows, payload_bytes;
  uint64_t blocks; /* what the index finds: rows, or blocks of rows in rate */
  uint32_t columns, model_bytes, note_bytes, stride_bits;
  uint32_t row_bytes;  /* one row as it comes out */
  uint32_t rest_bytes; /* bytes of a row that are stored as they are, before the coded ones */
  uint8_t mode, dtype, scale_kind;
  uint8_t flip; /* a symbol XOR flip is the byte of the table (uint8 tables are centred) */

  /* fixed, indexed */
  const uint16_t *forward, *backward; /* words by look-ups, 1 << code_bits entries each */
  const uint16_t *long_codes; /* words of more bits, by long_bits bits */
  uint32_t code_bits; /* bits of a look-up; 0 when there is at most one symbol */
  uint32_t long_bits; /* of the longest word */
  uint32_t first_long; /* look-ups from here on begin a longer word */
  uint8_t lone_symbol;

  /* context, predictive */
  const uint8_t *slots;        /* a table per context; the last one is for the row class */
  const uint8_t *column_class; /* per column, in stream order */
  const uint16_t *tail_codes;  /* 1 << tail_bits entries: length | symbol << 8 */
  uint32_t probability_bits, row_classes, contexts, tail_columns, tail_bits;

  /* predictive */
  const uint16_t *order; /* table column of each stream column */
  const int32_t *bias;
  const uint8_t *shift;
  const int16_t *weights; /* see tfc_predict.h */
  uint32_t pivots;

  /* rate; contexts and row_classes are those above, see tfc_rate_model.h */
  const uint16_t *bounds;        /* per context, the upper ends of the shares of its magnitudes */
  const uint16_t *class_bounds;  /* the same for the classes of rows */
  const uint16_t *column_offset; /* per column, where its class stands in `bounds` */
  const uint16_t *live_columns;  /* per context, where the columns end that are not surely zero */
  const uint32_t *segment_start; /* first row and first block of each segment, and behind the last */
  const uint8_t *segment_class;  /* of each segment, then the binary logarithms of rows a block */
  uint32_t segments;
} tfc_table;

static inline uint16_t tfc_load16(const uint8_t *p) {
  return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t tfc_load32(const uint8_t *p) {
  uint32_t value;
  memcpy(&value, p, 4);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  value = __builtin_bswap32(value);
#endif
  return value;
}

static inline uint64_t tfc_load64(const uint8_t *p) {
  uint64_t value;
  memcpy(&value, p, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  value = __builtin_bswap64(value);
#endif
  return value;
}

/* CRC-32 as zlib has it, four bits at a time: small, and only tables and checks go through it. */
static inline uint32_t tfc_crc32(const uint8_t *bytes, size_t count) {
  static const uint32_t table[16] = {
      0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u,
      0x4db26158u, 0x5005713cu, 0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu,
      0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu};
  uint32_t crc = 0xffffffffu;
  for (size_t i = 0; i < count; i++) {
    crc ^= bytes[i];
    crc = crc >> 4 ^ table[crc & 15];
    crc = crc >> 4 ^ table[crc & 15];
  }
  return ~crc;
}

static inline uint64_t tfc_groups(const tfc_table *table) {
  return table->mode < TFC_INDEXED ? 0 : (table->blocks + TFC_GROUP_ROWS - 1) / TFC_GROUP_ROWS;
}

static inline uint64_t tfc_num_checks(const tfc_table *table) {
  return (table->payload_bytes + TFC_CHECK_BYTES - 1) / TFC_CHECK_BYTES;
}

static inline uint64_t tfc_num_scales(const tfc_table *table) {
  if (table->scale_kind == TFC_NO_SCALES) return 0;
  return table->scale_kind == TFC_ONE_SCALE ? 1 : table->rows;
}

/* Reads the header and places the sections; checks every size and the two checksums. */
static inline tfc_status tfc_parse(tfc_table *table, const uint8_t *data, size_t size) {
  memset(table, 0, sizeof *table);
  if (size < TFC_HEADER_BYTES + TFC_GUARD_BYTES || memcmp(data, "tfct", 4) != 0 ||
      data[4] != TFC_VERSION || tfc_load32(data + 44) != tfc_crc32(data, 44))
    return TFC_BAD_HEADER;
  table->mode = data[5];
  table->dtype = data[6];
  table->scale_kind = data[7];
  table->rows = tfc_load64(data + 8);
  table->columns = tfc_load32(data + 16);
  table->model_bytes = tfc_load32(data + 20);
  table->payload_bytes = tfc_load64(data + 24);
  table->stride_bits = tfc_load32(data + 32);
  table->blocks = table->rows;
  table->note_bytes = tfc_load32(data + 36);
  if (table->mode >= TFC_MODES || table->dtype >= TFC_DTYPES ||
      table->scale_kind >= TFC_SCALE_KINDS || table->columns > TFC_MAX_COLUMNS ||
      table->rows > (uint64_t)1 << 40 || table->payload_bytes > (uint64_t)1 << 40)
    return TFC_BAD_HEADER;

  const uint32_t columns = table->columns;
  table->flip = table->dtype == TFC_UINT8 ? 0x80 : 0;
  switch (table->dtype) {
    case TFC_INT4: table->row_bytes = (columns + 1) / 2; break;
    case TFC_FLOAT32: table->row_bytes = 4 * columns, table->rest_bytes = 3 * columns; break;
    case TFC_FLOAT16: table->row_bytes = 2 * columns, table->rest_bytes = columns; break;
    default: table->row_bytes = columns;
  }
  if (table->mode >= TFC_PREDICTIVE && table->dtype > TFC_INT4) return TFC_BAD_HEADER;
  if (table->mode == TFC_RATE) table->blocks = table->stride_bits, table->stride_bits = 0;

  /* All terms are far below 2^64, so the sum cannot wrap. */
  const uint64_t groups = tfc_groups(table), checks = tfc_num_checks(table);
  const uint64_t scales = tfc_num_scales(table);
  const uint64_t behind = table->model_bytes + 8 * groups + 4 * checks + 4 * scales +
                          table->note_bytes + (uint64_t)TFC_GUARD_BYTES;
  if (TFC_HEADER_BYTES + table->payload_bytes + behind != size) return TFC_BAD_SIZE;
  if (table->mode < TFC_INDEXED) {
    if ((table->mode == TFC_RAW || table->rest_bytes) && table->stride_bits % 8)
      return TFC_BAD_SIZE;
    if (table->mode == TFC_RAW && table->stride_bits != 8 * (uint64_t)table->row_bytes)
      return TFC_BAD_SIZE;
    if (table->stride_bits < 8 * (uint64_t)table->rest_bytes || table->stride_bits >> 22)
      return TFC_BAD_SIZE;
    if ((table->rows * table->stride_bits + 7) / 8 != table->payload_bytes) return TFC_BAD_SIZE;
  } else if (table->stride_bits) {
    return TFC_BAD_SIZE;
  }
  table->payload = data + TFC_HEADER_BYTES;
  table->model = table->payload + table->payload_bytes;
  table->index = table->model + table->model_bytes;
  table->checks = table->index + 8 * groups;
  table->scales = table->checks + 4 * checks;
  table->note = table->scales + 4 * scales;
  if (tfc_load32(data + 40) != tfc_crc32(table->model, (size_t)behind)) return TFC_BAD_TABLES;
  if (tfc_load64(table->note + table->note_bytes) != 0) return TFC_BAD_TABLES;
  return TFC_OK;
}

/* Sum of eight fields of `width` (1 to 8) bits each. */
static inline uint64_t tfc_sum_eight(uint64_t fields, uint32_t width) {
  static const uint64_t even[9] = {0,
                                   0x0000000000000055u,
                                   0x0000000000003333u,
                                   0x00000000001c71c7u,
                                   0x000000000f0f0f0fu,
                                   0x00000007c1f07c1fu,
                                   0x000003f03f03f03fu,
                                   0x0001fc07f01fc07fu,
                                   0x00ff00ff00ff00ffu};
  const uint64_t pairs = (fields & even[width]) + (fields >> width & even[width]);
  const uint64_t wide = ((uint64_t)1 << 2 * width) - 1;
  const uint64_t fours = wide | wide << 4 * width;
  const uint64_t quads = (pairs & fours) + (pairs >> 2 * width & fours);
  return (quads & (((uint64_t)1 << 4 * width) - 1)) + (quads >> 4 * width);
}

/* Sum of the first `count` fields of `width` bits at `p`, which is safe to load 8 bytes past. */
static inline uint64_t tfc_sum_fields(const uint8_t *p, uint32_t width, uint32_t count) {
  uint64_t sum = 0;
  if (width == 0) return 0;
  if (width > 8) {
    const uint64_t mask = ((uint64_t)1 << width) - 1;
    for (uint32_t k = 0; k < count; k++)
      sum += tfc_load64(p + (k * width >> 3)) >> (k * width & 7) & mask;
    return sum;
  }
  for (; count > 8; count -= 8, p += width) {
    const uint64_t eight = tfc_load64(p) << (64 - 8 * width) >> (64 - 8 * width);
    sum += tfc_sum_eight(eight, width);
  }
  if (count == 0) return sum;
  return sum + tfc_sum_eight(tfc_load64(p) << (64 - count * width) >> (64 - count * width), width);
}

/* Where a row lies: from bit `start` to bit `end` of the payload. */
typedef struct {
  uint64_t start, end;
} tfc_span;

/* The entry of the index for the group of a row, and where that says the group starts. */
static inline const uint8_t *tfc_index_entry(const tfc_table *table, uint64_t row) {
  return table->index + 8 * (row / TFC_GROUP_ROWS);
}

static inline uint64_t tfc_group_start(uint64_t entry) { return entry & 0xffffffffffu; }

/* Finds a row (a block of rows in rate). The span lies inside the payload and holds at least the
 * row's uncoded bytes. */
static inline tfc_status tfc_find_row(const tfc_table *table, uint64_t row, tfc_span *span) {
  if (row >= table->blocks) return TFC_NO_SUCH_ROW;
  if (table->mode < TFC_INDEXED) {
    span->start = row * table->stride_bits;
    span->end = span->start + table->stride_bits;
    return TFC_OK;
  }
  const uint64_t entry = tfc_load64(tfc_index_entry(table, row));
  const uint64_t base = tfc_group_start(entry);
  const uint32_t width = (uint32_t)(entry >> 40) & 31;
  const uint64_t shortest = entry >> 45;
  const uint64_t left = table->blocks - row / TFC_GROUP_ROWS * TFC_GROUP_ROWS;
  const uint32_t in_group = left < TFC_GROUP_ROWS ? (uint32_t)left : (uint32_t)TFC_GROUP_ROWS;
  const uint64_t lengths_bytes = (in_group * width + 7) / 8;
  if (width > 19 || base + lengths_bytes > table->payload_bytes) return TFC_BAD_INDEX;
  const uint8_t *lengths = table->payload + base;
  const uint32_t k = (uint32_t)(row % TFC_GROUP_ROWS);
  const uint64_t before = tfc_sum_fields(lengths, width, k);
  const uint64_t own = width ? tfc_load64(lengths + (k * width >> 3)) >> (k * width & 7) &
                                   (((uint64_t)1 << width) - 1)
                             : 0;
  const uint64_t start = base + lengths_bytes + before + k * shortest;
  const uint64_t length = own + shortest;
  if (start + length > table->payload_bytes || length < table->rest_bytes) return TFC_BAD_INDEX;
  span->start = 8 * start;
  span->end = 8 * (start + length);
  return TFC_OK;
}

#endif
