"""Thresholds are those of an exhaustive search over magnitudes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tfcompress.rate_distortion.rounding import round_to, thresholds


@settings(max_examples=60)
@given(
    magnitudes=st.integers(2, 12),
    shrink=st.floats(0, 0.49),
    rate_weight=st.floats(0.001, 2),
    seed=st.integers(0, 999),
)
def test_every_value_takes_its_cheapest_magnitude(magnitudes, shrink, rate_weight, seed):
    generator = np.random.default_rng(seed)
    bits = generator.exponential(4, (3, magnitudes)).astype(np.float32)
    points = np.arange(magnitudes, dtype=np.float64)
    points[1:] -= shrink
    values = generator.exponential(3, (50, 3)).astype(np.float32)
    chosen = round_to(values, thresholds(bits, points, rate_weight))
    costs = (values[..., None] - points) ** 2 + rate_weight * bits
    taken = np.take_along_axis(costs, chosen[..., None].astype(int), axis=-1)[..., 0]
    np.testing.assert_allclose(taken, costs.min(axis=-1), rtol=1e-4, atol=1e-4)


def test_free_bits_round_to_the_nearest():
    limits = thresholds(np.zeros((1, 4), np.float32), np.arange(4.0), 1.0)
    np.testing.assert_array_equal(limits, [[0.5, 1.5, 2.5]])
    assert round_to(np.array([[0.4], [1.6], [9.0]], np.float32), limits).tolist() == [[0], [2], [3]]


def test_a_magnitude_that_never_pays_is_passed_over():
    limits = thresholds(np.array([[0, 50, 1]], np.float32), np.arange(3.0), 1.0)
    assert limits[0, 0] == limits[0, 1]
