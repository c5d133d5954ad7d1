import keras
import numpy as np
import pytest
from keras import ops

from tfcompress.errors import ConfigError
from tfcompress.layers import LowRankEmbedding

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="one layer's own arithmetic, the same on every backend: tested once",
)


def test_formula(read_table):
    layer = LowRankEmbedding(50, 8, rank=3)
    A, P = (ops.convert_to_numpy(layer.tables()[name]) for name in ("A", "P"))
    np.testing.assert_allclose(read_table(layer), A @ P.T, rtol=1e-5, atol=1e-7)
    assert layer.num_parameters == 50 * 3 + 3 * 8


@pytest.mark.parametrize("rank", [1, 3, 8])
def test_fit_is_least_squares(rng, read_table, rank):
    table = rng.standard_normal((50, 8)) + 0.5
    layer = LowRankEmbedding(50, 8, rank=rank)
    layer.fit_table(table)
    lost = np.linalg.svd(table, compute_uv=False)[rank:]
    error = ((read_table(layer) - table) ** 2).sum()
    assert error == pytest.approx((lost**2).sum(), rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("rank", [0, 9, 1.5])
def test_invalid_rank(rank):
    with pytest.raises(ConfigError, match="rank"):
        LowRankEmbedding(50, 8, rank=rank)


def test_starts_with_the_variance_of_its_narrow_table(read_table):
    layer = LowRankEmbedding(5000, 64, rank=32)
    assert read_table(layer).std() == pytest.approx(0.05 / np.sqrt(3), rel=0.15)
