// Python binding of the row codec's C core. Arrays are checked here, once; the C code trusts them.
// Every function releases the interpreter lock while it works.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <tuple>
#include <vector>

extern "C" {
#include "tfc_analyse.h"
#include "tfc_decode.h"
#include "tfc_encode.h"
#include "tfc_rate_encode.h"
#include "wide.h"
}

namespace nb = nanobind;

namespace {

template <typename T, size_t Dimensions>
using In = nb::ndarray<const T, nb::ndim<Dimensions>, nb::c_contig, nb::device::cpu>;
template <typename T, size_t Dimensions>
using Out = nb::ndarray<nb::numpy, T, nb::ndim<Dimensions>>;

template <typename T>
std::unique_ptr<T[]> Room(size_t count) {
  return std::unique_ptr<T[]>(new T[count]);
}

template <typename T>
nb::capsule Owner(T* data) {
  return nb::capsule(data, [](void* p) noexcept { delete[] static_cast<T*>(p); });
}

template <typename T>
Out<T, 1> Give(std::unique_ptr<T[]> data, size_t count) {
  T* raw = data.release();
  return Out<T, 1>(raw, {count}, Owner(raw));
}

template <typename T>
Out<T, 2> Give(std::unique_ptr<T[]> data, size_t rows, size_t columns) {
  T* raw = data.release();
  return Out<T, 2>(raw, {rows, columns}, Owner(raw));
}

bool HasAvx2() {
#if defined(TFC_WIDE)
  static const bool has = __builtin_cpu_supports("avx2");
  return has;
#else
  return false;
#endif
}

void Require(bool condition, const char* message) {
  if (!condition) throw std::invalid_argument(message);
}

// A packed table opened for reading. Keeps the buffer it points into alive.
class Table {
 public:
  explicit Table(In<uint8_t, 1> data) : data_(data) {
    nb::gil_scoped_release release;
    const size_t bytes = tfc_workspace_bytes(data_.data(), data_.size());
    workspace_.resize(bytes / 8 + 1);
    status_ = tfc_open(&table_, data_.data(), data_.size(), workspace_.data(),
                       8 * workspace_.size());
  }

  int Status() const { return status_; }
  size_t TableBytes() const { return 8 * workspace_.size(); }

  // (rows, status, position in ids of the failure)
  std::tuple<Out<uint8_t, 2>, int, size_t> Rows(In<int64_t, 1> ids) const {
    Require(status_ == TFC_OK, "the table is not open");
    const size_t count = ids.size();
    std::unique_ptr<uint8_t[]> out;
    size_t failed = 0;
    tfc_status status;
    {
      nb::gil_scoped_release release;
      out = Room<uint8_t>(count * table_.row_bytes);
      std::vector<uint64_t> scratch(tfc_scratch_bytes(&table_) / 8 + 1);
      const auto decode = HasAvx2() ? tfc_rows_avx2 : tfc_rows;
      status = decode(&table_, ids.data(), count, out.get(), scratch.data(), &failed);
    }
    return {Give(std::move(out), count, table_.row_bytes), status, failed};
  }

  // First bit and end of every row in [first, last): used to check an index as a whole.
  std::tuple<Out<uint64_t, 2>, int, size_t> Spans(size_t first, size_t last) const {
    Require(status_ == TFC_OK && first <= last, "no such rows");
    auto out = Room<uint64_t>(2 * (last - first));
    tfc_status status = TFC_OK;
    size_t at = 0;
    for (; at < last - first && status == TFC_OK; at++) {
      tfc_span span = {0, 0};
      status = tfc_find_row(&table_, first + at, &span);
      out[2 * at] = span.start;
      out[2 * at + 1] = span.end;
    }
    return {Give(std::move(out), last - first, 2), status, at};
  }

