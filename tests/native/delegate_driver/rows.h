/* Lookups of rows: against what the rows are, kept ones, scaled ones, those of a mutant. */
#ifndef DELEGATE_DRIVER_ROWS_H
#define DELEGATE_DRIVER_ROWS_H

#include "runtime.h"

/* Whether what was looked up are the rows of these ids. */
static int are_rows(const int *ids, int count, const tfc_table *table, const blob *rows) {
  for (int k = 0; k < count; k++)
    if (memcmp((uint8_t *)tensors[ROWS].data + (size_t)k * table->row_bytes,
               rows->bytes + (size_t)ids[k] * table->row_bytes, table->row_bytes) != 0)
      return 0;
  return 1;
}

/* All rows in turn, then ids that do not exist. */
static void check_table(TfLiteDelegate *delegate, const blob *packed, const blob *rows) {
  tfc_table table;
  REQUIRE(tfc_parse(&table, packed->bytes, packed->size) == TFC_OK);
  const int count = (int)table.rows, columns = (int)table.columns;
  const TfLiteStatus opened = open_graph(delegate, packed, columns, table.dtype);
  if (table.dtype == TFC_INT4 && columns % 2) { /* such rows are no tensor */
    REQUIRE(opened == kTfLiteError && strstr(said, NAME));
    return;
  }
  REQUIRE(opened == kTfLiteOk);
  int *ids = malloc((size_t)count * sizeof *ids);
  for (int times = 3; times > 0; times--) { /* that each id follows itself */
    for (int k = 0; k < count; k++) ids[k] = (count - 1 - k) / times;
    set_ids(ids, count);
    REQUIRE(run() == kTfLiteOk);
    REQUIRE(tensors[ROWS].bytes == rows->size);
    REQUIRE(are_rows(ids, count, &table, rows));
  }
  const int wrong[] = {-1, count, INT32_MAX, INT32_MIN};
  for (int k = 0; k < 4; k++) {
    char id[16];
    ids[count / 2] = wrong[k];
    snprintf(id, sizeof id, "id %d ", wrong[k]);
    set_ids(ids, count);
    REQUIRE(run() == kTfLiteError && strstr(said, NAME) && strstr(said, id));
  }
  set_ids(ids, 0);
  REQUIRE(run() == kTfLiteOk);
  free(ids);
  close_graph();
}

/* Rows and ids out of range, call after call. Ids are few in some calls, so that rows come again, and
 * any in others, so that they meet other rows where those are kept. */
static void check_again(TfLiteDelegate *delegate, const blob *packed, const blob *rows) {
  tfc_table table;
  REQUIRE(tfc_parse(&table, packed->bytes, packed->size) == TFC_OK);
  const int count = (int)table.rows, columns = (int)table.columns;
  if (!count || open_graph(delegate, packed, columns, table.dtype) != kTfLiteOk) return;
  for (int call = 0; call < 400; call++) {
    int ids[80], is_sound = 1;
    const int some = 1 + (int)below(80), pool = 1 + (int)below(below(2) ? count : 12);
    for (int k = 0; k < some; k++) {
      ids[k] = (int)below(pool) % count;
      if (!below(500)) ids[k] = below(2) ? ids[k] + count : ids[k] - (1 << 20);
      is_sound &= ids[k] >= 0 && ids[k] < count;
    }
    set_ids(ids, some);
    REQUIRE(run() == (is_sound ? kTfLiteOk : kTfLiteError));
    if (!is_sound) REQUIRE(strstr(said, "out of range"));
    REQUIRE(!is_sound || are_rows(ids, some, &table, rows));
  }
  close_graph();
}

/* Rows that are kept are there when their bytes no longer are; a row that is damaged is an error each
 * time, and right once its bytes are. */
static void check_kept(TfLiteDelegate *delegate, const blob *packed, const blob *rows) {
  tfc_table table;
  REQUIRE(tfc_parse(&table, packed->bytes, packed->size) == TFC_OK);
  const int count = (int)table.rows, columns = (int)table.columns;
  if (table.mode == TFC_RAW || count < 64) return; /* nothing is kept of those */
  if (open_graph(delegate, packed, columns, table.dtype) != kTfLiteOk) return;
  const int ids[] = {count - 1, 0, count - 1};
  int errors = 0;
  set_ids(ids, 3);
  for (int times = 0; times < 3; times++) REQUIRE(run() == kTfLiteOk);
  damage(packed, &table);
  for (int times = 0; times < 3; times++) {
    REQUIRE(run() == kTfLiteOk && are_rows(ids, 3, &table, rows));
  }
  for (int id = 1; id < count - 1; id++) {
    set_ids(&id, 1);
    const TfLiteStatus status = run();
    for (int times = 0; times < 3; times++) REQUIRE(run() == status);
    if (status == kTfLiteOk) continue; /* its bits do not show it */
    errors++;
    damage(packed, &table);
    for (int times = 0; times < 3; times++)
      REQUIRE(run() == kTfLiteOk && are_rows(&id, 1, &table, rows));
    damage(packed, &table);
  }
  damage(packed, &table);
  REQUIRE(errors || table.mode > TFC_INDEXED); /* other modes show hardly any damage */
  close_graph();
}

