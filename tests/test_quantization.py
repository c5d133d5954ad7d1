"""Integer tables: exact scales, honest signal-to-noise ratios, loud refusals."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfcompress.errors import ConfigError
from tfcompress.quantization import quantize, snr_db, step_for_snr

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=32)
TABLES = hnp.arrays(
    np.float32, hnp.array_shapes(min_dims=2, max_dims=2, min_side=0), elements=FLOATS
)


@given(TABLES, st.integers(2, 8), st.sampled_from(["per_row", "per_table"]))
def test_every_value_is_within_half_a_step(table, num_bits, granularity):
    result = quantize(table, num_bits, granularity)
    limit = 2 ** (num_bits - 1) - 1
    assert result.integers.shape == table.shape
    assert result.scale.shape == ((len(table), 1) if granularity == "per_row" else (1, 1))
    assert (result.scale > 0).all()
    assert np.abs(result.integers.astype(int)).max(initial=0) <= limit
    error = np.abs(table.astype(np.float64) - result.dequantize())
    assert (error <= result.scale.astype(np.float64) * 0.5001).all()


@given(TABLES)
def test_requantizing_the_dequantized_table_changes_no_integer(table):
    first = quantize(table)
    assert np.array_equal(quantize(first.dequantize()).integers, first.integers)


def test_known_rows():
    result = quantize(np.array([[127.0, -64, 0.4], [0, 0, 0], [0.5, -1, 0.25]], np.float32))
    assert result.integers.tolist() == [[127, -64, 0], [0, 0, 0], [64, -127, 32]]
    assert result.scale[:, 0].tolist() == [1.0, 1.0, np.float32(1 / 127)]
    assert result.dequantize().dtype == np.float32
    per_table = quantize(np.array([[14.0, -3], [0.9, 7]]), 4, "per_table")
    assert per_table.integers.tolist() == [[7, -2], [0, 4]]
    assert per_table.scale.tolist() == [[2.0]]


def test_snr_is_that_of_the_dequantized_table():
    table = np.random.default_rng(0).normal(size=(300, 40)).astype(np.float32)
    for granularity in ("per_row", "per_table"):
        result = quantize(table, 5, granularity)
        assert result.snr_db == pytest.approx(snr_db(table, result.dequantize()), abs=1e-6)
    assert quantize(table, 8, "per_row").snr_db > quantize(table, 8, "per_table").snr_db > 30
    assert quantize(np.eye(3)).snr_db == math.inf
    assert quantize(np.zeros((2, 3))).snr_db == math.inf


def test_step_for_snr_keeps_the_promise_and_little_more():
    table = np.random.default_rng(1).normal(size=(2000, 16)).astype(np.float32)
    for db in (3.0, 12.5, 30.0):
        result = quantize(table, 8, "per_table", step=step_for_snr(table, db))
        assert db <= result.snr_db < db + 0.2
    assert step_for_snr(np.zeros((3, 3)), 20) == 1.0


@pytest.mark.filterwarnings("error")
def test_step_for_snr_near_the_end_of_float32():
    table = np.random.default_rng(3).normal(size=(30, 5)).astype(np.float32)
    step = step_for_snr(table, 10.0)
    table *= np.float32(3e38) / np.abs(table).max()
    large = step_for_snr(table, 10.0)
    assert snr_db(table, quantize(table, 8, "per_table", step=large).dequantize()) >= 10
    assert 0 < step < large < np.inf


def test_real_table_reaches_its_measured_snr():
    path = SHARED / "tables" / "mf_movielens_V.npy"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    table = np.load(path, mmap_mode="r")
    assert quantize(table, 8, "per_row").snr_db > quantize(table, 8, "per_table").snr_db > 25


@pytest.mark.filterwarnings("error")
def test_a_float64_past_float32_is_told_without_a_warning():
    with pytest.raises(ConfigError, match="table row 0, column 1: got inf"):
        quantize(np.array([[1.0, 1e300]]))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_values_name_table_row_and_column(bad):
    table = np.ones((70_000, 64), np.float32)
    table[68_123, 5] = bad
    with pytest.raises(ConfigError, match="items row 68123, column 5"):
        quantize(table, name="items")
    with pytest.raises(ConfigError, match="row 68123"):
        step_for_snr(table, 20)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_bits": 1}, "num_bits: got 1"),
        ({"num_bits": 9}, "num_bits: got 9"),
        ({"num_bits": "8"}, "num_bits: got '8'"),
        ({"num_bits": 8.0}, "num_bits: got 8.0"),
        ({"granularity": "per_column"}, "granularity: got 'per_column'"),
        ({"step": 0.1}, "use 'per_table'"),
        ({"step": -1.0, "granularity": "per_table"}, "step: got -1.0"),
        ({"step": 1e-3, "granularity": "per_table"}, "integers up to 1000, past 127"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ConfigError, match=message):
        quantize(np.ones((2, 2), np.float32), **arguments)


def test_lists_are_tables():
    rows = [[0.5, -1.0], [0.25, 0.0]]
    assert quantize(rows, 8).dequantize() == pytest.approx(quantize(np.array(rows), 8).dequantize())
    with pytest.raises(ConfigError, match=r"table: got shape \(\)"):
        quantize(None, 8)


def test_bad_tables():
    with pytest.raises(ConfigError, match=r"shape \(3,\)"):
        quantize(np.ones(3))
    with pytest.raises(ConfigError, match="dtype int64"):
        quantize(np.ones((2, 2), np.int64))
    with pytest.raises(ConfigError, match="not 90"):
        step_for_snr(np.random.default_rng(0).normal(size=(50, 50)), 90)
    with pytest.raises(ConfigError, match="db: got -1"):
        step_for_snr(np.ones((2, 2)), -1)
    with pytest.raises(ConfigError, match="approximation"):
        snr_db(np.ones((2, 2)), np.ones((2, 3)))
