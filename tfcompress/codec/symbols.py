"""Tables of any dtype as symbols (signed bytes that a mode codes) and a rest stored as it is.

| dtype | symbol of a value | rest |
| --- | --- | --- |
| int8 | the value | |
| uint8 | value - 128 | |
| int4 | the value, -8..7 | |
| float32 | exponent - 128 | 3 bytes: mantissa (23 bits), sign above it |
| float16 | exponent and upper 3 bits of mantissa, 8 bits, - 128 | 1 byte: mantissa (7), sign |

Two int4 values share a byte, the even column in the low nibble; with an odd number of columns the
last high nibble is zero. A symbol is kept as the uint8 that its signed byte is.
"""

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.codec.layout import Dtype

U8 = NDArray[np.uint8]

STORED: dict[Dtype, Any] = {
    "int8": np.int8,
    "uint8": np.uint8,
    "int4": np.uint8,
    "float32": np.float32,
    "float16": np.float16,
}
"""The NumPy dtype that rows of each dtype have."""


def split(rows: NDArray[Any], dtype: Dtype, columns: int) -> tuple[U8, U8]:
    """Splits rows into symbols, shape `(n, columns)`, and rest, shape `(n, rest_bytes)`."""
    rows = _native_order(rows)
    nothing = np.empty((len(rows), 0), np.uint8)
    if dtype == "int8":
        return rows.view(np.uint8), nothing
    if dtype == "uint8":
        return rows ^ np.uint8(128), nothing
    if dtype == "int4":
        nibbles = np.stack([rows & 15, rows >> 4], axis=2).reshape(len(rows), 2 * rows.shape[1])
        return np.ascontiguousarray((nibbles[:, :columns] ^ 8) - np.uint8(8)), nothing
    if dtype == "float32":
        bits = rows.view(np.uint32)
        low = bits & 0x7FFFFF | bits >> 31 << 23
        # The three low bytes of each word, on machines of either byte order.
        rest = low.astype("<u4").view(np.uint8).reshape(len(rows), columns, 4)[:, :, :3]
        return (bits >> 23).astype(np.uint8) ^ np.uint8(128), rest.reshape(len(rows), 3 * columns)
    half = rows.view(np.uint16)
    rest = (half & 127 | half >> 15 << 7).astype(np.uint8)
    return (half >> 7).astype(np.uint8) ^ np.uint8(128), rest


def join(symbols: U8, rest: U8, dtype: Dtype) -> NDArray[Any]:
    """Puts rows together again: the inverse of `split`."""
    rows, columns = symbols.shape
    if dtype == "int8":
        return symbols.view(np.int8)
    if dtype == "uint8":
        return symbols ^ np.uint8(128)
    if dtype == "int4":
        nibbles = np.zeros((rows, columns + columns % 2), np.uint8)
        nibbles[:, :columns] = symbols & 15
        return np.asarray(nibbles[:, ::2] | nibbles[:, 1::2] << 4, np.uint8)
    if dtype == "float32":
        parts = rest.reshape(rows, columns, 3).astype(np.uint32)
        low = parts[:, :, 0] | parts[:, :, 1] << 8 | parts[:, :, 2] << 16
        exponent = (symbols ^ np.uint8(128)).astype(np.uint32)
        bits = low & 0x7FFFFF | exponent << 23 | low >> 23 << 31
        return np.asarray(bits, np.uint32).view(np.float32)
    wide = rest.astype(np.uint16)
    exponent16 = (symbols ^ np.uint8(128)).astype(np.uint16)
    half = wide & 127 | exponent16 << 7 | wide >> 7 << 15
    return np.asarray(half, np.uint16).view(np.float16)


def little_endian(rows: NDArray[Any]) -> U8:
    """The bytes of each row as they stand in a packed table: uint8, shape `(n, row_bytes)`."""
    rows = _native_order(rows)
    if sys.byteorder == "big" and rows.dtype.itemsize > 1:
        rows = rows.byteswap()
    return rows.view(np.uint8).reshape(len(rows), rows.shape[1] * rows.dtype.itemsize)


def _native_order(rows: NDArray[Any]) -> NDArray[Any]:
    """The same rows, contiguous and in the byte order of this machine."""
    return np.ascontiguousarray(rows, rows.dtype.newbyteorder("="))


def from_little_endian(data: U8, dtype: Dtype) -> NDArray[Any]:
    """Rows of `dtype` from their bytes in a packed table: the inverse of `little_endian`."""
    stored = np.dtype(STORED[dtype])
    rows: NDArray[Any] = data.view(stored.newbyteorder("<"))
    return rows.astype(stored, copy=False)
