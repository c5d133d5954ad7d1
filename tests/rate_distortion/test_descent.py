"""Rounding by what all errors of a row do together, against what is tried value by value."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfcompress.errors import ConfigError
from tfcompress.native import _native
from tfcompress.rate_distortion import TransformCoder
from tfcompress.rate_distortion.row_metrics import RowMetrics

ROWS, COLUMNS = 400, 8


def metrics_of(generator, rows=ROWS, columns=COLUMNS):
    """Of rows that are scored with vectors of few directions, which differ from row to row."""
    vectors = generator.normal(size=(rows, 3, columns))
    own = np.einsum("rva,rvb->rab", vectors, vectors).astype(np.float32)
    shared = 0.05 * np.eye(columns, dtype=np.float32)
    return RowMetrics(shared, np.ones(rows), np.arange(rows), own)


def harm(metrics, errors):
    own = metrics.between(0, metrics.count)
    return np.einsum("ra,rab,rb->r", errors, own, errors, dtype=np.float64)


@pytest.fixture(scope="module")
def table():
    return np.random.default_rng(0).normal(size=(ROWS, COLUMNS)).astype(np.float32)


@pytest.mark.parametrize("rotation", ["none", "principal_axes"])
@pytest.mark.parametrize("rate_weight", [0.0, 0.15])
def test_errors_harm_less_for_as_many_bytes(table, rotation, rate_weight):
    metrics = metrics_of(np.random.default_rng(1))
    weights = np.ones(ROWS)
    by_value = TransformCoder(table, weights, rotation).encode(0.8, rate_weight)
    together = TransformCoder(table, weights, rotation, row_metrics=metrics)
    found = together.encode(0.8, rate_weight)
    before = harm(metrics, by_value.dequantize() - table).sum()
    assert harm(metrics, found.dequantize() - table).sum() < 0.6 * before
    assert found.nbytes < 1.12 * by_value.nbytes
    assert found.pack().unpack().tolist() == found.integers.tolist()


def test_shrunk_rows_are_what_is_coded_for(table):
    metrics, counts = metrics_of(np.random.default_rng(1)), np.arange(ROWS, 0, -1)
    coder = TransformCoder(table, counts, row_metrics=metrics, rare_shrinkage=50.0)
    found = coder.encode(0.1)
    assert (
        harm(metrics, found.dequantize() - coder.target).sum()
        < 0.01 * harm(metrics, table - coder.target).sum()
    )


def test_rows_that_no_one_is_known_to_read_stay_as_rounded(table):
    metrics = metrics_of(np.random.default_rng(1))
    known = np.arange(ROWS) % 2 == 0
    some = RowMetrics(
        metrics.shared, metrics.weights * known, metrics.rows[known], metrics.own[known]
    )
    by_value = TransformCoder(table, np.ones(ROWS)).encode(0.8)
    found = TransformCoder(table, np.ones(ROWS), row_metrics=some).encode(0.8)
    assert np.array_equal(found.integers[~known], by_value.integers[~known])
    assert not np.array_equal(found.integers[known], by_value.integers[known])
    none = RowMetrics(metrics.shared, 0 * metrics.weights, metrics.rows[:0], metrics.own[:0])
    alone = TransformCoder(table, np.ones(ROWS), row_metrics=none).encode(0.8)
    assert np.array_equal(alone.integers, by_value.integers)
    assert np.array_equal(alone.steps, by_value.steps)


def test_the_same_table_gives_the_same_integers(table):
    coders = [
        TransformCoder(table, np.ones(ROWS), row_metrics=metrics_of(np.random.default_rng(1)))
        for _ in range(2)
    ]
    first, second = (coder.encode(0.8) for coder in coders)
    assert np.array_equal(first.integers, second.integers)
    assert np.array_equal(first.steps, second.steps)


def test_metrics_of_another_table_are_refused(table):
    with pytest.raises(ConfigError, match=r"row_metrics: got 9 rows of 8 columns.*400 of 8"):
        TransformCoder(table, row_metrics=metrics_of(np.random.default_rng(0), rows=9))


@settings(max_examples=60)
@given(
    rows=st.integers(0, 4),
    columns=st.integers(1, 6),
    magnitudes=st.integers(1, 128),
    size=st.floats(0.1, 200),
    bit=st.sampled_from([0.0, 0.3, 5.0]),
    shrink=st.sampled_from([0.0, 0.25, 0.49]),
    seed=st.integers(0, 999),
)
def test_a_descent_ends_where_no_value_alone_costs_less(
    rows, columns, magnitudes, size, bit, shrink, seed
):
    generator = np.random.default_rng(seed)
    factors = generator.normal(size=(rows, columns + 2, columns))
    own = np.einsum("rva,rvb->rab", factors, factors) + 0.1 * np.eye(columns)
    targets = generator.normal(0, size, (rows, columns))
    contexts, column_class = generator.integers(0, 3, rows), generator.integers(0, 2, columns)
    # Costs rise with the magnitude, as those of a codec mostly do.
    costs = bit * np.sort(generator.exponential(2, (4, magnitudes)), axis=1)
    start = generator.integers(1 - magnitudes, magnitudes, (rows, columns))

    def price(integers):
        errors = integers - shrink * np.sign(integers) - targets
        bits = costs[contexts[:, None] + column_class, np.abs(integers)]
        return np.einsum("ra,rab,rb->r", errors, own, errors) + bits.sum(axis=1)

    given_to = [
        np.ascontiguousarray(own, np.float32),
        targets.astype(np.float32),
        contexts.astype(np.uint8),
        column_class.astype(np.uint8),
        costs.astype(np.float32),
    ]
    found, before = start.astype(np.int8), price(start)
    for _ in range(50):
        last = found
        found = _native.descend_rows(*given_to[:2], last, *given_to[2:], shrink)
        assert np.abs(found.astype(int)).max(initial=0) < magnitudes
        after = price(found.astype(int))
        assert (after <= before + 1e-3 * (1 + before)).all()
        before = after
        if np.array_equal(found, last):
            break
    tolerance = 1e-3 * (1 + before)
    for column in range(columns):
        for move in (-1, 1):
            tried = found.astype(int)
            tried[:, column] += move
            allowed = np.abs(tried[:, column]) < magnitudes
            if allowed.any() and np.array_equal(found, last):
                tried[~allowed] = found[~allowed]
                assert (price(tried) >= before - tolerance).all()


def test_shapes_that_do_not_go_together_are_refused():
    metrics = np.ones((2, 3, 3), np.float32)
    targets, integers = np.ones((2, 3), np.float32), np.ones((2, 3), np.int8)
    row, column, costs = np.zeros(2, np.uint8), np.zeros(3, np.uint8), np.zeros((1, 5), np.float32)
    good = [metrics, targets, integers, row, column, costs]
    assert _native.descend_rows(*good, 0.0).shape == (2, 3)
    for place, wrong in [
        (0, metrics[:1]),
        (1, targets[:1]),
        (3, row[:1]),
        (4, column[:1]),
        (5, np.zeros((1, 129), np.float32)),
        (3, row + 1),
        (2, np.full((2, 3), -5, np.int8)),
    ]:
        bad = [*good]
        bad[place] = wrong
        with pytest.raises(ValueError, match=r"do not match|out of range"):
            _native.descend_rows(*bad, 0.0)
