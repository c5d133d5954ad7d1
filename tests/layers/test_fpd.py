import math

import keras
import numpy as np
import pytest
from keras import ops

from tfcompress.errors import ConfigError
from tfcompress.layers import FPDEmbedding

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="one layer's own arithmetic, the same on every backend: tested once",
)

# Rows of the tables in the review, all 128 columns wide.
REVIEW = (7_912_889, 5_554_114, 8_165_896, 2_675_940, 7_156_453)
MIB = 2**20


def mebibytes(parameters):
    return round(parameters * 4 / MIB, 4)


@pytest.mark.parametrize(
    ("rank", "terms", "total"),
    [(8, 1, 0.7739), (8, 2, 1.5284), (8, 4, 3.0371), (16, 2, 3.0566), (16, 4, 6.0742)],
)
def test_sizes_of_the_review(rank, terms, total):
    sizes = [mebibytes(FPDEmbedding(n, 128, rank, terms).num_parameters) for n in REVIEW]
    assert round(sum(sizes), 4) == total


def test_full_size_of_the_review():
    assert round(sum(mebibytes(n * 128) for n in REVIEW), 4) == 15363.912


@pytest.mark.parametrize("terms", [1, 3])
def test_formula(terms, read_table):
    layer = FPDEmbedding(150, 8, rank=4, num_terms=terms)
    assert layer.side == 16
    A, B, C = (ops.convert_to_numpy(layer.tables()[name]) for name in ("A", "B", "C"))
    ids = np.arange(150)
    products = (A[ids // 16] * B[ids % 16]).reshape(150, terms, 4)
    np.testing.assert_allclose(read_table(layer), products.sum(1) @ C.T, rtol=1e-4, atol=1e-7)
    assert layer.num_parameters == 4 * 8 + 2 * terms * 4 * 16


@pytest.mark.parametrize(("n", "side"), [(1, 8), (64, 8), (65, 16), (256, 16), (257, 24)])
def test_side(n, side):
    assert FPDEmbedding(n, 8, 2).side == side


@pytest.mark.parametrize("terms", [1, 4])
@pytest.mark.parametrize("stddev", [None, 0.3])
def test_starts_with_the_variance_of_the_table(terms, stddev, read_table):
    layer = FPDEmbedding(4000, 64, rank=32, num_terms=terms, stddev=stddev)
    expected = 0.05 / math.sqrt(3) if stddev is None else stddev
    assert read_table(layer).std() == pytest.approx(expected, rel=0.1)


def test_suggestions_of_the_review():
    assert FPDEmbedding.suggest(7_912_889, 128) == [(24, 1), (32, 1), (16, 2), (8, 4)]
    assert FPDEmbedding.suggest(1000, 4) == [(1, 1), (1, 2), (1, 4)]
    for rank, terms in FPDEmbedding.suggest(1000, 64):
        assert FPDEmbedding(1000, 64, rank, terms).num_parameters > 0


def test_fit_beats_the_mean_and_improves_with_rank(rng, read_table):
    table = rng.standard_normal((300, 16)) @ rng.standard_normal((16, 16))
    errors = []
    for rank in (2, 8, 24):
        layer = FPDEmbedding(300, 16, rank)
        layer.fit_table(table)
        errors.append(np.linalg.norm(read_table(layer) - table) / np.linalg.norm(table))
    assert 1 > errors[0] > errors[1] > errors[2]


def test_fit_of_one_term_and_full_width_is_rank_one_by_component(rng, read_table):
    """With orthogonal C of full width and no spare ids, each component is a rank-1 problem."""
    table = rng.standard_normal((64, 4))
    layer = FPDEmbedding(64, 4, rank=4)
    layer.fit_table(table)
    _, directions = np.linalg.eigh(table.T @ table)
    lost = 0.0
    for component in (table @ directions).T:
        lost += (np.linalg.svd(component.reshape(8, 8), compute_uv=False)[1:] ** 2).sum()
    assert ((read_table(layer) - table) ** 2).sum() <= lost * (1 + 1e-6)


@pytest.mark.parametrize("seed", range(10))
def test_fit_of_more_ranks_than_columns(seed, read_table):
    table = np.random.default_rng(seed).standard_normal((17, 1))
    for rank in (2, 3, 5, 7):
        layer = FPDEmbedding(17, 1, rank)
        layer.fit_table(table)
        assert np.linalg.norm(read_table(layer) - table) < np.linalg.norm(table)


@pytest.mark.parametrize("arguments", [{"rank": 0}, {"num_terms": 0}, {"stddev": 0}])
def test_invalid_arguments(arguments):
    with pytest.raises(ConfigError, match=next(iter(arguments))):
        FPDEmbedding(100, 8, **{"rank": 2, **arguments})
