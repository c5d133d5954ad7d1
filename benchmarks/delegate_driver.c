/* Runs the delegate on a runtime made of nothing but the interface it is written for:
 *
 *   delegate_driver MUTANTS SEED (TABLE ROWS)...
 *
 * TABLE is a packed table, ROWS what its rows are. Each table must come out as its rows, call after
 * call, ids out of range must be refused by name, and mutants of the table must be refused or decode
 * to something, the same each time. Scores must be the same to the bit whether integers are kept.
 * Built with sanitizers, and for other processors, by tests/native/test_delegate_driver.py. Every
 * buffer has exactly the size that the delegate is told.
 */
#include <stdarg.h>
#include <stdio.h>

#include "codec_mutate.h"
#include "delegate/tfc_delegate.h"
#include "delegate/tflite_abi.h"

#define NAME "item_embedding"

enum { IDS, TABLE, ROWS, SCALES, VECTORS, STARTS, SHRINK, TENSORS };

#define REQUIRE(condition)                                                    \
  do {                                                                        \
    if (!(condition)) {                                                       \
      fprintf(stderr, "line %d: not " #condition " (%s)\n", __LINE__, said);  \
      exit(1);                                                                \
    }                                                                         \
  } while (0)

static char said[1024]; /* the last error reported */

/* A graph of one lookup, and what a runtime keeps about it. */
static TfLiteTensor tensors[TENSORS];
static TfLiteNode node, kernel_node;
static TfLiteRegistration registration, kernel;
static TfLiteIntArray *inputs, *scaled_inputs, *scored_inputs, *outputs, *plan;
static uint8_t options[1];

static TfLiteIntArray *array(int size, const int *values) {
  TfLiteIntArray *made = malloc(sizeof *made + (size_t)size * sizeof(int));
  made->size = size;
  for (int k = 0; k < size; k++) made->data[k] = values[k];
  return made;
}

static void report(TfLiteContext *context, const char *format, ...) {
  va_list values;
  va_start(values, format);
  vsnprintf(said, sizeof said, format, values);
  va_end(values);
  (void)context;
}

static TfLiteStatus get_plan(TfLiteContext *context, TfLiteIntArray **result) {
  (void)context;
  *result = plan;
  return kTfLiteOk;
}

static TfLiteStatus get_node(TfLiteContext *context, int index, TfLiteNode **node_at,
                             TfLiteRegistration **registration_at) {
  (void)context;
  if (index != 0) return kTfLiteError;
  *node_at = &node;
  *registration_at = &registration;
  return kTfLiteOk;
}

static TfLiteStatus resize(TfLiteContext *context, TfLiteTensor *tensor, TfLiteIntArray *size) {
  size_t values = 1;
  (void)context;
  for (int k = 0; k < size->size; k++) values *= (size_t)size->data[k];
  switch (tensor->type) {
    case kTfLiteInt4: tensor->bytes = (values + 1) / 2; break;
    case kTfLiteInt16:
    case kTfLiteFloat16: tensor->bytes = 2 * values; break;
    case kTfLiteFloat32: tensor->bytes = 4 * values; break;
    default: tensor->bytes = values;
  }
  free(tensor->dims);
  free(tensor->data);
  tensor->dims = size;
  tensor->data = malloc(tensor->bytes ? tensor->bytes : 1);
  return kTfLiteOk;
}

static TfLiteStatus replace(TfLiteContext *context, TfLiteRegistration made,
                            const TfLiteIntArray *nodes, TfLiteDelegate *delegate) {
  TfLiteDelegateParams params = {delegate, (TfLiteIntArray *)(uintptr_t)nodes, inputs, outputs};
  kernel = made;
  if (!nodes->size) return kTfLiteOk;
  kernel_node.user_data = made.init(context, (const char *)&params, 0);
  const int failed = (intptr_t)kernel_node.user_data == -1;
  if (failed) kernel_node.user_data = NULL;
  return failed ? kTfLiteError : kTfLiteOk;
}

static TfLiteContext context = {TENSORS, get_plan, tensors, NULL,    resize,
                                report,  NULL,     get_node, replace};

static void set_ids(const int *ids, int count) {
  free(tensors[IDS].dims);
  free(tensors[IDS].data);
  tensors[IDS].dims = array(1, &count);
  tensors[IDS].bytes = (size_t)count * sizeof(int);
  tensors[IDS].data = malloc(tensors[IDS].bytes ? tensors[IDS].bytes : 1);
  memcpy(tensors[IDS].data, ids, tensors[IDS].bytes);
}

/* Builds the graph around a table; the kernel then stands in kernel_node. */
static TfLiteStatus open_graph(TfLiteDelegate *delegate, const blob *packed, int columns,
                               int dtype) {
  static const int types[] = {kTfLiteInt8, kTfLiteUInt8, kTfLiteInt4, kTfLiteFloat32,
                              kTfLiteFloat16};
  const int size = (int)packed->size, shape[] = {1, columns};
  tensors[IDS].type = kTfLiteInt32;
  tensors[TABLE].type = kTfLiteUInt8;
  tensors[TABLE].allocation_type = kTfLiteMmapRo;
  tensors[TABLE].data = packed->bytes;
  tensors[TABLE].bytes = packed->size;
  tensors[TABLE].name = NAME;
  free(tensors[TABLE].dims);
  tensors[TABLE].dims = array(1, &size);
  tensors[ROWS].type = types[dtype];
  tensors[ROWS].name = "rows";
  free(tensors[ROWS].dims);
  tensors[ROWS].dims = array(2, shape);
  set_ids(shape, 1);
  said[0] = 0;
  return delegate->Prepare(&context, delegate);
}

static void close_graph(void) {
  if (kernel_node.user_data) kernel.free(&context, kernel_node.user_data);
  kernel_node.user_data = NULL;
}

static TfLiteStatus run(void) {
  const TfLiteStatus status = kernel.prepare(&context, &kernel_node);
  return status == kTfLiteOk ? kernel.invoke(&context, &kernel_node) : status;
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
    for (int k = 0; k < count; k++)
      REQUIRE(memcmp((uint8_t *)tensors[ROWS].data + (size_t)k * table.row_bytes,
                     rows->bytes + (size_t)ids[k] * table.row_bytes, table.row_bytes) == 0);
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
    for (int k = 0; is_sound && k < some; k++)
      REQUIRE(memcmp((uint8_t *)tensors[ROWS].data + (size_t)k * table.row_bytes,
                     rows->bytes + (size_t)ids[k] * table.row_bytes, table.row_bytes) == 0);
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
  uint8_t *const payload = packed->bytes + (table.payload - packed->bytes);
  const int ids[] = {count - 1, 0, count - 1};
  int errors = 0;
  set_ids(ids, 3);
  for (int times = 0; times < 3; times++) REQUIRE(run() == kTfLiteOk);
  for (uint64_t k = 0; k < table.payload_bytes; k++) payload[k] ^= 0x5a;
  for (int times = 0; times < 3; times++) {
    REQUIRE(run() == kTfLiteOk);
    for (int k = 0; k < 3; k++)
      REQUIRE(memcmp((uint8_t *)tensors[ROWS].data + (size_t)k * table.row_bytes,
                     rows->bytes + (size_t)ids[k] * table.row_bytes, table.row_bytes) == 0);
  }
  for (int id = 1; id < count - 1; id++) {
    set_ids(&id, 1);
    const TfLiteStatus status = run();
    for (int times = 0; times < 3; times++) REQUIRE(run() == status);
    if (status == kTfLiteOk) continue; /* its bits do not show it */
    errors++;
    for (uint64_t k = 0; k < table.payload_bytes; k++) payload[k] ^= 0x5a;
    for (int times = 0; times < 3; times++)
      REQUIRE(run() == kTfLiteOk &&
              memcmp(tensors[ROWS].data, rows->bytes + (size_t)id * table.row_bytes,
                     table.row_bytes) == 0);
    for (uint64_t k = 0; k < table.payload_bytes; k++) payload[k] ^= 0x5a;
  }
  for (uint64_t k = 0; k < table.payload_bytes; k++) payload[k] ^= 0x5a;
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

static void set_constant(int tensor, int32_t type, void *data, int count) {
  tensors[tensor].type = type;
  tensors[tensor].allocation_type = kTfLiteMmapRo;
  tensors[tensor].name = "constant";
  tensors[tensor].data = data;
  tensors[tensor].bytes = 4 * (size_t)count;
  free(tensors[tensor].dims);
  tensors[tensor].dims = array(1, &count);
}

static void set_vectors(float *values, int count, int columns) {
  const int shape[] = {count, columns};
  set_constant(VECTORS, kTfLiteFloat32, values, count * columns);
  free(tensors[VECTORS].dims);
  tensors[VECTORS].dims = array(2, shape);
}

/* Makes the node one of `tfcompress.scores`, or a lookup again. */
static void set_operator(int is_product) {
  registration.custom_name = is_product ? "tfcompress.scores" : "tfcompress.lookup";
  node.inputs = is_product ? scored_inputs : inputs;
  options[0] = 1;
}

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

static void damage(const blob *packed, const tfc_table *table) {
  uint8_t *const payload = packed->bytes + (table->payload - packed->bytes);
  for (uint64_t k = 0; k < table->payload_bytes; k++) payload[k] ^= 0x5a;
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
    const TfLiteStatus status = run();
    if (status != kTfLiteOk) REQUIRE(strstr(said, NAME));
    const size_t bytes = tensors[ROWS].bytes;
    uint8_t *first = malloc(bytes + 1);
    memcpy(first, tensors[ROWS].data, bytes);
    for (int times = 0; times < 2; times++) {
      REQUIRE(run() == status);
      REQUIRE(status != kTfLiteOk || memcmp(first, tensors[ROWS].data, bytes) == 0);
    }
    free(first);
    close_graph();
  } else {
    REQUIRE(strstr(said, NAME));
  }
  TfcDelegateSetKeptBytes(delegate, KEPT_BYTES);
  set_operator(0);
  free(vectors);
  return is_open;
}

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
    const TfLiteStatus status = run();
    if (status != kTfLiteOk) REQUIRE(strstr(said, NAME));
    const size_t bytes = tensors[ROWS].bytes;
    uint8_t *first = malloc(bytes + 1);
    if (status == kTfLiteOk) memcpy(first, tensors[ROWS].data, bytes);
    for (int times = 0; times < 3; times++) { /* what is kept of it changes nothing */
      REQUIRE(run() == status);
      REQUIRE(status != kTfLiteOk || memcmp(first, tensors[ROWS].data, bytes) == 0);
    }
    free(first);
    close_graph();
  } else {
    REQUIRE(strstr(said, NAME));
  }
  node.inputs = inputs;
  options[0] = 1;
  return is_open;
}

