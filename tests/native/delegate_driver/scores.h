/* Scores of vectors against all rows of a table: right, the same whatever is kept, those of a mutant. */
#ifndef DELEGATE_DRIVER_SCORES_H
#define DELEGATE_DRIVER_SCORES_H

#include "runtime.h"

static float steps[] = {0.5f, 0.25f, 3}, shrink = 0.125f;

/* Scores of vectors against all rows: one vector, some, more than go in one pass. */
static void check_scores(TfLiteDelegate *delegate, const blob *packed, const blob *rows) {
  static const int counts[] = {1, 5, 35};
  tfc_table table;
  REQUIRE(tfc_parse(&table, packed->bytes, packed->size) == TFC_OK);
  const int columns = (int)table.columns, number = (int)table.rows;
  int32_t starts[] = {0, number / 3, number / 2};
  const int classes = number < 6 ? 1 : 3;
  float *vectors = malloc(35 * (size_t)columns * sizeof(float) + 1);
  for (int k = 0; k < 35 * columns; k++) vectors[k] = (float)(k % 17) - 7.5f;
  set_operator(1);
  set_constant(SCALES, kTfLiteFloat32, steps, classes);
  set_constant(STARTS, kTfLiteInt32, starts, classes);
  set_constant(SHRINK, kTfLiteFloat32, &shrink, 1);
  set_vectors(vectors, 1, columns);
  const TfLiteStatus opened = open_graph(delegate, packed, columns, TFC_FLOAT32);
  if (table.dtype != TFC_INT8) {
    REQUIRE(opened == kTfLiteError && strstr(said, NAME));
  } else {
    REQUIRE(opened == kTfLiteOk);
    for (int c = 0; c < 3; c++) {
      set_vectors(vectors, counts[c], columns);
      REQUIRE(run() == kTfLiteOk);
      const float *found = (const float *)tensors[ROWS].data;
      for (int k = 0; k < counts[c] * number; k++) {
        const int row = k % number;
        double sum = 0, size = 0;
        for (int j = 0; j < columns; j++) {
          const int q = (int8_t)rows->bytes[row * columns + j];
          const double value = (q - 0.125 * ((q > 0) - (q < 0))) * vectors[k / number * columns + j];
          sum += value;
          size += value < 0 ? -value : value;
        }
        const float step = steps[classes == 1 || row < starts[1] ? 0 : row < starts[2] ? 1 : 2];
        const double error = sum * step - found[k];
        REQUIRE((error < 0 ? -error : error) <= 1e-5 * size * step);
      }
    }
    set_vectors(vectors, 1, columns + 1);
    REQUIRE(run() == kTfLiteError && strstr(said, NAME));
    close_graph();
    starts[0] = 1;
    set_vectors(vectors, 1, columns);
    REQUIRE(open_graph(delegate, packed, columns, TFC_FLOAT32) == kTfLiteError);
    REQUIRE(strstr(said, "first rows"));
    options[0] = 2;
    REQUIRE(open_graph(delegate, packed, columns, TFC_FLOAT32) == kTfLiteError);
    REQUIRE(strstr(said, "version"));
  }
  set_operator(0);
  free(vectors);
}

enum { PASSES = 5, MOST_VECTORS = 35, KEPT_BYTES = 8 << 20 };
static const int passes[PASSES] = {0, 1, 7, 33, MOST_VECTORS};

/* Opens the graph of scores against a table, of the number of rows that it says it has. */
static TfLiteStatus open_scores(TfLiteDelegate *delegate, const blob *packed, float *vectors,
                                int columns) {
  set_operator(1);
  set_vectors(vectors, 1, columns);
  return open_graph(delegate, packed, columns, TFC_FLOAT32);
}

/* Scores of every number of vectors, one after another, in `scores`: as long as each call is right. */
static TfLiteStatus take_scores(float *vectors, const tfc_table *table, float *scores) {
  for (int k = 0; k < PASSES; k++) {
    set_vectors(vectors, passes[k], (int)table->columns);
    const TfLiteStatus status = run();
    if (status != kTfLiteOk) return status;
    REQUIRE(tensors[ROWS].bytes == (size_t)passes[k] * table->rows * sizeof(float));
    memcpy(scores, tensors[ROWS].data, tensors[ROWS].bytes);
    scores += (size_t)passes[k] * table->rows;
  }
  return kTfLiteOk;
}

/* Integers that are kept give the scores of those that are not; they are there when their bytes no
 * longer are, for all graphs of a delegate, until the last is closed; a table that is damaged keeps
 * nothing, and one over the limit neither. */
