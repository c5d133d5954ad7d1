"""Values of a table as bytes that a prefix code takes, and what is left of floats; and back.

| dtype | byte of a value | left, stored plainly |
| --- | --- | --- |
| int8, uint8 | the value | |
| int4 | the value, -8..7 | |
| float32 | exponent | int16: lower half, flipped; int8: sign, seven upper bits of the mantissa |
| float16 | exponent, three upper bits of the mantissa | int8: sign, seven lower bits |

The operators put floats together in int32: with m the int8, whose sign is that of the value, and
s = m >> 7 (-1 or 0), the bits of a float32 are 2^23 byte + 2^16 m + lower + s (2^31 - 2^23), and
those of a float16 2^7 byte + m + s (2^15 - 2^7).
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from tfcompress.codec import symbols
from tfcompress.codec.layout import Dtype
from tfcompress.tflite.builtin.row_bits import U8
from tfcompress.tflite.graph.operator_chain import OperatorChain

_Type = schema.TensorType


def split(matrix: NDArray[Any], dtype: Dtype, columns: int) -> tuple[U8, list[NDArray[Any]]]:
    """A table as bytes `(n, D)` and what is left, none or more arrays `(n, D)`."""
    matrix = np.ascontiguousarray(matrix)
    if dtype == "int4":
        return symbols.split(matrix, dtype, columns)[0], []
    if dtype == "float32":
        bits = matrix.view(np.uint32)
        lower = (bits ^ 0x8000).astype(np.uint16).view(np.int16)
        upper = (bits >> 16 & 0x7F | bits >> 24 & 0x80).astype(np.uint8)
        return (bits >> 23).astype(np.uint8), [upper.view(np.int8), lower]
    if dtype == "float16":
        half = matrix.view(np.uint16)
        upper = (half & 0x7F | half >> 8 & 0x80).astype(np.uint8)
        return (half >> 7).astype(np.uint8), [upper.view(np.int8)]
    return matrix.view(np.uint8), []


def join(values: U8, left: list[NDArray[Any]], dtype: Dtype) -> NDArray[Any]:
    """The inverse of `split`."""
    if dtype == "int4":
        return symbols.join(values, np.empty((len(values), 0), np.uint8), dtype)
    if dtype == "float32":
        upper, lower = left[0].view(np.uint8).astype(np.uint32), left[1].view(np.uint16)
        bits = values.astype(np.uint32) << 23 | (upper & 0x7F) << 16 | (upper & 0x80) << 24
        return np.asarray(bits | (lower ^ np.uint16(0x8000)), np.uint32).view(np.float32)
    if dtype == "float16":
        upper = left[0].view(np.uint8).astype(np.uint16)
        half = values.astype(np.uint16) << 7 | upper & 0x7F | (upper & 0x80) << 8
        return np.asarray(half, np.uint16).view(np.float16)
    return values.view(dtype)


def emit_join(chain: OperatorChain, values: int, left: list[int], ids: int, dtype: Dtype) -> int:
    """Emits what `join` does for rows looked up.

    Args:
        chain: OperatorChain.
        values: int. The bytes of the rows, int8 or uint8 `(ids, D)`.
        left: list of int. The arrays of `split` as constants.
        ids: int. Row numbers, a vector.
        dtype: str. What the table holds.

    Returns:
        int. The rows: of their type, int8 for int4, int16 for the bits of float16.
    """
    if not left:
        return values
    is_single = dtype == "float32"
    mantissa_bits, upper_place = (23, 16) if is_single else (7, 0)
    upper = chain.cast(chain.gather(left[0], ids), _Type.INT32)
    exponent = chain.cast(values, _Type.INT32)
    bits = chain.multiply(exponent, chain.constant(1 << mantissa_bits))
    high = chain.multiply(upper, chain.constant(1 << upper_place)) if upper_place else upper
    sign_place = 31 if is_single else 15
    sign = chain.shift_right(upper, 7)
    sign = chain.multiply(sign, chain.constant((1 << sign_place) - (1 << mantissa_bits)))
    bits = chain.add(chain.add(bits, high), sign)
    if not is_single:
        return chain.cast(bits, _Type.INT16)
    lower = chain.cast(chain.gather(left[1], ids), _Type.INT32)
    bits = chain.add(bits, chain.add(lower, chain.constant(1 << 15)))
    return chain.bitcast(bits, _Type.FLOAT32, 2)
