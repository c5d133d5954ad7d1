import math
from unittest import mock

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from tfcompress.errors import ConfigError
from tfcompress.layers import HashEmbedding, least_squares
from tfcompress.layers.hash import second_hash
from tfcompress.layers.least_squares import fit_sum_of_rows

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="one layer's own arithmetic, the same on every backend: tested once",
)


def buckets(n, m):
    a, b = second_hash(n, m)
    ids = np.arange(n)
    return ids % m, (ids % m + a * (ids // m) + b) % m


@given(st.integers(2, 3000), st.integers(1, 400))
def test_pairs_are_unique(n, m):
    """As unordered pairs, since the sum does not know which hash a row came from."""
    m = min(n, m)
    if m < 5 or 4 * n / m >= m:
        return  # fewer buckets than the pairs need
    first, second = buckets(n, m)
    pairs = np.sort(np.stack([first, second], axis=1), axis=1)
    assert len(np.unique(pairs, axis=0)) == n
    assert (first != second).all()


@given(st.integers(1, 2**31 - 1), st.integers(1, 50_000))
def test_arithmetic_stays_inside_int32(n, m):
    m = min(n, m)
    a, b = second_hash(min(n, 10_000_000), m)
    assert 0 <= a < m or m == 1
    assert math.gcd(a, m) in (1, m)
    largest = 2**31 - 1
    assert a * (largest // m) < 2**31
    assert (m - 1) + (m - 1) + b < 2**31


def test_formula(read_table):
    layer = HashEmbedding(300, 8, num_buckets=31, num_hashes=2)
    U = ops.convert_to_numpy(layer.tables()["U"])
    first, second = buckets(300, 31)
    np.testing.assert_allclose(read_table(layer), U[first] + U[second], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("n", "m"), [(23, 5), (40, 11), (12, 12), (9, 1)])
def test_fit_is_least_squares(rng, read_table, n, m):
    table = rng.standard_normal((n, 4))
    layer = HashEmbedding(n, 4, num_buckets=m, num_hashes=2)
    layer.fit_table(table)
    first, second = buckets(n, m)
    design = np.eye(m)[first] + np.eye(m)[second]
    best, *_ = np.linalg.lstsq(design, table, rcond=None)
    error = ((read_table(layer) - table) ** 2).sum()
    assert error == pytest.approx(((design @ best - table) ** 2).sum(), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(("n", "m"), [(23, 5), (24, 6), (7, 7), (8, 7), (100, 1), (1000, 37)])
def test_scores_without_gathering(rng, read_table, n, m):
    layer = HashEmbedding(n, 4, num_buckets=m, num_hashes=2)
    h = rng.standard_normal((3, 4)).astype("float32")
    scores = ops.convert_to_numpy(layer(h, reverse=True))
    np.testing.assert_allclose(scores, h @ read_table(layer).T, rtol=1e-5, atol=1e-6)


def test_invalid_num_hashes():
    with pytest.raises(ConfigError, match="num_hashes"):
        HashEmbedding(100, 8, 10, num_hashes=3)


@pytest.mark.parametrize("few", [0, 512], ids=["by rounds", "directly"])
@given(st.integers(1, 30), st.integers(1, 4), st.integers(1, 12), st.integers(0, 2**31))
def test_least_squares_of_sums(few, n, k, rows, seed):
    rng = np.random.default_rng(seed)
    chosen = rng.integers(0, rows, (n, k))
    weights = rng.choice([0.0, 0.5, 1.0], (n, k))
    table = rng.standard_normal((n, 3))
    design = np.zeros((n, rows))
    for i, j in np.ndindex(n, k):
        design[i, chosen[i, j]] += weights[i, j]
    best, *_ = np.linalg.lstsq(design, table, rcond=None)
    with mock.patch.object(least_squares, "_FEW_ROWS", few):
        found = fit_sum_of_rows(table, chosen, rows, weights)
    np.testing.assert_allclose(found, best, atol=1e-6)
