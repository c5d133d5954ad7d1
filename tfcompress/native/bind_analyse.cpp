// Counts and costs of rows, and rounding by them.
#include "binding.h"

#include <algorithm>
#include <vector>

extern "C" {
#include "tfc_analyse.h"
#include "tfc_descend.h"
}

namespace {

Out<uint64_t, 2> CountContexts(In<uint8_t, 2> symbols, In<uint8_t, 1> row_class,
                               In<uint8_t, 1> column_class, size_t contexts) {
  const size_t rows = symbols.shape(0), columns = symbols.shape(1);
  Require(row_class.size() == rows && column_class.size() == columns, "shapes do not match");
  auto out = Room<uint64_t>(256 * contexts);
  {
    nb::gil_scoped_release release;
    size_t highest_row = 0, highest_column = 0;
    for (size_t k = 0; k < rows; k++)
      highest_row = std::max<size_t>(highest_row, row_class.data()[k]);
    for (size_t k = 0; k < columns; k++)
      highest_column = std::max<size_t>(highest_column, column_class.data()[k]);
    Require(highest_row + highest_column < contexts, "a class is out of range");
    std::fill_n(out.get(), 256 * contexts, 0);
    tfc_count_contexts(symbols.data(), rows, (uint32_t)columns, row_class.data(),
                       column_class.data(), out.get());
  }
  return Give(std::move(out), contexts, 256);
}

Out<float, 2> CountColumns(In<uint8_t, 2> symbols, In<uint8_t, 1> row_class, size_t row_classes) {
  const size_t rows = symbols.shape(0), columns = symbols.shape(1);
  Require(row_class.size() == rows, "shapes do not match");
  std::unique_ptr<float[]> out;
  {
    nb::gil_scoped_release release;
    for (size_t k = 0; k < rows; k++)
      Require(row_class.data()[k] < row_classes, "a class is out of range");
    out = Room<float>(columns * row_classes * 256);
    std::fill_n(out.get(), columns * row_classes * 256, 0.0f);
    tfc_count_columns(symbols.data(), rows, (uint32_t)columns, row_class.data(),
                      (uint32_t)row_classes, out.get());
  }
  return Give(std::move(out), columns, row_classes * 256);
}

Out<uint32_t, 2> CountRows(In<uint8_t, 2> symbols) {
  const size_t rows = symbols.shape(0);
  auto out = Room<uint32_t>(256 * rows);
  {
    nb::gil_scoped_release release;
    tfc_count_rows(symbols.data(), rows, (uint32_t)symbols.shape(1), out.get());
  }
  return Give(std::move(out), rows, 256);
}

Out<double, 1> SumCosts(In<uint8_t, 2> symbols, In<double, 1> costs) {
  const size_t rows = symbols.shape(0);
  Require(costs.size() == 256, "costs: expected 256");
  auto out = Room<double>(rows);
  {
    nb::gil_scoped_release release;
    tfc_sum_costs(symbols.data(), rows, (uint32_t)symbols.shape(1), costs.data(), out.get());
  }
  return Give(std::move(out), rows);
}

std::tuple<Bytes, Out<uint32_t, 1>> ChooseClasses(In<uint8_t, 2> symbols,
                                                  In<uint8_t, 1> row_class,
                                                  In<uint8_t, 1> column_class,
                                                  In<uint16_t, 2> costs,
                                                  In<uint32_t, 1> class_costs, uint32_t patience) {
  const size_t rows = symbols.shape(0), columns = symbols.shape(1), classes = class_costs.size();
  Require(row_class.size() == rows && column_class.size() == columns && costs.shape(1) == 256 &&
              classes > 0,
          "shapes do not match");
  auto chosen = Room<uint8_t>(rows);
  auto best = Room<uint32_t>(rows);
  {
    nb::gil_scoped_release release;
    size_t highest = 0;
    for (size_t k = 0; k < columns; k++)
      highest = std::max<size_t>(highest, column_class.data()[k]);
    Require(highest + classes <= costs.shape(0), "a column class is out of range");
    for (size_t k = 0; k < rows; k++) {
      chosen[k] = row_class.data()[k];
      Require(chosen[k] < classes, "a row class is out of range");
    }
    tfc_choose_classes(symbols.data(), rows, (uint32_t)columns, column_class.data(), costs.data(),
                       class_costs.data(), (uint32_t)classes, patience, chosen.get(), best.get());
  }
  return {Give(std::move(chosen), rows), Give(std::move(best), rows)};
}

Out<float, 2> LowerEnvelopes(In<double, 2> heights, In<double, 1> points) {
  const size_t rows = heights.shape(0), count = points.size();
  Require(count > 0 && heights.shape(1) == count, "shapes do not match");
  auto out = Room<float>(rows * (count - 1));
  {
    nb::gil_scoped_release release;
    std::vector<uint32_t> hull(count);
    std::vector<double> crossings(count);
    for (size_t r = 0; r < rows; r++)
      tfc_lower_envelope(heights.data() + r * count, points.data(), count, hull.data(),
                         crossings.data(), out.get() + r * (count - 1));
  }
  return Give(std::move(out), rows, count - 1);
}

Out<int8_t, 2> DescendRows(In<float, 3> metrics, In<float, 2> targets, In<int8_t, 2> integers,
                           In<uint8_t, 1> row_context, In<uint8_t, 1> column_context,
                           In<float, 2> costs, float shrink) {
  const size_t rows = integers.shape(0), columns = integers.shape(1), contexts = costs.shape(0);
  Require(metrics.shape(0) == rows && metrics.shape(1) == columns && metrics.shape(2) == columns &&
              targets.shape(0) == rows && targets.shape(1) == columns &&
              row_context.size() == rows && column_context.size() == columns &&
              costs.shape(1) > 0 && costs.shape(1) <= 128,
          "shapes do not match");
  auto out = Room<int8_t>(rows * columns);
  {
    nb::gil_scoped_release release;
    size_t highest_row = 0, highest_column = 0;
    for (size_t k = 0; k < rows; k++)
      highest_row = std::max<size_t>(highest_row, row_context.data()[k]);
    for (size_t k = 0; k < columns; k++)
      highest_column = std::max<size_t>(highest_column, column_context.data()[k]);
    Require(highest_row + highest_column < contexts, "a context is out of range");
    for (size_t k = 0; k < rows * columns; k++) {
      out[k] = integers.data()[k];
      Require((size_t)(out[k] < 0 ? -out[k] : out[k]) < costs.shape(1), "an integer is out of range");
    }
    std::vector<float> harm(columns);
    for (size_t r = 0; r < rows; r++)
      tfc_descend_row(metrics.data() + r * columns * columns, targets.data() + r * columns,
                      (uint32_t)columns, costs.data() + row_context.data()[r] * costs.shape(1),
                      (uint32_t)costs.shape(1), column_context.data(), shrink, harm.data(),
                      out.get() + r * columns);
  }
  return Give(std::move(out), rows, columns);
}

}  // namespace

void BindAnalyse(nb::module_& m) {
  m.def("count_contexts", &CountContexts);
  m.def("count_columns", &CountColumns);
  m.def("count_rows", &CountRows);
  m.def("sum_costs", &SumCosts);
  m.def("choose_classes", &ChooseClasses);
  m.def("lower_envelopes", &LowerEnvelopes);
  m.def("descend_rows", &DescendRows);
}
