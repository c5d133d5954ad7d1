"""Baselines are what their names say, and no strawmen: they reach what was measured before."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfcompress.codec.baselines import (
    Baseline,
    annealed_8bit,
    own_code_costs,
    row_limits,
    two_tree_4bit,
)
from tfcompress.codec.worst_row.certify import certify
from tfcompress.errors import ConfigError
from tfcompress.prefix_codes import huffman_lengths
from tfcompress.quantization import quantize

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "tables"
TABLES = hnp.arrays(
    np.int8,
    st.tuples(st.integers(1, 12), st.integers(1, 20)),
    elements=st.one_of(st.integers(-2, 2), st.integers(-128, 127)),
)


def real_table(name):
    path = SHARED / f"{name}.npy"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return quantize(np.load(path), 8, "per_table").integers


def own_cost(values):
    """A Huffman code for the values of one row, one row at a time."""
    counts = np.unique(values, return_counts=True)[1]
    return int(counts @ huffman_lengths(counts))


def halves(table):
    data = table.view(np.uint8)
    return np.concatenate([data >> 4, data & 15], axis=1)


@settings(max_examples=60)
@given(TABLES)
def test_row_limits_are_the_worst_own_codes(table):
    half, whole = row_limits(table)
    assert whole.stride == max(own_cost(row) for row in table)
    assert half.stride == max(own_cost(row) for row in halves(table))


@settings(max_examples=20)
@given(TABLES)
def test_what_one_tree_cannot_do_a_baseline_does_not_claim(table):
    half, whole = row_limits(table)
    for start in ("balanced", "huffman"):
        stride = annealed_8bit(table, start, moves=100).stride
        assert stride >= whole.stride
        assert stride >= certify(table, 32).stride
    assert two_tree_4bit(table).stride >= half.stride


def test_two_trees_by_hand():
    # One kind of row has the half values 0 and 1, the other 2 and 3: each tree puts its pair
    # nearest the root, at lengths 1 and 2.
    table = np.full((9, 8), 0x01, np.uint8)
    table[4] = 0x23
    assert two_tree_4bit(table).stride == 8 * (1 + 2)


@settings(max_examples=40)
@given(hnp.arrays(np.int64, st.tuples(st.integers(0, 9), st.integers(1, 30)), elements=st.one_of(
    st.integers(0, 3), st.integers(0, 10**6))))  # fmt: skip
def test_own_codes_of_all_rows_at_once(counts):
    expected = [int(row[row > 0] @ huffman_lengths(row[row > 0])) for row in counts]
    assert own_code_costs(counts).tolist() == expected


@pytest.mark.parametrize("start", ["balanced", "huffman"])
@pytest.mark.parametrize(("name", "published"), [("gpt2_wpe", 60.24), ("mf_movielens_V", 10.84)])
def test_annealing_reaches_what_was_measured_before(name, published, start):
    assert 100 * annealed_8bit(real_table(name), start).saved >= published - 0.3


@pytest.mark.parametrize(("name", "measured"), [("gpt2_wpe", 61.54), ("mf_movielens_V", 21.58)])
def test_row_limit_is_what_was_measured_before(name, measured):
    assert 100 * row_limits(real_table(name))[1].saved == pytest.approx(measured, abs=0.006)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (3, 5)])
def test_tables_that_need_no_code(shape):
    table = np.full(shape, 17, np.uint8)
    assert annealed_8bit(table).stride == 0
    assert row_limits(table)[1].stride == 0


def test_saved_is_a_share_of_eight_bits():
    assert Baseline("any", 6, 3).saved == 1 - 6 / 24
    assert Baseline("any", 0, 0).saved == 0


def test_another_start_is_refused():
    with pytest.raises(ConfigError, match="start: got 'random'"):
        annealed_8bit(np.zeros((2, 2), np.int8), "random")


@pytest.mark.parametrize("baseline", [two_tree_4bit, annealed_8bit, row_limits])
def test_a_float_table_is_refused(baseline):
    with pytest.raises(ConfigError, match=r"table: got float32 \(2, 2\)"):
        baseline(np.zeros((2, 2), np.float32))