static void check_kept_scores(TfLiteDelegate *delegate, const blob *packed, const blob *rows) {
  tfc_table table;
  REQUIRE(tfc_parse(&table, packed->bytes, packed->size) == TFC_OK);
  const int columns = (int)table.columns, number = (int)table.rows;
  if (table.dtype != TFC_INT8 || number < 6) return;
  const size_t count = MOST_VECTORS * (size_t)columns, bytes = 76 * sizeof(float) * (size_t)number;
  int32_t starts[] = {0, number / 3, number / 2};
  const uint32_t infinite = 0x7f800000;
  float *vectors = malloc(count * sizeof(float)), *scores = malloc(bytes), *found = malloc(bytes);
  set_constant(SCALES, kTfLiteFloat32, steps, 3);
  set_constant(STARTS, kTfLiteInt32, starts, 3);
  set_constant(SHRINK, kTfLiteFloat32, &shrink, 1);
  for (int times = 0; times < 2; times++) {
    for (size_t k = 0; k < count; k++) vectors[k] = (float)below(1000) / 7 - 70;
    for (int k = 0; times && k < MOST_VECTORS; k += 2) /* a column that is not finite */
      memcpy(&vectors[(size_t)k * table.columns + (size_t)k % table.columns], &infinite, 4);
    TfcDelegateSetKeptBytes(delegate, 0);
    REQUIRE(open_scores(delegate, packed, vectors, columns) == kTfLiteOk);
    REQUIRE(take_scores(vectors, &table, scores) == kTfLiteOk);
    close_graph();
    for (size_t limit = 1; limit < 1 << 24; limit *= 8) { /* too little, and then enough */
      TfcDelegateSetKeptBytes(delegate, limit);
      REQUIRE(open_scores(delegate, packed, vectors, columns) == kTfLiteOk);
      for (int k = 0; k < 2; k++)
        REQUIRE(take_scores(vectors, &table, found) == kTfLiteOk && !memcmp(scores, found, bytes));
      damage(packed, &table);
      const TfLiteStatus status = take_scores(vectors, &table, found);
      const int is_kept = status == kTfLiteOk && !memcmp(scores, found, bytes);
      if (limit < 512 || table.mode == TFC_RAW) REQUIRE(!is_kept);
      if (limit > 20000 && table.mode != TFC_RAW) REQUIRE(is_kept);
      damage(packed, &table);
      close_graph();
    }
  }
  TfcDelegateSetKeptBytes(delegate, KEPT_BYTES);
  REQUIRE(open_scores(delegate, packed, vectors, columns) == kTfLiteOk);
  damage(packed, &table); /* before the first call */
  const TfLiteStatus damaged = take_scores(vectors, &table, found);
  if (damaged == kTfLiteError) { /* where its bits show it */
    for (int k = 0; k < 2; k++)
      REQUIRE(take_scores(vectors, &table, found) == kTfLiteError && strstr(said, "is damaged"));
    damage(packed, &table);
    REQUIRE(take_scores(vectors, &table, found) == kTfLiteOk && !memcmp(scores, found, bytes));
    damage(packed, &table);
  }
  close_graph();
  damage(packed, &table);
  REQUIRE(open_scores(delegate, packed, vectors, columns) == kTfLiteOk);
  REQUIRE(take_scores(vectors, &table, found) == kTfLiteOk);
  void *const first = kernel_node.user_data;
  damage(packed, &table);
  set_operator(0); /* rows that another graph keeps are looked up there */
  REQUIRE(open_graph(delegate, packed, columns, TFC_INT8) == kTfLiteOk);
  int *const ids = malloc((size_t)number * sizeof *ids);
  for (int k = 0; k < number; k++) ids[k] = k;
  set_ids(ids, number);
  const TfLiteStatus looked_up = run();
  const int is_there =
      looked_up == kTfLiteOk && !memcmp(tensors[ROWS].data, rows->bytes, rows->size);
  REQUIRE(is_there == (table.mode != TFC_RAW));
  free(ids);
  close_graph();
  REQUIRE(open_scores(delegate, packed, vectors, columns) == kTfLiteOk);
  kernel.free(&context, first);
  const TfLiteStatus shared = take_scores(vectors, &table, found);
  const int is_shared = shared == kTfLiteOk && !memcmp(scores, found, bytes);
  REQUIRE(is_shared == (table.mode != TFC_RAW));
  damage(packed, &table);
  close_graph();
  TfLiteDelegate *const other = TfcDelegateCreate(); /* one that goes before its graph */
  REQUIRE(open_scores(other, packed, vectors, columns) == kTfLiteOk);
  REQUIRE(take_scores(vectors, &table, found) == kTfLiteOk);
  TfcDelegateDelete(other);
  REQUIRE(take_scores(vectors, &table, found) == kTfLiteOk && !memcmp(scores, found, bytes));
  close_graph();
  set_operator(0);
  free(vectors);
  free(scores);
  free(found);
}

/* Scores against a mutant: refused, or numbers, the same each time. */
static int score_mutant(TfLiteDelegate *delegate, const blob *mutant) {
  const int columns = mutant->size < 48 ? 1 : (int)(tfc_load32(mutant->bytes + 16) % 65537);
  const uint64_t rows = mutant->size < 48 ? 1 : tfc_load64(mutant->bytes + 8);
  if (rows > 100000) return 0; /* scores that no memory would hold */
  int32_t start = 0;
  float *vectors = malloc((2 * (size_t)columns + 1) * sizeof(float));
  for (int k = 0; k < 2 * columns; k++) vectors[k] = (float)below(9) - 4;
  set_constant(SCALES, kTfLiteFloat32, steps, 1);
  set_constant(STARTS, kTfLiteInt32, &start, 1);
  TfcDelegateSetKeptBytes(delegate, below(3) ? KEPT_BYTES : (size_t)below(4000));
  const int is_open = open_scores(delegate, mutant, vectors, columns) == kTfLiteOk;
  if (is_open) {
    set_vectors(vectors, 2, columns);
    run_mutant(2);
    close_graph();
  } else {
    REQUIRE(strstr(said, NAME));
  }
  TfcDelegateSetKeptBytes(delegate, KEPT_BYTES);
  set_operator(0);
  free(vectors);
  return is_open;
}

#endif
