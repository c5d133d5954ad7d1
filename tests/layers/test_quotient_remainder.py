import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from tfcompress.errors import ConfigError
from tfcompress.layers import QuotientRemainderEmbedding

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="one layer's own arithmetic, the same on every backend: tested once",
)


def weights_of(layer):
    return {name: ops.convert_to_numpy(table) for name, table in layer.tables().items()}


@pytest.mark.parametrize("operation", ["mult", "add", "concat"])
@pytest.mark.parametrize("m", [1, 7, 10, 50])
def test_formula(operation, m, read_table):
    layer = QuotientRemainderEmbedding(50, 8, m, operation)
    w, ids = weights_of(layer), np.arange(50)
    q, r = w["Q"][ids // m], w["R"][ids % m]
    combine = {"mult": np.multiply, "add": np.add}.get(
        operation, lambda left, right: np.concatenate([left, right], axis=1)
    )
    np.testing.assert_allclose(read_table(layer), combine(q, r), rtol=1e-6, atol=1e-8)
    width = 4 if operation == "concat" else 8
    assert layer.num_parameters == (-(-50 // m) + m) * width


@given(st.integers(1, 3000), st.floats(1, 60))
def test_the_larger_root(n, ratio):
    """Against a scan of every number of buckets."""
    counts = {m: (-(-n // m) + m) * 8 for m in range(1, n + 1)}
    fits = [m for m, count in counts.items() if count <= int(n * 8 / ratio * (1 + 1e-12))]
    if fits:
        layer = QuotientRemainderEmbedding.from_ratio(n, 8, ratio)
        assert layer.num_buckets == max(fits)
    else:
        with pytest.raises(ConfigError, match="QuotientRemainderEmbedding"):
            QuotientRemainderEmbedding.from_ratio(n, 8, ratio)


def test_product_starts_away_from_zero():
    w = weights_of(QuotientRemainderEmbedding(10_000, 16, 100))
    assert w["Q"].min() >= 0.01
    assert 0.9 < w["R"].max() <= 1
    assert np.abs(weights_of(QuotientRemainderEmbedding(10_000, 16, 100, "add"))["Q"]).max() < 0.06


@pytest.mark.parametrize("m", [4, 5, 6, 23])
@pytest.mark.parametrize("operation", ["add", "concat"])
def test_fit_is_least_squares(rng, read_table, operation, m):
    n, table, ids = 23, rng.standard_normal((23, 4)), np.arange(23)
    layer = QuotientRemainderEmbedding(n, 4, m, operation)
    layer.fit_table(table)
    Q, R = np.eye(-(-n // m))[ids // m], np.eye(m)[ids % m]
    if operation == "add":
        design = np.concatenate([Q, R], axis=1)
        best = design @ np.linalg.lstsq(design, table, rcond=None)[0]
    else:
        halves = zip((Q, R), (table[:, :2], table[:, 2:]), strict=True)
        best = np.concatenate([d @ np.linalg.lstsq(d, t, rcond=None)[0] for d, t in halves], 1)
    np.testing.assert_allclose(read_table(layer), best, atol=1e-5)


def test_product_fit_is_rank_one_by_column(rng, read_table):
    """Where the last quotient is full, each column is the best rank-1 matrix."""
    table = rng.standard_normal((24, 3))
    layer = QuotientRemainderEmbedding(24, 3, 6)
    layer.fit_table(table)
    best = 0.0
    for column in table.T:
        strengths = np.linalg.svd(column.reshape(4, 6), compute_uv=False)
        best += (strengths[1:] ** 2).sum()
    assert ((read_table(layer) - table) ** 2).sum() == pytest.approx(best, rel=1e-4)


def test_invalid_operation():
    with pytest.raises(ConfigError, match="operation must be one of mult, add, concat"):
        QuotientRemainderEmbedding(50, 8, 7, "xor")
    with pytest.raises(ConfigError, match="output_dim must be even"):
        QuotientRemainderEmbedding(50, 7, 7, "concat")


def test_ids_between_n_and_the_last_full_quotient_are_loud(assert_loud):
    """50 // 7 is a valid quotient and 50 mod 7 a valid remainder."""
    layer = QuotientRemainderEmbedding(50, 8, 7)
    for bad in range(50, 56):
        assert_loud(layer, np.array([bad, 49], "int32"), np.array([False, True]))
