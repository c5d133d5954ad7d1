"""The interior-point method finds what a simplex method finds, with limits on lengths too."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.codec.worst_row.simplex import by_simplex
from tfcompress.codec.worst_row.row_programme import solve_rows


@settings(max_examples=60)
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
