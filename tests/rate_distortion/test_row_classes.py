"""Rows read about equally often share a class; classes are runs whatever the order of the rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfcompress.errors import ConfigError
from tfcompress.rate_distortion import transform_code
from tfcompress.rate_distortion.rare_rows import shrink_rare
from tfcompress.rate_distortion.row_classes import (
    MAX_CLASSES,
    class_starts,
    decreasing,
    zipf_weights,
)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=80))
def test_classes_are_runs_that_start_at_row_0(counts):
    starts = class_starts(np.array(counts, np.float64))
    assert starts[0] == 0
    assert (np.diff(starts) > 0).all()
    assert starts[-1] < len(counts)
    assert len(starts) <= MAX_CLASSES


@settings(max_examples=50)
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=80))
def test_decreasing_weights_keep_their_sum_and_those_sorted_stay(counts):
    weights = np.array(counts, np.float64)
    smooth = decreasing(weights)
    assert smooth.shape == weights.shape
    assert (np.diff(smooth) <= 1e-9).all()
    assert smooth.sum() == pytest.approx(weights.sum())
    ordered = np.sort(weights)[::-1]
    np.testing.assert_allclose(decreasing(ordered), ordered)


def test_rows_in_any_order_are_one_class():
    assert len(class_starts(np.arange(1.0, 100.0))) == 1


def test_an_octave_has_two_classes():
    starts = class_starts(2.0 ** -np.arange(8).repeat(10))
    assert starts.tolist() == list(range(0, 80, 10))
    assert 10 < len(class_starts(zipf_weights(20_000))) < 30


def test_rows_nobody_reads_are_apart_and_take_no_part():
    counts = np.array([0, 0, *np.arange(500, 0, -1)])
    table = np.random.default_rng(0).normal(size=(502, 8)).astype(np.float32)

    def noise(coded):
        return np.square(coded.dequantize() - table)[2:].mean()

    usual = noise(transform_code(table, step=1.0, weights=counts))
    table[:2] = 1e6
    coded = transform_code(table, step=1.0, weights=counts)
    assert coded.class_starts[1] == 2
    assert noise(coded) < 1.2 * usual
    np.testing.assert_allclose(coded.dequantize()[:2], table[:2], rtol=0.2)


def test_rare_rows_go_to_the_mean():
    table = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    weights = np.array([0, 1000, 6, 3, 1, 0], np.float64)
    rest, mean = shrink_rare(table, weights, 3.0)
    np.testing.assert_allclose(mean, table[1:5].mean(axis=0), rtol=1e-5)
    kept = np.array([1, 1000 / 1003, 6 / 9, 1 / 2, 1 / 4, 0])
    kept[5] = 1  # The last one or two: ids 0 and 1 where a permutation has put them there.
    np.testing.assert_allclose(rest, (table - mean) * kept[:, None], rtol=1e-5)
    weights[3:] = 0
    rest, mean = shrink_rare(table, weights, 3.0)
    np.testing.assert_array_equal(rest[3:], 0)


def test_rows_nobody_reads_are_apart_at_the_end_too():
    counts = np.array([*np.arange(500, 0, -1), 0, 0])
    table = np.random.default_rng(0).normal(size=(502, 8)).astype(np.float32)
    table[500:] = 1e3
    coded = transform_code(table, step=1.0, weights=counts, rare_shrinkage=3.0)
    assert coded.class_starts[-1] == 500
    np.testing.assert_allclose(coded.dequantize()[500:], table[500:], rtol=0.2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": np.ones(3)}, r"weights: got float64 \(3,\) for table, expected numbers"),
        ({"weights": np.array([1, -1, 1, 1])}, "weights: got -1 for row 1 of table"),
        ({"weights": np.array([1, 1, np.nan, 1])}, "weights: got nan for row 2"),
        ({"step": 0.0}, "step: got 0.0, expected a positive number"),
        ({"rate_weight": -1.0}, "rate_weight: got -1.0"),
        ({"row_step_exponent": 3.0}, "row_step_exponent: got 3.0, expected 0 to 2"),
        ({"rotation": "hadamard"}, "rotation: got 'hadamard', expected one of principal_axes"),
    ],
)
def test_arguments_out_of_range_are_named(options, message):
    with pytest.raises(ConfigError, match=message):
        transform_code(np.eye(4), **{"step": 1.0, **options})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (np.zeros(4), r"table: got shape \(4,\), expected \(rows, columns\)"),
        (np.zeros((2, 2), np.int8), "table: got dtype int8, expected float16"),
        (np.array([[0, 1], [1e39, 0]]), "table row 1, column 0: got 1e"),
    ],
)
def test_tables_that_cannot_be_coded(table, message):
    with pytest.raises(ConfigError, match=message):
        transform_code(table, step=1.0)
