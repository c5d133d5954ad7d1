"""Symbols and rest hold every bit of a table."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.codec.tables import small_tables
from tfcompress.codec.layout import rest_bytes
from tfcompress.codec.symbols import from_little_endian, join, little_endian, split


@pytest.mark.parametrize("dtype", ["int8", "uint8", "float32", "float16"])
@given(data=st.data())
def test_join_undoes_split(dtype, data):
    table = data.draw(small_tables(dtype))
    symbols, rest = split(table, dtype, table.shape[1])
    assert symbols.shape == table.shape
    assert rest.shape == (len(table), rest_bytes(dtype, table.shape[1]))
    assert join(symbols, rest, dtype).tobytes() == table.tobytes()
    assert from_little_endian(little_endian(table), dtype).tobytes() == table.tobytes()


def test_symbols_are_centred():
    assert split(np.array([[128, 0, 255]], np.uint8), "uint8", 3)[0].view(np.int8).tolist() == [
        [0, -128, 127]
    ]
    nibbles = np.array([[0x8F, 0x07]], np.uint8)
    assert split(nibbles, "int4", 4)[0].view(np.int8).tolist() == [[-1, -8, 7, 0]]
    assert split(nibbles, "int4", 3)[0].view(np.int8).tolist() == [[-1, -8, 7]]
    one = np.array([[1.0, -2.0, 0.0]], np.float32)
    assert split(one, "float32", 3)[0].view(np.int8).tolist() == [[-1, 0, -128]]
    assert split(one.astype(np.float16), "float16", 3)[0].view(np.int8).tolist() == [[-8, 0, -128]]
