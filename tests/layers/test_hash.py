import keras
import numpy as np
import pytest
from keras import ops

from tfcompress.errors import ConfigError
from tfcompress.layers import HashEmbedding

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="one layer's own arithmetic, the same on every backend: tested once",
)


def test_shares_rows_modulo(rng):
    layer = HashEmbedding(100, 8, num_buckets=30)
    U = ops.convert_to_numpy(layer.tables()["U"])
    ids = np.array([0, 29, 30, 99, 12345, 2**31 - 1])
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(ids.astype("int32"))), U[ids % 30])


def test_fit_is_least_squares(rng):
    table = rng.standard_normal((23, 4))
    layer = HashEmbedding(23, 4, num_buckets=5)
    layer.fit_table(table)
    design = np.eye(5)[np.arange(23) % 5]
    best, *_ = np.linalg.lstsq(design, table, rcond=None)
    np.testing.assert_allclose(ops.convert_to_numpy(layer.tables()["U"]), best, atol=1e-6)


@pytest.mark.parametrize("buckets", [0, 101, 2.0, None])
def test_invalid_buckets(buckets):
    with pytest.raises(ConfigError, match="num_buckets"):
        HashEmbedding(100, 8, num_buckets=buckets)


def test_as_many_buckets_as_ids_is_the_full_table(rng, read_table):
    table = rng.standard_normal((40, 6)).astype("float32")
    layer = HashEmbedding.from_ratio(40, 6, 1)
    layer.fit_table(table)
    np.testing.assert_array_equal(read_table(layer), table)
