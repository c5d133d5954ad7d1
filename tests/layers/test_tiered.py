import keras
import numpy as np
import pytest

from tfcompress.errors import ConfigError
from tfcompress.layers import (
    FullEmbedding,
    HashEmbedding,
    HuffmanEmbedding,
    LowRankEmbedding,
    MEmComEmbedding,
    TensorTrainEmbedding,
    TieredEmbedding,
)

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="one layer's own arithmetic, the same on every backend: tested once",
)


def test_head_and_tail(rng, read_table):
    tail = HashEmbedding(70, 8, 11)
    layer = TieredEmbedding(100, 8, 30, tail)
    head = rng.standard_normal((30, 8))
    layer.tables()["head"].assign(head)
    table = read_table(layer)
    np.testing.assert_allclose(table[:30], head, rtol=1e-6)
    np.testing.assert_array_equal(table[30:], read_table(tail))
    assert set(layer.tables()) == {"head", "tail/U"}


def test_a_frozen_layer_has_a_frozen_tail():
    layer = TieredEmbedding(100, 8, 30, HashEmbedding(70, 8, 11), trainable=False)
    layer.build()
    assert not layer.trainable_variables
    assert not any(variable.trainable for variable in layer.variables)


@pytest.mark.parametrize("tail", [HashEmbedding, MEmComEmbedding, LowRankEmbedding])
@pytest.mark.parametrize("ratio", [1.5, 4, 8])
def test_half_the_budget_is_the_head(tail, ratio):
    layer = TieredEmbedding.from_ratio(1000, 16, ratio, tail=tail)
    budget = int(1000 * 16 / ratio)
    assert layer.num_parameters <= budget
    assert isinstance(layer.tail, tail)
    assert layer.head == budget // 2 // 16
    # No larger tail of that class fits the rest.
    sizes = tail.sizes(1000 - layer.head, 16)
    own = layer.tail.size_arguments()[tail.size_argument]
    if own < sizes.high:
        assert layer.head * 16 + sizes.parameters(own + 1) > budget


def test_the_head_gives_way_to_a_tail_that_needs_more():
    # At 16 columns a scale per id takes n of the n D / 14 parameters.
    layer = TieredEmbedding.from_ratio(1000, 16, 14, tail=MEmComEmbedding)
    assert layer.num_parameters <= 1000 * 16 / 14
    assert 1 <= layer.head < 1000 * 16 / 14 / 2 / 16
    with pytest.raises(ConfigError, match="highest ratio"):
        TieredEmbedding.from_ratio(1000, 16, 16, tail=MEmComEmbedding)


def test_arguments_of_the_tail():
    layer = TieredEmbedding.from_ratio(
        1000, 16, 5, tail=MEmComEmbedding, tail_args={"use_bias": True}, mask_zero=True
    )
    assert layer.mask_zero
    assert layer.tail.use_bias


def test_a_tail_that_wants_flat_ids(read_table):
    layer = TieredEmbedding(100, 8, 30, TensorTrainEmbedding(70, 8, 2))
    ids = np.arange(100, dtype="int32").reshape(4, 5, 5)
    assert tuple(layer(ids).shape) == (4, 5, 5, 8)


def test_fit_fits_both(rng, read_table):
    table = rng.standard_normal((100, 8))
    layer = TieredEmbedding(100, 8, 30, HashEmbedding(70, 8, 11))
    layer.fit_table(table)
    fitted = read_table(layer)
    np.testing.assert_allclose(fitted[:30], table[:30], rtol=1e-5)
    np.testing.assert_allclose(fitted[35], table[30:][5::11].mean(axis=0), rtol=1e-4, atol=1e-6)


def test_a_tail_by_its_name():
    layer = TieredEmbedding.from_ratio(1000, 16, 5, tail="memcom-bias")
    assert isinstance(layer.tail, MEmComEmbedding)
    assert layer.tail.use_bias


@pytest.mark.parametrize(
    ("tail", "tail_args", "message"),
    [
        (HuffmanEmbedding, {}, "tail must be a class of embedding whose size"),
        ("tiered", {}, "tail must be a class of embedding whose size"),
        (HashEmbedding(900, 16, 10), {}, "tail must be a class of embedding whose size"),
        ("hsah", {}, "embedding must be one of"),
        (HashEmbedding, {"num_buckets": 5}, "num_buckets follows from the ratio"),
        (HashEmbedding, {"ranks": True}, "no ranks"),
    ],
)
def test_a_tail_that_cannot_be_sized(tail, tail_args, message):
    with pytest.raises(ConfigError, match=message):
        TieredEmbedding.from_ratio(1000, 16, 8, tail=tail, tail_args=tail_args)


def test_a_regularizer_and_a_constraint_are_the_tails_too():
    layer = TieredEmbedding.from_ratio(
        1000, 16, 8, embeddings_regularizer="l2", embeddings_constraint="non_neg"
    )
    for table in layer.tables().values():
        assert table.regularizer is not None
        assert table.constraint is not None


@pytest.mark.parametrize(
    "tail", ["hash", HashEmbedding, HashEmbedding(71, 8, 5), HashEmbedding(70, 9, 5)]
)
def test_invalid_tail(tail):
    with pytest.raises(ConfigError, match="tail must"):
        TieredEmbedding(100, 8, 30, tail)


def test_a_tail_with_ranks_of_its_own():
    with pytest.raises(ConfigError, match="no ranks"):
        TieredEmbedding(100, 8, 30, FullEmbedding(70, 8, ranks=np.arange(70)))


@pytest.mark.parametrize("head", [0, 100])
def test_invalid_head(head):
    with pytest.raises(ConfigError, match="head"):
        TieredEmbedding(100, 8, head, HashEmbedding(70, 8, 5))