/* The rows of integers times scales, one or one per row, on a node of version 2. */
static void check_scaled(TfLiteDelegate *delegate, const blob *packed, const blob *rows,
                         int has_one) {
  tfc_table table;
  REQUIRE(tfc_parse(&table, packed->bytes, packed->size) == TFC_OK);
  const int columns = (int)table.columns, number = has_one ? 1 : (int)table.rows;
  float *scales = malloc((size_t)number * sizeof(float) + 1);
  for (int k = 0; k < number; k++) scales[k] = 0.1f + (float)k / 7;
  tensors[SCALES].type = kTfLiteFloat32;
  tensors[SCALES].allocation_type = kTfLiteMmapRo;
  tensors[SCALES].name = "scales";
  tensors[SCALES].data = scales;
  tensors[SCALES].bytes = (size_t)number * sizeof(float);
  free(tensors[SCALES].dims);
  tensors[SCALES].dims = array(1, &number);
  node.inputs = scaled_inputs;
  REQUIRE(open_graph(delegate, packed, columns, TFC_FLOAT32) == kTfLiteError); /* version 1 */
  options[0] = 2;
  if (table.dtype > TFC_INT4) {
    REQUIRE(open_graph(delegate, packed, columns, TFC_FLOAT32) == kTfLiteError);
    REQUIRE(strstr(said, NAME));
  } else {
    REQUIRE(open_graph(delegate, packed, columns, table.dtype) == kTfLiteError);
    tensors[SCALES].bytes += 1;
    REQUIRE(open_graph(delegate, packed, columns, TFC_FLOAT32) == kTfLiteError);
    REQUIRE(strstr(said, "scales"));
    tensors[SCALES].bytes -= 1;
    REQUIRE(open_graph(delegate, packed, columns, TFC_FLOAT32) == kTfLiteOk);
    const int count = (int)table.rows;
    int *ids = malloc((size_t)count * sizeof *ids + 1);
    for (int k = 0; k < count; k++) ids[k] = (count - 1 - k) / 2;
    set_ids(ids, count);
    REQUIRE(run() == kTfLiteOk);
    REQUIRE(tensors[ROWS].bytes == (size_t)count * (size_t)columns * sizeof(float));
    const float *found = (const float *)tensors[ROWS].data;
    for (int k = 0; k < count; k++)
      for (int c = 0; c < columns; c++) {
        const uint8_t *row = rows->bytes + (size_t)ids[k] * table.row_bytes;
        int value = row[table.dtype == TFC_INT4 ? c / 2 : c];
        if (table.dtype == TFC_INT4) value = ((value >> (c % 2 * 4) & 15) ^ 8) - 8;
        if (table.dtype == TFC_INT8) value = (int8_t)value;
        const float expected = (float)value * scales[has_one ? 0 : ids[k]];
        REQUIRE(found[k * columns + c] == expected);
      }
    ids[0] = count;
    set_ids(ids, count);
    if (count) REQUIRE(run() == kTfLiteError && strstr(said, NAME));
    free(ids);
    close_graph();
  }
  options[0] = 1;
  node.inputs = inputs;
  free(scales);
}

/* Rows of a mutant: refused, or some, the same each time. */
static int try_mutant(TfLiteDelegate *delegate, const blob *mutant) {
  const uint8_t *head = mutant->bytes;
  const int columns = mutant->size < 48 ? 1 : (int)(tfc_load32(head + 16) % 65537);
  const uint64_t rows = mutant->size < 48 ? 1 : tfc_load64(head + 8);
  int ids[20];
  for (int k = 0; k < 20; k++) ids[k] = (int)below(below(16) ? rows : rows + 2);
  int dtype = mutant->size < 48 ? 0 : head[6] % TFC_DTYPES;
  float scale = 0.5f;
  const int is_scaled = dtype <= TFC_INT4 && below(2);
  if (is_scaled) {
    tensors[SCALES].data = &scale;
    tensors[SCALES].bytes = sizeof scale;
    node.inputs = scaled_inputs;
    options[0] = 2;
    dtype = TFC_FLOAT32;
  }
  const int is_open = open_graph(delegate, mutant, columns, dtype) == kTfLiteOk;
  if (is_open) {
    set_ids(ids, 1 + (int)below(20));
    run_mutant(3);
    close_graph();
  } else {
    REQUIRE(strstr(said, NAME));
  }
  node.inputs = inputs;
  options[0] = 1;
  return is_open;
}

#endif
