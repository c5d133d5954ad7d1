"""What goes into rows of bits comes out, whatever the code, the lengths and the index."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfcompress.codec.source import as_source
from tfcompress.tflite import row_values
from tfcompress.tflite.row_bits import (
    RowCoder,
    code_of,
    decode,
    grouped,
    groups_of,
    keys,
)
from tfcompress.tflite.row_coding import plan_rows
from tfcompress.tflite.row_places import fixed_places, indexed_places


def coder_of(values, group):
    found, counts = np.unique(keys(grouped(values, group)), return_counts=True)
    return RowCoder(code_of(groups_of(found, group), counts))


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 150),
    columns=st.integers(1, 20),
    group=st.integers(1, 8),
    spread=st.sampled_from([0.0, 0.3, 1.0, 30.0]),
    seed=st.integers(0, 2**16),
)
def test_fixed_and_indexed_rows_come_back(rows, columns, group, spread, seed):
    rng = np.random.default_rng(seed)
    scale = spread * rng.uniform(0, 1, (rows, 1))
    values = np.clip(np.rint(rng.laplace(0, 1, (rows, columns)) * scale), -128, 127)
    values = values.astype(np.int8).view(np.uint8)
    coder = coder_of(values, group)
    steps = -(-columns // group)
    row_bits = coder.row_bits(values)
    for places in (fixed_places(rows, int(row_bits.max())), indexed_places(row_bits)):
        starts = places.starts()
        for halfwords in (1, 2):
            size = places.payload_bytes(halfwords)
            payload = coder.encode(values, starts, size)
            found = decode(payload, starts, coder.code.lookups(), steps)[:, :columns]
            assert np.array_equal(found, values)
            # The blocks that the decoder gathers hold the row and are there.
            first = starts // (16 * halfwords)
            ends = 16 * halfwords * (first + places.blocks(halfwords))
            assert (starts + row_bits <= ends).all()
            assert ends.max() == 8 * size


def test_very_uneven_rows_have_no_index():
    row_bits = np.full(200, 8)
    row_bits[::2] = 40_000
    assert indexed_places(row_bits) is None


def test_places_beyond_int32_are_refused_and_larger_units_reach_further():
    assert fixed_places(2_000_000, 500).unit == 0
    assert fixed_places(20_000_000, 500).unit == 3
    assert fixed_places(80_000_000, 500) is None


@pytest.mark.parametrize("dtype", ["int8", "uint8", "float32", "float16"])
def test_every_bit_pattern_comes_back(dtype):
    rng = np.random.default_rng(0)
    stored = np.dtype(dtype)
    bits = rng.integers(0, 256, (500, 8 * stored.itemsize), dtype=np.uint8)
    matrix = bits.view(stored)
    values, left = row_values.split(matrix, dtype, 8)
    assert row_values.join(values, left, dtype).tobytes() == matrix.tobytes()


def test_coarse_tables_have_several_values_a_word():
    coarse = np.rint(np.random.default_rng(0).laplace(0, 0.4, (20_000, 24))).astype(np.int8)
    plan = plan_rows(coarse.view(np.uint8), as_source(coarse), "indexed")
    assert plan.code.group >= 2
    single = coder_of(coarse.view(np.uint8), 1)
    assert (
        plan.coder.row_bits(coarse.view(np.uint8)).sum()
        < 0.95 * single.row_bits(coarse.view(np.uint8)).sum()
    )
