"""What `replace_embeddings` refuses, and how it says so."""

import keras
import numpy as np
import pytest

from tfcompress import layers
from tfcompress.errors import ConfigError, ModelError
from tfcompress.replace import replace_embeddings

N, D, LENGTH = 60, 8, 5


def small_model():
    inputs = keras.Input((LENGTH,), dtype="int32")
    return keras.Model(inputs, keras.layers.Embedding(N, D, name="words")(inputs))


def test_unknown_name():
    with pytest.raises(ConfigError, match="no embedding is named 'items'; the model has words"):
        replace_embeddings(small_model(), {"items": "hash"})


@pytest.mark.parametrize("spec", [3, {"ratio": 16}, keras.layers.Dense(3)])
def test_bad_spec(spec):
    with pytest.raises(ConfigError, match="words: expected a layer, a name or a dict"):
        replace_embeddings(small_model(), {"words": spec})


def test_dimensions_that_differ():
    with pytest.raises(ConfigError, match="must have input_dim=60, output_dim=8"):
        replace_embeddings(small_model(), {"words": layers.HashEmbedding(61, D, 7)})


def test_an_embedding_in_hiding():
    @keras.saving.register_keras_serializable(package="tests")
    class Hiding(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            words = keras.layers.Embedding(N, D, name="words")
            self._tracker.track(words)
            self.read = lambda x: words(x) + 0

        def call(self, x):
            return self.read(x)

    inputs = keras.Input((LENGTH,), dtype="int32")
    model = keras.Model(inputs, Hiding(name="hiding")(inputs))
    with pytest.raises(ModelError, match="layer 'hiding' keeps 'words' where it cannot"):
        replace_embeddings(model, {"words": "full"})


def test_an_embedding_that_is_called_by_way_of_a_plain_object():
    class Holder:
        def __init__(self):
            self.words = keras.layers.Embedding(N, D, name="words")

    @keras.saving.register_keras_serializable(package="tests")
    class Holding(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.holder = Holder()
            self.words = self.holder.words

        def call(self, x):
            return self.holder.words(x)

    inputs = keras.Input((LENGTH,), dtype="int32")
    model = keras.Model(inputs, Holding(name="holding")(inputs))
    replaced = replace_embeddings(model, {"words": "full"}, fit=True)
    with pytest.raises(ModelError, match="layer 'holding' calls 'words' by something other"):
        replaced(np.zeros((1, LENGTH), np.int32))


def test_untied_reversible():
    inputs = keras.Input((LENGTH,), dtype="int32")
    words = keras.layers.ReversibleEmbedding(N, D, tie_weights=False, name="words")
    model = keras.Model(inputs, words(words(inputs), reverse=True))
    with pytest.raises(ModelError, match="untied"):
        replace_embeddings(model, {"words": "full"})


def test_a_layer_that_cannot_be_cloned():
    class NoConfig(keras.layers.Layer):
        def __init__(self, units):
            super().__init__(name="stubborn")
            self.words = keras.layers.Embedding(N, units, name="words")

        def call(self, x):
            return self.words(x)

    inputs = keras.Input((LENGTH,), dtype="int32")
    model = keras.Model(inputs, NoConfig(D)(inputs))
    with pytest.raises(ModelError, match="layer 'stubborn'"):
        replace_embeddings(model, {"words": "full"})
