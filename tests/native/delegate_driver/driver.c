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
#include "rows.h"
#include "scores.h"

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
