"""The interior-point method finds what a simplex method finds, with limits on lengths too."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from tfcompress.codec import relaxation
from tfcompress.codec.relaxation import relax, solve_rows, worst_rows
from tfcompress.codec.row_source import HistogramRows


def by_simplex(counts, shortest, longest):
    """The least cost of the worst row, or None where the limits break Kraft's inequality."""
    pairs = [
        (symbol, length)
        for symbol, (low, high) in enumerate(zip(shortest, longest, strict=True))
        for length in range(low, high + 1)
    ]
    owner, length = np.array(pairs).T
    rows = np.hstack([counts[:, owner] * length, -np.ones((len(counts), 1))])
    kraft = np.append(2.0**-length, 0)
    one_length = np.hstack(
        [owner == np.arange(counts.shape[1])[:, None], np.zeros((counts.shape[1], 1))]
    )
    solution = linprog(
        np.append(np.zeros(len(owner)), 1),
        A_ub=np.vstack([rows, kraft]),
        b_ub=np.append(np.zeros(len(counts)), 1),
        A_eq=one_length,
        b_eq=np.ones(counts.shape[1]),
    )
    return solution.fun


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(3, 20), st.integers(0, 2**32), st.booleans())
def test_agrees_with_simplex(num_rows, num_symbols, seed, limited):
    generator = np.random.default_rng(seed)
    counts = generator.integers(0, 30, (num_rows, num_symbols)).astype(np.float64)
    counts[0] += 1
    shortest = np.ones(num_symbols, np.int64)
    longest = np.full(num_symbols, 9)
    if limited:
        shortest = generator.integers(1, 5, num_symbols)
        longest = shortest + generator.integers(0, 7, num_symbols)
        longest[np.argsort(longest)[: num_symbols // 2]] = 9
    assume((2.0**-longest).sum() < 1)
    solution = solve_rows(counts, shortest, longest)
    assert solution.value == pytest.approx(by_simplex(counts, shortest, longest), rel=1e-5)
    assert (solution.lengths >= shortest).all()
    assert (solution.lengths <= longest).all()
    assert solution.weights.sum() == pytest.approx(1)
    assert (solution.weights >= 0).all()


def test_no_choice_is_no_programme():
    counts = np.array([[3.0, 1, 1, 1], [0, 2, 2, 2]])
    solution = solve_rows(counts, np.ones(4, np.int64), np.full(4, 2))
    assert (solution.lengths == 2).all()
    assert (solution.value, solution.weights.tolist()) == (12, [1, 0])


def test_rows_are_added_until_none_is_violated():
    # Each row is hard for a code of its own; a start on 160 of them leaves others out.
    generator = np.random.default_rng(1)
    histograms = np.stack([np.bincount(generator.integers(0, 24, 60), minlength=24)] * 900)
    for row in histograms:
        generator.shuffle(row)
    source = HistogramRows(histograms)
    result = relax(source, 10)
    assert result.value == pytest.approx(float(source.costs(result.lengths).max()))
    everything = by_simplex(histograms.astype(np.float64), np.ones(24, int), np.full(24, 10))
    assert result.value == pytest.approx(everything, abs=0.05)


@pytest.mark.parametrize("block", [2, 3, 1 << 20])
def test_worst_rows(block, monkeypatch):
    monkeypatch.setattr(relaxation, "_BLOCK_ROWS", block)
    costs = np.array([3.0, 9, 1, 7, 5])
    assert sorted(worst_rows(costs, 2)) == [1, 3]
    assert sorted(worst_rows(costs, 9)) == [0, 1, 2, 3, 4]
    assert worst_rows(costs[:0], 2).shape == (0,)
