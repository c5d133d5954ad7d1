import keras
import numpy as np
import pytest
from keras import ops

from tfcompress.errors import ConfigError
from tfcompress.layers import TruncatedEmbedding

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="one layer's own arithmetic, the same on every backend: tested once",
)


def test_the_tail_shares_a_row(read_table):
    layer = TruncatedEmbedding(20, 4, num_kept=7)
    E = ops.convert_to_numpy(layer.tables()["embeddings"])
    assert E.shape == (8, 4)
    np.testing.assert_array_equal(read_table(layer), E[np.minimum(np.arange(20), 7)])


@pytest.mark.parametrize("kept", [0, 1, 19])
def test_limits(kept, rng, read_table):
    table = rng.standard_normal((20, 4)).astype("float32")
    layer = TruncatedEmbedding(20, 4, num_kept=kept)
    layer.fit_table(table)
    assert layer.num_parameters == (kept + 1) * 4
    np.testing.assert_array_equal(read_table(layer)[:kept], table[:kept])
    h = rng.standard_normal((3, 4)).astype("float32")
    scores = ops.convert_to_numpy(layer(h, reverse=True))
    np.testing.assert_allclose(scores, h @ read_table(layer).T, rtol=1e-5, atol=1e-5)


def test_fit_is_least_squares(rng):
    table = rng.standard_normal((23, 4))
    layer = TruncatedEmbedding(23, 4, num_kept=5)
    layer.fit_table(table)
    best, *_ = np.linalg.lstsq(np.eye(6)[np.minimum(np.arange(23), 5)], table, rcond=None)
    np.testing.assert_allclose(ops.convert_to_numpy(layer.embeddings), best, atol=1e-6)


@pytest.mark.parametrize("kept", [-1, 20, 2.5, None, True, False])
def test_invalid_num_kept(kept):
    with pytest.raises(ConfigError, match="num_kept"):
        TruncatedEmbedding(20, 4, num_kept=kept)


def test_an_id_past_the_end_is_not_the_tail(assert_loud):
    """Without a check min(i, k) would give the tail's row to any id."""
    layer = TruncatedEmbedding(20, 4, num_kept=5)
    assert_loud(layer, np.array([20, 19], "int32"), np.array([False, True]))
