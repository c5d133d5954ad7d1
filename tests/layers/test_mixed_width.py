import keras
import numpy as np
import pytest
from keras import ops

from tfcompress.errors import ConfigError
from tfcompress.layers import MixedWidthEmbedding
from tfcompress.layers.mixed_width import default_widths, tier_boundaries

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="one layer's own arithmetic, the same on every backend: tested once",
)


def test_formula(read_table):
    layer = MixedWidthEmbedding(60, 8, (8, 3, 1), (10, 25))
    w = {name: ops.convert_to_numpy(table) for name, table in layer.tables().items()}
    assert {name: table.shape for name, table in w.items()} == {
        "E1": (10, 8),
        "E2": (15, 3),
        "E3": (35, 1),
        "P": (8, 12),
    }
    P = np.split(w["P"], [8, 11], axis=1)
    expected = np.concatenate([w[f"E{t + 1}"] @ P[t].T for t in range(3)])
    np.testing.assert_allclose(read_table(layer), expected, rtol=1e-4, atol=1e-6)


def test_one_tier_is_low_rank(rng, read_table):
    table = rng.standard_normal((30, 8))
    layer = MixedWidthEmbedding(30, 8, (3,))
    layer.fit_table(table)
    lost = np.linalg.svd(table, compute_uv=False)[3:]
    assert ((read_table(layer) - table) ** 2).sum() == pytest.approx((lost**2).sum(), rel=1e-5)


def test_fit_is_least_squares_by_tier(rng, read_table):
    table = rng.standard_normal((60, 8))
    layer = MixedWidthEmbedding(60, 8, (8, 3, 1), (10, 25))
    layer.fit_table(table)
    lost = 0.0
    for rows, width in ((table[:10], 8), (table[10:25], 3), (table[25:], 1)):
        lost += (np.linalg.svd(rows, compute_uv=False)[width:] ** 2).sum()
    assert ((read_table(layer) - table) ** 2).sum() == pytest.approx(lost, rel=1e-5)


@pytest.mark.parametrize(
    ("width", "widths"),
    [(64, (64, 16, 4, 1)), (10, (10, 2, 1)), (1, (1,)), (256, (256, 64, 16, 4))],
)
def test_default_widths(width, widths):
    assert default_widths(width) == widths


def test_tiers_of_equal_parameters():
    assert tier_boundaries(10_000, (64, 16, 4, 1), 30) == (30, 150, 630)
    # The last tiers keep an id each.
    assert tier_boundaries(100, (64, 16, 4, 1), 90) == (90, 98, 99)
    assert tier_boundaries(100, (64, 16, 4, 1), 97) == (97, 98, 99)


def test_tiers_start_alike(read_table):
    table = read_table(MixedWidthEmbedding(9000, 64, (64, 16, 4), (3000, 6000)))
    spread = [part.std() for part in np.split(table, 3)]
    assert max(spread) < 1.6 * min(spread)


@pytest.mark.parametrize(
    ("widths", "boundaries", "message"),
    [
        ((8, 9), (5,), "widths must be at most 8"),
        ((2, 4), (5,), "must not rise"),
        ((), (), "widths"),
        ((8, 4), (), "boundaries must be 1 ranks"),
        ((8, 4, 2), (9, 9), "boundaries must be 2 ranks"),
        ((8, 4), (60,), "boundaries must be 1 ranks"),
        ((8, 4), (0,), "boundaries must be a positive"),
    ],
)
def test_invalid_arguments(widths, boundaries, message):
    with pytest.raises(ConfigError, match=message):
        MixedWidthEmbedding(60, 8, widths, boundaries)
