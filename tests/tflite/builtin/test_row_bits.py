"""What goes into rows of bits comes out, whatever the code, the lengths and the index."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfcompress.codec.source import as_source
from tfcompress.tflite.builtin import row_values
from tfcompress.tflite.builtin.code_choice import code_of
from tfcompress.tflite.builtin.code_lookups import compact_lookups, whole_lookups
from tfcompress.tflite.builtin.row_bits import RowCoder, decode, grouped, groups_of, keys
from tfcompress.tflite.builtin.row_coding import plan_rows
from tfcompress.tflite.builtin.row_places import fixed_places, indexed_places


def coder_of(values, group, *, is_compact=False):
    found, counts = np.unique(keys(grouped(values, group)), return_counts=True)
    return RowCoder(code_of(groups_of(found, group), counts, is_compact=is_compact))


@settings(max_examples=60)
@given(
    rows=st.integers(1, 150),
    columns=st.integers(1, 20),
    group=st.integers(1, 8),
    spread=st.sampled_from([0.0, 0.3, 1.0, 30.0]),
    is_compact=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_fixed_and_indexed_rows_come_back(rows, columns, group, spread, is_compact, seed):
    rng = np.random.default_rng(seed)
    scale = spread * rng.uniform(0, 1, (rows, 1))
    values = np.clip(np.rint(rng.laplace(0, 1, (rows, columns)) * scale), -128, 127)
    values = values.astype(np.int8).view(np.uint8)
    coder = coder_of(values, group, is_compact=is_compact)
    lookups = (compact_lookups(coder.code) if is_compact else whole_lookups(coder.code)).whole()
    steps = -(-columns // group)
    row_bits = coder.row_bits(values)
    for places in (fixed_places(rows, int(row_bits.max())), indexed_places(row_bits)):
        starts = places.starts()
        for halfwords in (1, 2):
            size = places.payload_bytes(halfwords)
            payload = coder.encode(values, starts, size)
            found = decode(payload, starts, lookups.lengths, lookups.symbols, steps)
            assert np.array_equal(found[:, :columns], values)
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


@pytest.mark.parametrize("is_compact", [False, True])
def test_coarse_tables_have_several_values_a_word(is_compact):
    coarse = np.rint(np.random.default_rng(0).laplace(0, 0.4, (20_000, 24))).astype(np.int8)
    values = coarse.view(np.uint8)
    plan = plan_rows(values, as_source(coarse), "indexed", is_compact=is_compact)
    assert plan.code.group >= 2
    single = coder_of(values, 1, is_compact=is_compact)
    assert plan.coder.row_bits(values).sum() < 0.95 * single.row_bits(values).sum()


def test_compact_look_ups_make_a_table_smaller():
    fine = np.rint(np.random.default_rng(0).laplace(0, 10, (2000, 16)))
    fine = np.clip(fine, -127, 127).astype(np.int8)
    plans = [
        plan_rows(fine.view(np.uint8), as_source(fine), "indexed", is_compact=is_compact)
        for is_compact in (False, True)
    ]
    assert plans[1].nbytes < 0.97 * plans[0].nbytes
    assert plans[1].lookups.nbytes < 0.5 * plans[0].lookups.nbytes


def test_compact_look_ups_of_large_tables_have_to_be_worth_their_operators():
    # Words of both tables have up to 13 bits, and a look-up of 8 KB would do without half of it.
    plans = []
    for rows in (3000, 60_000):
        fine = np.rint(np.random.default_rng(0).laplace(0, 10, (rows, 64)))
        fine = np.clip(fine, -127, 127).astype(np.int8)
        plans.append(plan_rows(fine.view(np.uint8), as_source(fine), "fixed", is_compact=True))
    assert plans[0].lookups.shift > 0
    assert plans[1].lookups.shift == 0
    assert plans[1].lookups.nbytes == 2 << plans[1].code.bits
