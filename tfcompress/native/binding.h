// What the parts of the Python binding share: arrays of NumPy as they come and go, and the parts.
//
// Arrays are checked in the binding, once; the C code trusts them. Every function releases the
// interpreter lock while it works.
#ifndef TFC_BINDING_H
#define TFC_BINDING_H

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>

#include <memory>
#include <stdexcept>
#include <tuple>

namespace nb = nanobind;

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

using Bytes = Out<uint8_t, 1>;

inline void Require(bool condition, const char* message) {
  if (!condition) throw std::invalid_argument(message);
}

void BindTable(nb::module_& m);
void BindEncode(nb::module_& m);
void BindAnalyse(nb::module_& m);

#endif