 private:
  In<uint8_t, 1> data_;
  std::vector<uint64_t> workspace_;
  tfc_table table_;
  int status_;
};

using Bytes = Out<uint8_t, 1>;

std::tuple<Bytes, Out<uint32_t, 1>> EncodePrefix(In<uint8_t, 2> symbols, In<uint8_t, 2> rest,
                                                 In<uint8_t, 1> lengths, uint64_t stride_bits) {
  Require(rest.shape(0) == symbols.shape(0) && lengths.size() == 256, "shapes do not match");
  const size_t rows = symbols.shape(0), columns = symbols.shape(1), beside = rest.shape(1);
  const size_t most = stride_bits ? stride_bits / 8 + 1 : beside + (12 * columns + 7) / 8;
  std::unique_ptr<uint8_t[]> out;
  std::unique_ptr<uint32_t[]> sizes;
  int64_t bytes;
  {
    nb::gil_scoped_release release;
    out = Room<uint8_t>(rows * most + 16);
    sizes = Room<uint32_t>(stride_bits ? 0 : rows);
    tfc_words words;
    tfc_make_words(lengths.data(), &words);
    bytes = tfc_encode_prefix(symbols.data(), rest.data(), rows, (uint32_t)columns,
                              (uint32_t)beside, &words, stride_bits, out.get(), sizes.get());
  }
  Require(bytes >= 0, "a row does not fit the stride");
  return {Give(std::move(out), (size_t)bytes), Give(std::move(sizes), stride_bits ? 0 : rows)};
}

// Tables of slots for contexts given by levels, shape (contexts, 256) by symbol + 128.
Bytes FillSlots(In<uint8_t, 2> levels, uint32_t probability_bits) {
  Require(levels.shape(1) == 256 && probability_bits >= TFC_MIN_PROBABILITY_BITS &&
              probability_bits <= TFC_MAX_PROBABILITY_BITS,
          "levels or probability bits out of range");
  const size_t step = tfc_slots_bytes(probability_bits), count = levels.shape(0);
  auto out = Room<uint8_t>(step * count);
  for (size_t k = 0; k < count; k++)
    Require(tfc_fill_slots(out.get() + step * k, probability_bits, 0, levels.data() + 256 * k, 256,
                           0) == TFC_OK,
            "levels do not make frequencies");
  return Give(std::move(out), step * count);
}

std::tuple<Bytes, Out<uint32_t, 1>> EncodeRows(In<uint8_t, 2> symbols, In<uint8_t, 2> rest,
                                               In<uint8_t, 1> row_class,
                                               In<uint8_t, 1> column_class, In<uint8_t, 1> slots,
                                               uint32_t probability_bits, uint32_t tail_columns,
                                               In<uint8_t, 1> tail_lengths) {
  const size_t rows = symbols.shape(0), columns = symbols.shape(1), beside = rest.shape(1);
  const size_t step = tfc_slots_bytes(probability_bits), tables = slots.size() / step;
  Require(rest.shape(0) == rows && row_class.size() == rows && column_class.size() == columns &&
              slots.size() == tables * step && tables >= 2 && tail_columns <= columns &&
              tail_lengths.size() == 256,
          "shapes do not match");
  std::unique_ptr<uint8_t[]> out;
  std::unique_ptr<uint32_t[]> sizes;
  size_t bytes;
  {
    nb::gil_scoped_release release;
    out = Room<uint8_t>(rows * (beside + 4 * columns + 16) + 16);
    sizes = Room<uint32_t>(rows);
    auto shares = Room<tfc_share>(256 * tables);
    auto words = Room<uint32_t>(TFC_LANES * (columns + 2));
    for (size_t k = 0; k < tables; k++)
      tfc_make_shares(slots.data() + step * k, probability_bits, shares.get() + 256 * k);
    tfc_model model;
    model.shares = shares.get();
    model.column_class = column_class.data();
    tfc_make_words(tail_lengths.data(), &model.tail);
    model.columns = (uint32_t)columns;
    model.rest_bytes = (uint32_t)beside;
    model.probability_bits = probability_bits;
    model.contexts = (uint32_t)tables - 1;
    model.tail_columns = tail_columns;
    bytes = tfc_encode_rows(&model, symbols.data(), rest.data(), row_class.data(), rows, out.get(),
                            sizes.get(), words.get());
  }
  return {Give(std::move(out), bytes), Give(std::move(sizes), rows)};
}

// A row of its own for a run of bytes under one table of 12 probability bits.
Bytes EncodeBytes(In<uint8_t, 1> values, In<uint8_t, 1> slots) {
  Require(slots.size() == tfc_slots_bytes(12), "slots: expected one table of 12 bits");
  auto shares = Room<tfc_share>(256);
  auto words = Room<uint32_t>(values.size() + 1);
  tfc_make_shares(slots.data(), 12, shares.get());
  tfc_emitter emitter = {0, words.get(), 0};
  for (size_t k = values.size(); k-- > 0;) {
    const tfc_share* share = &shares[values.data()[k]];
    Require(share->frequency > 0, "a byte has no frequency");
    tfc_emit(&emitter, share->frequency, 64 - 12);
    tfc_give(&emitter, share, 12);
  }
  auto out = Room<uint8_t>(4 * emitter.count + 8);
  uint8_t* next = out.get();
  for (; emitter.state; emitter.state >>= 8) *next++ = (uint8_t)emitter.state;
  while (emitter.count) {
    tfc_store32(next, emitter.words[--emitter.count]);
    next += 4;
  }
  const size_t bytes = (size_t)(next - out.get());
  return Give(std::move(out), bytes);
}

// Blocks of rows: `context` is each row's (segment's class + row's class), `block_rows` add up to
// the rows; `bounds` as in tfc_rate.h, and classes only where there are several.
std::tuple<Bytes, Out<uint32_t, 1>> EncodeBlocks(In<uint8_t, 2> symbols, In<uint8_t, 1> context,
                                                 In<uint8_t, 1> row_class,
                                                 In<uint8_t, 1> column_class,
                                                 In<uint8_t, 1> block_rows,
                                                 In<uint16_t, 2> bounds,
                                                 In<uint16_t, 1> class_bounds) {
  const size_t rows = symbols.shape(0), columns = symbols.shape(1), blocks = block_rows.size();
  const size_t classes = class_bounds.size();
  size_t sum = 0, highest_row = 0, highest_column = 0;
  for (size_t k = 0; k < blocks; k++) sum += block_rows.data()[k];
  Require(context.size() == rows && column_class.size() == columns && sum == rows &&
              row_class.size() == rows && bounds.shape(1) == TFC_RATE_STRIDE,
          "shapes do not match");
  std::unique_ptr<uint8_t[]> out;
  std::unique_ptr<uint32_t[]> sizes;
  int64_t bytes;
  {
    nb::gil_scoped_release release;
    for (size_t k = 0; k < rows; k++) {
      highest_row = std::max<size_t>(highest_row, context.data()[k]);
      Require(classes < 2 || row_class.data()[k] < classes, "a class is out of range");
    }
    for (size_t k = 0; k < columns; k++)
      highest_column = std::max<size_t>(highest_column, column_class.data()[k]);
    Require(!rows || !columns || highest_row + highest_column < bounds.shape(0),
            "a class is out of range");
    out = Room<uint8_t>(rows * (3 * columns + 2) + 12 * blocks + 16);
    sizes = Room<uint32_t>(blocks);
    bytes = tfc_encode_blocks(symbols.data(), (uint32_t)columns, context.data(), row_class.data(),
                              (uint32_t)classes, column_class.data(), block_rows.data(), blocks,
                              bounds.data(), class_bounds.data(), out.get(), sizes.get());
  }
  Require(bytes >= 0, "a value has no probability");
  return {Give(std::move(out), (size_t)bytes), Give(std::move(sizes), blocks)};
}

std::tuple<Bytes, Out<uint64_t, 1>> GroupRows(In<uint8_t, 1> bytes, In<uint32_t, 1> lengths) {
  const size_t rows = lengths.size(), groups = (rows + TFC_GROUP_ROWS - 1) / TFC_GROUP_ROWS;
  std::unique_ptr<uint8_t[]> out;
  auto entries = Room<uint64_t>(groups);
  size_t total = 0, size;
  for (size_t r = 0; r < rows; r++) total += lengths.data()[r];
  Require(total == bytes.size(), "lengths do not add up to the bytes");
  {
    nb::gil_scoped_release release;
    out = Room<uint8_t>(total + 3 * rows + 16);
    size = tfc_group_rows(bytes.data(), lengths.data(), rows, out.get(), entries.get());
  }
  return {Give(std::move(out), size), Give(std::move(entries), groups)};
}

Out<uint8_t, 2> PredictRows(In<uint8_t, 2> symbols, In<int8_t, 2> weights, In<int32_t, 1> bias,
                            In<uint8_t, 1> shift, int32_t limit) {
  const size_t rows = symbols.shape(0), columns = symbols.shape(1), pivots = weights.shape(1);
  Require(weights.shape(0) == columns && bias.size() == columns && shift.size() == columns &&
              pivots <= columns,
          "shapes do not match");
  std::unique_ptr<uint8_t[]> out;
  {
    nb::gil_scoped_release release;
    out = Room<uint8_t>(rows * columns);
    const size_t width = tfc_whole_blocks((uint32_t)columns);
    auto ordered = Room<int16_t>(width * tfc_whole_blocks((uint32_t)pivots));
    auto sums = Room<int32_t>(TFC_PREDICTED_ROWS * width);
    tfc_order_weights(weights.data(), (uint32_t)columns, (uint32_t)pivots, ordered.get());
    const auto predict = HasAvx2() ? tfc_predict_rows_avx2 : tfc_predict_rows;
    predict(symbols.data(), rows, (uint32_t)columns, (uint32_t)pivots, ordered.get(), bias.data(),
            shift.data(), limit, sums.get(), out.get());
  }
  return Give(std::move(out), rows, columns);
}

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

}  // namespace

NB_MODULE(_native, m) {
  nb::class_<Table>(m, "Table")
      .def(nb::init<In<uint8_t, 1>>())
      .def_prop_ro("status", &Table::Status)
      .def_prop_ro("table_bytes", &Table::TableBytes)
      .def("rows", &Table::Rows)
      .def("spans", &Table::Spans);
  m.def("message", [](int status) { return tfc_message(static_cast<tfc_status>(status)); });
  m.def("encode_prefix", &EncodePrefix);
  m.def("fill_slots", &FillSlots);
  m.def("encode_rows", &EncodeRows);
  m.def("encode_bytes", &EncodeBytes);
  m.def("encode_blocks", &EncodeBlocks);
  m.def("group_rows", &GroupRows);
  m.def("predict_rows", &PredictRows);
  m.def("count_contexts", &CountContexts);
  m.def("count_columns", &CountColumns);
  m.def("count_rows", &CountRows);
  m.def("sum_costs", &SumCosts);
  m.def("choose_classes", &ChooseClasses);
  m.def("lower_envelopes", &LowerEnvelopes);
}
