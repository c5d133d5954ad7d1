// Reading rows of a packed table.
#include "binding.h"

#include <vector>

extern "C" {
#include "tfc_decode.h"
#include "wide.h"
}

namespace {

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
      const auto decode = tfc_has_avx2() ? tfc_rows_avx2 : tfc_rows;
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

}  // namespace

void BindTable(nb::module_& m) {
  nb::class_<Table>(m, "Table")
      .def(nb::init<In<uint8_t, 1>>())
      .def_prop_ro("status", &Table::Status)
      .def_prop_ro("table_bytes", &Table::TableBytes)
      .def("rows", &Table::Rows)
      .def("spans", &Table::Spans);
  m.def("message", [](int status) { return tfc_message(static_cast<tfc_status>(status)); });
}
