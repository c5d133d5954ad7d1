import keras
import numpy as np
import pytest
from keras import ops

from tfcompress.errors import ConfigError
from tfcompress.layers import MEmComEmbedding

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="one layer's own arithmetic, the same on every backend: tested once",
)


def weights_of(layer):
    return {name: ops.convert_to_numpy(table) for name, table in layer.tables().items()}


@pytest.mark.parametrize("use_bias", [False, True])
def test_formula(use_bias, read_table):
    layer = MEmComEmbedding(
        50,
        8,
        num_buckets=12,
        use_bias=use_bias,
        scale_initializer="random_normal",
        bias_initializer="random_normal",
    )
    w = weights_of(layer)
    ids = np.arange(50)
    expected = w["U"][ids % 12] * w["v"] + (w["w"] if use_bias else 0)
    np.testing.assert_allclose(read_table(layer), expected, rtol=1e-6, atol=1e-8)
    assert layer.num_parameters == 12 * 8 + 50 * (2 if use_bias else 1)


def test_starts_with_the_head_of_each_bucket():
    w = weights_of(MEmComEmbedding(500, 16, num_buckets=100, use_bias=True))
    assert (w["v"][:100] == 1).all()
    np.testing.assert_array_equal(w["v"][100:], np.float32(0.1))
    assert (w["w"] == 0).all()
    assert np.abs(w["U"]).max() <= 0.05
    assert abs(w["U"].std() - 0.1 / np.sqrt(12)) < 1e-3


def test_starts_as_the_paper_says_where_asked():
    layer = MEmComEmbedding(500, 16, num_buckets=100, scale_initializer="ones")
    assert (weights_of(layer)["v"] == 1).all()


@pytest.mark.parametrize("use_bias", [False, True])
@pytest.mark.parametrize("buckets", [1, 5, 17])
def test_fit_is_least_squares(rng, read_table, use_bias, buckets):
    """Against alternating least squares on each bucket, a solver that knows no SVD."""
    table = rng.standard_normal((23, 4)) + 1.0
    layer = MEmComEmbedding(23, 4, num_buckets=buckets, use_bias=use_bias)
    layer.fit_table(table)
    error = ((read_table(layer) - table) ** 2).sum()
    best = 0.0
    for bucket in range(buckets):
        rows = table[bucket::buckets]
        tries = []
        for _ in range(5):
            u = rng.standard_normal(4)
            for _ in range(400):
                columns = np.stack([u, np.ones(4)], 1) if use_bias else u[:, None]
                scalars, *_ = np.linalg.lstsq(columns, rows.T, rcond=None)
                v = scalars[0]
                rest = rows - (scalars[1][:, None] if use_bias else 0)
                u = v @ rest / max(v @ v, 1e-30)
            tries.append(((rest - np.outer(v, u)) ** 2).sum())
        best += min(tries)
    assert error == pytest.approx(best, rel=1e-4, abs=1e-6)


def test_fit_keeps_v_near_its_start(rng):
    layer = MEmComEmbedding(60, 8, num_buckets=7)
    layer.fit_table(rng.standard_normal((60, 8)))
    v = weights_of(layer)["v"][:, 0]
    for bucket in range(7):
        assert np.mean(v[bucket::7] ** 2) == pytest.approx(1.0, rel=1e-5)
        assert v[bucket::7].sum() >= 0


def test_sizes_of_the_paper():
    assert MEmComEmbedding(10_000, 64, num_buckets=625).num_parameters == 625 * 64 + 10_000
    layer = MEmComEmbedding.from_ratio(100_000, 64, 16)
    assert layer.num_parameters <= 400_000 < layer.num_parameters + 64


def test_ratio_is_bounded_by_the_width():
    with pytest.raises(ConfigError, match=r"highest ratio it can reach is 63\.959 "):
        MEmComEmbedding.from_ratio(100_000, 64, 64)
    with pytest.raises(ConfigError, match=r"highest ratio it can reach is 31\.9897 "):
        MEmComEmbedding.from_ratio(100_000, 64, 32, use_bias=True)


def test_default_name_reads_well():
    assert MEmComEmbedding(10, 4, 3).name.startswith("memcom_embedding")
    assert MEmComEmbedding(10, 4, 3, name="items").name == "items"
