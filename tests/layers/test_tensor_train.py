import math

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from tfcompress.errors import ConfigError
from tfcompress.layers import TensorTrainEmbedding
from tfcompress.layers.tensor_train import balanced_columns, balanced_rows

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="one layer's own arithmetic, the same on every backend: tested once",
)


def by_hand(layer, i):
    """The product of the paper: one slice per digit, columns from the last core to the first."""
    rows, columns = layer.shapes
    ranks = layer.ranks_of_cores
    digits = []
    for count in reversed(rows):
        i, digit = divmod(i, count)
        digits.insert(0, digit)
    product = np.ones((1, 1))  # (columns so far, rank)
    for k, core in enumerate(layer.cores):
        # (r_k, d_k, r_{k-1})
        part = ops.convert_to_numpy(core)[digits[k]].reshape(ranks[k + 1], columns[k], ranks[k])
        product = np.einsum("cr,sdr->dcs", product, part).reshape(-1, ranks[k + 1])
    return product[:, 0]


@pytest.mark.parametrize(
    ("n", "width", "arguments"),
    [
        (100, 16, {}),
        (97, 12, {"num_cores": 2}),
        (97, 7, {"num_cores": 4}),
        (90, 8, {"shapes": ((3, 5, 6), (2, 2, 2))}),
        (90, 8, {"shapes": ((6, 3, 6), (1, 8, 1))}),
    ],
)
def test_formula(n, width, arguments, rng, read_table):
    layer = TensorTrainEmbedding(n, width, 3, **arguments)
    table = read_table(layer)
    for i in range(0, n, 7):
        np.testing.assert_allclose(table[i], by_hand(layer, i), rtol=1e-4, atol=1e-7)
    h = rng.standard_normal((4, width)).astype("float32")
    scores = ops.convert_to_numpy(layer(h, reverse=True))
    np.testing.assert_allclose(scores, h @ table.T, rtol=1e-4, atol=1e-6)


@given(st.integers(1, 10**7), st.integers(2, 5))
def test_balanced_rows(n, cores):
    rows = balanced_rows(n, cores)
    assert len(rows) == cores
    assert n <= math.prod(rows)
    assert max(rows) <= math.ceil(n ** (1 / cores) + 1e-9) + 1


@pytest.mark.parametrize(
    ("width", "cores", "columns"),
    [(64, 3, (8, 2, 4)), (128, 3, (8, 2, 8)), (64, 2, (8, 8)), (7, 3, (7, 1, 1)), (1, 2, (1, 1))],
)
def test_balanced_columns(width, cores, columns):
    assert balanced_columns(width, cores) == columns


def test_parameters_of_the_reference():
    """100,000 ids, 64 columns in equal factors, rank 16."""
    layer = TensorTrainEmbedding(100_000, 64, 16, shapes=((47, 46, 47), (4, 4, 4)))
    assert layer.num_parameters == 47 * 4 * 16 + 16 * 46 * 4 * 16 + 16 * 47 * 4


@pytest.mark.parametrize("distribution", ["normal", "tails"])
@pytest.mark.parametrize("stddev", [None, 0.2])
def test_starts_with_the_variance_asked_for(distribution, stddev, read_table):
    layer = TensorTrainEmbedding(4000, 64, 24, distribution=distribution, stddev=stddev)
    expected = 0.05 / math.sqrt(3) if stddev is None else stddev
    assert read_table(layer).std() == pytest.approx(expected, rel=0.1)
    if distribution == "tails":
        core = np.abs(ops.convert_to_numpy(layer.cores[0]))
        assert core.min() > 0.8 * core.mean() * 0.8  # nothing near zero


def test_fit_with_enough_rank_is_exact(rng, read_table):
    table = rng.standard_normal((60, 12))
    layer = TensorTrainEmbedding(60, 12, 20, shapes=((4, 3, 5), (3, 2, 2)))
    layer.fit_table(table)
    np.testing.assert_allclose(read_table(layer), table, atol=1e-5)


def test_two_cores_are_one_truncated_decomposition(rng, read_table):
    table = rng.standard_normal((60, 12))
    layer = TensorTrainEmbedding(60, 12, 4, shapes=((6, 10), (3, 4)))
    layer.fit_table(table)
    # (6, 10, 4, 3) -> (6, 3), (10, 4)
    matrix = table.reshape(6, 10, 4, 3).transpose(0, 3, 1, 2).reshape(18, 40)
    lost = np.linalg.svd(matrix, compute_uv=False)[4:]
    error = ((read_table(layer) - table) ** 2).sum()
    assert error == pytest.approx((lost**2).sum(), rel=1e-5)


def test_fit_is_not_disturbed_by_spare_digits(rng, read_table):
    start = TensorTrainEmbedding(95, 8, 2, shapes=((4, 5, 5), (2, 2, 2)))
    layer = TensorTrainEmbedding(95, 8, 2, shapes=((4, 5, 5), (2, 2, 2)))
    table = read_table(start)
    layer.fit_table(table)
    assert np.linalg.norm(read_table(layer) - table) < 0.05 * np.linalg.norm(table)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rank": 0}, "rank"),
        ({"num_cores": 1}, "num_cores"),
        ({"shapes": ((10, 9), (4, 4))}, "at least 100"),
        ({"shapes": ((10, 10), (4, 5))}, "exactly 16"),
        ({"shapes": ((10, 10), (4, 2, 2))}, "shapes must be two"),
        ({"shapes": (100, 16)}, "shapes must be two"),
        ({"shapes": ((10, 10),)}, "shapes must be two"),
        ({"shapes": ((10, 10), (4, 4)), "num_cores": 3}, "num_cores=3 differs from the 2 cores"),
        ({"distribution": "uniform"}, "distribution"),
        ({"stddev": -1}, "stddev"),
    ],
)
def test_invalid_arguments(arguments, message):
    with pytest.raises(ConfigError, match=message):
        TensorTrainEmbedding(100, 16, **{"rank": 2, **arguments})
