import keras
import pytest

from tfcompress import layers
from tfcompress.errors import ConfigError

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="one layer's own arithmetic, the same on every backend: tested once",
)


def test_unknown_name():
    with pytest.raises(ConfigError, match=r"must be one of full, .*received 'hsah'"):
        layers.create("hsah", 10, 4)
    with pytest.raises(ConfigError, match=r"must be one of full, .*received \['hash'\]"):
        layers.create(["hash"], 10, 4)


def test_sizes_instead_of_a_ratio():
    assert layers.create("memcom-bias", 100, 8, num_buckets=7).get_config()["num_buckets"] == 7


def test_a_size_and_a_ratio():
    with pytest.raises(ConfigError, match="num_buckets and ratio"):
        layers.create("hash", 100, 8, ratio=2, num_buckets=7)
    with pytest.raises(ConfigError, match="num_buckets follows from the ratio"):
        layers.HashEmbedding.from_ratio(100, 8, 2, num_buckets=7)
