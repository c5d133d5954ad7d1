/* Opening a packed table: header, model and workspace, each checked before anything of it is used.
 *
 * The header to include is tfc_decode.h.
 */
#ifndef TFC_OPEN_H
#define TFC_OPEN_H

#include "tfc_format.h"
#include "tfc_predict.h"
#include "tfc_prefix.h"
#include "tfc_rans.h"
#include "tfc_rate_model.h"

enum { TFC_MAX_ROW_CLASSES = 64, TFC_MAX_CONTEXTS = 128 };

static inline size_t tfc_align(size_t bytes) { return (bytes + 7) & ~(size_t)7; }

/* Parts of the workspace of `context` and `predictive`, each a multiple of 8 bytes. `spare` is room
 * for a table of slots of 12 bits while the model is read, and for a table of code words. */
typedef struct {
  size_t slots, spare, tail, classes, levels, predictor;
} tfc_parts;

enum { TFC_SPARE_BYTES = sizeof(uint16_t) << TFC_LOOKUP_BITS };

/* Reads the fixed start of the model and works out the workspace from it. */
static inline tfc_status tfc_plan(tfc_table *table, tfc_cursor *cursor, tfc_code *tail,
                                  tfc_parts *parts) {
  const uint8_t *head = tfc_read(cursor, 6);
  if (!head) return TFC_BAD_TABLES;
  table->probability_bits = head[0];
  table->row_classes = head[1];
  table->contexts = head[2];
  table->tail_columns = head[3];
  table->pivots = tfc_load16(head + 4);
  if (head[0] < TFC_MIN_PROBABILITY_BITS || head[0] > TFC_MAX_PROBABILITY_BITS || head[1] == 0 ||
      head[1] > TFC_MAX_ROW_CLASSES || head[2] < head[1] || head[2] > TFC_MAX_CONTEXTS ||
      head[3] > table->columns)
    return TFC_BAD_TABLES;
  const tfc_status status =
      tfc_read_code(tail, cursor->next, (size_t)(cursor->end - cursor->next));
  if (status != TFC_OK) return status;
  if (tail->symbols == 0 && table->tail_columns) return TFC_BAD_TABLES;
  if (tail->longest > TFC_LOOKUP_BITS) return TFC_BAD_TABLES;
  tfc_read(cursor, tail->bytes);
  table->tail_bits = tail->longest;
  const size_t step = tfc_slots_bytes(table->probability_bits);
  parts->slots = step * (table->contexts + 1);
  parts->spare = TFC_SPARE_BYTES; /* more than tfc_slots_bytes(12) */
  parts->tail = tfc_align(sizeof(uint16_t) << tail->longest);
  parts->classes = tfc_align(table->columns);
  parts->levels = tfc_align((size_t)table->row_classes + 258 * (size_t)table->contexts);
  parts->predictor = 0;
  if (table->mode == TFC_PREDICTIVE) {
    if (table->columns > TFC_MAX_PREDICTED || table->pivots > table->columns)
      return TFC_BAD_TABLES;
    parts->predictor = tfc_align(tfc_predictor_workspace(table->columns, table->pivots));
  } else if (table->pivots) {
    return TFC_BAD_TABLES;
  }
  return TFC_OK;
}

static inline size_t tfc_sum_parts(const tfc_parts *parts) {
  return parts->slots + parts->spare + parts->tail + parts->classes + parts->levels +
         parts->predictor;
}

