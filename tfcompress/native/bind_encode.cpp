// Rows to bytes.
#include "binding.h"

#include <algorithm>

extern "C" {
#include "tfc_encode.h"
#include "tfc_rate_encode.h"
#include "wide.h"
}

namespace {

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
// the rows; `bounds` as in tfc_rate_model.h, and classes only where there are several.
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
    const auto predict = tfc_has_avx2() ? tfc_predict_rows_avx2 : tfc_predict_rows;
    predict(symbols.data(), rows, (uint32_t)columns, (uint32_t)pivots, ordered.get(), bias.data(),
            shift.data(), limit, sums.get(), out.get());
  }
  return Give(std::move(out), rows, columns);
}

}  // namespace

void BindEncode(nb::module_& m) {
  m.def("encode_prefix", &EncodePrefix);
  m.def("fill_slots", &FillSlots);
  m.def("encode_rows", &EncodeRows);
  m.def("encode_bytes", &EncodeBytes);
  m.def("encode_blocks", &EncodeBlocks);
  m.def("group_rows", &GroupRows);
  m.def("predict_rows", &PredictRows);
}