int main(int count, char **arguments) {
  if (count < 5 || count % 2 == 0) return 2;
  const int inputs_of_node[] = {IDS, TABLE, SCALES}, output_of_node = ROWS, zero = 0;
  const int inputs_of_product[] = {VECTORS, TABLE, SCALES, STARTS, SHRINK};
  inputs = array(2, inputs_of_node);
  scaled_inputs = array(3, inputs_of_node);
  scored_inputs = array(5, inputs_of_product);
  outputs = array(1, &output_of_node);
  plan = array(1, &zero);
  node.inputs = inputs;
  node.outputs = outputs;
  options[0] = 1;
  node.custom_initial_data = options;
  node.custom_initial_data_size = 1;
  registration.builtin_code = kTfLiteBuiltinCustom;
  registration.custom_name = "tfcompress.lookup";
  registration.version = 1;
  TfLiteDelegate *delegate = TfcDelegateCreate();
  REQUIRE(delegate);

  const int mutants = atoi(arguments[1]), tables = (count - 3) / 2;
  int opened = 0;
  random_state = strtoull(arguments[2], NULL, 10) * 2 + 1;
  for (int t = 0; t < tables; t++) {
    blob packed = read_file(arguments[3 + 2 * t]), rows = read_file(arguments[4 + 2 * t]);
    check_table(delegate, &packed, &rows);
    check_again(delegate, &packed, &rows);
    check_kept(delegate, &packed, &rows);
    check_scaled(delegate, &packed, &rows, 0);
    check_scaled(delegate, &packed, &rows, 1);
    check_scores(delegate, &packed, &rows);
    check_kept_scores(delegate, &packed, &rows);
    for (int k = 0; k < mutants; k++) {
      blob mutant = mutant_of(&packed);
      opened += k % 2 ? try_mutant(delegate, &mutant) : score_mutant(delegate, &mutant);
      free(mutant.bytes);
    }
    if (t == 0) { /* files of a later version, and graphs without a lookup */
      options[0] = 3;
      REQUIRE(open_graph(delegate, &packed, 1, 0) == kTfLiteError && strstr(said, "version"));
      options[0] = 1;
      registration.custom_name = "other";
      REQUIRE(open_graph(delegate, &packed, 1, 0) == kTfLiteOk);
      registration.custom_name = "tfcompress.lookup";
    }
    free(packed.bytes);
    free(rows.bytes);
  }
  printf("%d tables, %d mutants, %d opened, 0 reports\n", tables, tables * mutants, opened);
  for (int k = 0; k < TENSORS; k++) free(tensors[k].dims);
  free(tensors[IDS].data);
  free(tensors[ROWS].data);
  free(inputs);
  free(scaled_inputs);
  free(scored_inputs);
  free(outputs);
  free(plan);
  TfcDelegateDelete(delegate);
  return 0;
}