static inline tfc_status tfc_open_context(tfc_table *table, uint8_t *room, size_t size) {
  tfc_cursor cursor = {table->model, table->model + table->model_bytes, 0};
  tfc_code tail;
  tfc_parts parts;
  tfc_status status = tfc_plan(table, &cursor, &tail, &parts);
  if (status != TFC_OK) return status;
  if (size < tfc_sum_parts(&parts)) return TFC_NO_WORKSPACE;
  uint8_t *const slots = room, *const spare = slots + parts.slots;
  uint16_t *const tail_codes = (uint16_t *)(void *)(spare + parts.spare);
  uint8_t *const classes = (uint8_t *)tail_codes + parts.tail;
  uint8_t *const class_levels = classes + parts.classes;
  uint8_t *const ranges = class_levels + table->row_classes;
  uint8_t *const levels = ranges + 2 * table->contexts;
  const uint32_t bits = table->probability_bits;
  const size_t step = tfc_slots_bytes(bits);
  const uint8_t flip = table->mode == TFC_PREDICTIVE ? 0 : table->flip;

  /* The tail's words are read from the low end of a number: first bit least significant. */
  uint16_t *const straight = (uint16_t *)(void *)spare;
  tail_codes[0] = (uint16_t)((tail.lone ^ flip) << 8);
  if (tail.longest) {
    tfc_fill_codes(&tail, flip, 1, tail.longest, straight);
    for (uint32_t k = 0; k < 1u << tail.longest; k++)
      tail_codes[tfc_reverse_bits(k, tail.longest)] = straight[k];
  }

  status = tfc_read_bytes(&cursor, classes, table->columns, spare);
  for (uint32_t j = 0; status == TFC_OK && j < table->columns; j++)
    if (classes[j] > table->contexts - table->row_classes) status = TFC_BAD_TABLES;
  if (status == TFC_OK) status = tfc_read_bytes(&cursor, class_levels, table->row_classes, spare);
  if (status == TFC_OK)
    status = tfc_fill_slots(slots + step * table->contexts, bits, 0, class_levels,
                            table->row_classes, 0x80);
  if (status == TFC_OK) status = tfc_read_bytes(&cursor, ranges, 2 * table->contexts, spare);
  if (status != TFC_OK) return status;
  uint32_t total = 0;
  for (uint32_t c = 0; c < table->contexts; c++)
    if (ranges[2 * c] <= ranges[2 * c + 1]) total += ranges[2 * c + 1] - ranges[2 * c] + 1u;
  status = tfc_read_bytes(&cursor, levels, total, spare);
  const uint8_t *next = levels;
  for (uint32_t c = 0; status == TFC_OK && c < table->contexts; c++) {
    const uint8_t first = ranges[2 * c], last = ranges[2 * c + 1];
    uint8_t own[256] = {1}; /* a context no row uses: the symbol 0 only */
    uint32_t count = 1;
    if (first <= last) {
      count = last - first + 1u;
      for (uint32_t k = 0; k < count; k++) own[k] = (uint8_t)((k ? own[k - 1] : 0) + *next++);
    }
    status = tfc_fill_slots(slots + step * c, bits, first <= last ? first : 128, own, count, flip);
  }
  if (status != TFC_OK) return status;
  if (table->mode == TFC_PREDICTIVE) {
    status = tfc_open_predictor(table, &cursor, class_levels + parts.levels, spare);
    if (status != TFC_OK) return status;
  }
  if (cursor.failed || cursor.next != cursor.end) return TFC_BAD_TABLES;
  table->slots = slots;
  table->column_class = classes;
  table->tail_codes = tail_codes;
  return TFC_OK;
}

/* Bytes of workspace tfc_open wants for this table; 0 where the bytes are not a sound table. */
static inline size_t tfc_workspace_bytes(const uint8_t *data, size_t size) {
  tfc_table table;
  tfc_code code;
  tfc_parts parts;
  if (tfc_parse(&table, data, size) != TFC_OK) return 0;
  if (table.mode == TFC_RAW) return 8;
  if (table.mode == TFC_RATE) {
    tfc_cursor start = {table.model, table.model + table.model_bytes, 0};
    tfc_rate_parts rate;
    return tfc_plan_rate(&table, &start, &rate) == TFC_OK ? rate.end : 0;
  }
  if (table.mode < TFC_CONTEXT) {
    const tfc_status status = tfc_read_code(&code, table.model, table.model_bytes);
    return status == TFC_OK ? tfc_align(tfc_prefix_workspace(&code)) + 8 : 0;
  }
  tfc_cursor cursor = {table.model, table.model + table.model_bytes, 0};
  return tfc_plan(&table, &cursor, &code, &parts) == TFC_OK ? tfc_sum_parts(&parts) : 0;
}

static inline tfc_status tfc_open(tfc_table *table, const uint8_t *data, size_t size,
                                  void *workspace, size_t workspace_bytes) {
  const tfc_status status = tfc_parse(table, data, size);
  if (status != TFC_OK) return status;
  if ((uintptr_t)workspace % 8) return TFC_NO_WORKSPACE;
  if (table->mode == TFC_RAW) return table->model_bytes ? TFC_BAD_TABLES : TFC_OK;
  if (table->mode < TFC_CONTEXT) return tfc_open_prefix(table, workspace, workspace_bytes);
  if (table->mode == TFC_RATE) return tfc_open_rate(table, (uint8_t *)workspace, workspace_bytes);
  return tfc_open_context(table, (uint8_t *)workspace, workspace_bytes);
}

#endif
