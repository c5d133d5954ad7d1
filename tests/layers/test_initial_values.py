import keras
import numpy as np
import pytest
from keras import ops

from tfcompress import layers
from tfcompress.layers.initial_values import for_table
from tfcompress.training.loop import make_deterministic


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("name", ["RandomNormal", "RandomUniform", "GlorotUniform", "HeNormal"])
def test_a_seed_gives_each_table_its_own(name, number):
    seeded = getattr(keras.initializers, name)(seed=3)
    values = ops.convert_to_numpy(for_table(seeded, number)((5, 4)))
    np.testing.assert_array_equal(ops.convert_to_numpy(for_table(seeded, number)((5, 4))), values)
    assert np.array_equal(values, ops.convert_to_numpy(seeded((5, 4)))) == (number == 0)


def test_a_generator_of_seeds_moves_on():
    seeded = keras.initializers.RandomNormal(seed=keras.random.SeedGenerator(3))
    Q, R = (
        layers.QuotientRemainderEmbedding(64, 8, 8, embeddings_initializer=seeded).tables().values()
    )
    assert not np.array_equal(ops.convert_to_numpy(Q), ops.convert_to_numpy(R))


def test_an_initializer_that_cannot_be_cloned():
    class Scaled(keras.initializers.Initializer):
        def __init__(self, scale):
            self.scale = scale

        def __call__(self, shape, dtype=None):
            return ops.ones(shape, dtype) * self.scale

    layer = layers.FullEmbedding(10, 4, embeddings_initializer=Scaled(2.0))
    assert (ops.convert_to_numpy(layer(np.arange(10))) == 2).all()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("mixed-width", {"ratio": 4}), ("tensor-train", {"ratio": 4, "distribution": "tails"})],
)
def test_training_of_one_seed_starts_from_the_same_values(name, arguments):
    starts = []
    for _ in range(2):
        make_deterministic(3)
        layer = layers.create(name, 200, 16, **arguments)
        layer.build(None)
        starts.append(layer.get_weights())
    for first, second in zip(*starts, strict=True):
        np.testing.assert_array_equal(first, second)
