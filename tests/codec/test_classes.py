"""Rows and columns find the classes in which they cost least."""

import numpy as np

from tfcompress.codec.classes import COST_UNIT, MAX_CONTEXTS, context_costs, fit_classes
from tfcompress.native import _native


def by_scales(rows, columns, seed=0):
    """Laplace values on row scale x column scale, four of each."""
    generator = np.random.default_rng(seed)
    row, column = generator.integers(0, 4, rows), generator.integers(0, 4, columns)
    values = generator.laplace(size=(rows, columns)) * 2.0 ** (row[:, None] + column) * 0.5
    return np.clip(np.rint(values), -127, 127).astype(np.int8).view(np.uint8), row, column


def test_scales_are_found():
    symbols, row, column = by_scales(2000, 60)
    classes, cost = fit_classes(symbols, "int8", 4, 12)
    found, _ = classes.assign(symbols)
    assert np.mean(found == row) > 0.95
    assert np.array_equal(classes.column_class, column)
    _, one_class = fit_classes(symbols, "int8", 1, 12)
    assert cost < 0.92 * one_class


def test_cost_is_the_sum_of_the_costs_of_symbols():
    symbols, _, _ = by_scales(300, 20)
    classes, cost = fit_classes(symbols, "int8", 6, 12, rounds=0)
    own = classes.start(symbols)
    contexts = own[:, None].astype(int) + classes.column_class
    total = classes.costs[contexts, symbols].sum(dtype=int) + classes.class_costs[own].sum(
        dtype=int
    )
    assert cost == total / COST_UNIT


def test_more_rounds_never_cost_more():
    symbols, _, _ = by_scales(1000, 30, seed=3)
    costs = [fit_classes(symbols, "int8", 8, 12, rounds)[1] for rounds in (0, 1, 4, 16)]
    assert costs == sorted(costs, reverse=True)


def test_context_costs_are_the_entropy_of_counts():
    counts = np.zeros((2, 256), np.int64)
    counts[0, :4] = 1000
    counts[1, 9] = 5
    costs = context_costs(counts, 12)
    assert costs[0, :4].tolist() == [2 * COST_UNIT] * 4
    assert costs[1, 9] == 0
    assert (costs[0, 4:] == costs[1, 0]).all()
    assert costs[1, 0] > 12 * COST_UNIT


def test_classes_stay_within_their_bounds():
    extreme = np.zeros((600, 40), np.int8)
    extreme[1::2] = 127
    extreme[:, ::3] = -128
    for row_classes in (1, 2, 64):
        classes, _ = fit_classes(extreme.view(np.uint8), "int8", row_classes, 12)
        assert classes.contexts <= MAX_CONTEXTS
        assert classes.assign(extreme.view(np.uint8))[0].max() < row_classes
    empty, cost = fit_classes(np.empty((0, 5), np.uint8), "int8", 4, 12)
    assert cost == 0
    assert empty.contexts == 4


def test_patience_zero_keeps_classes():
    symbols, _, _ = by_scales(200, 20)
    classes, _ = fit_classes(symbols, "int8", 5, 12)
    given = np.full(200, 3, np.uint8)
    kept, costs = _native.choose_classes(
        symbols, given, classes.column_class, classes.costs, classes.class_costs, 0
    )
    assert (kept == 3).all()
    free, better = _native.choose_classes(
        symbols, given, classes.column_class, classes.costs, classes.class_costs, 2
    )
    assert (better <= costs).all()
    assert (free != 3).any()
