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


@pytest.mark.parametrize("argument", ["input_dim", "output_dim"])
def test_a_spec_with_what_the_layer_says(argument):
    with pytest.raises(ConfigError, match=f"words: {argument} is that of the layer replaced"):
        replace_embeddings(small_model(), {"words": {"embedding": "full", argument: 60}})


def test_a_spec_whose_embedding_is_no_name():
    with pytest.raises(ConfigError, match=r"embedding must be one of .*received \['hash'\]"):
        replace_embeddings(small_model(), {"words": {"embedding": ["hash"]}})


@pytest.mark.parametrize("spec", [3, {"ratio": 16}, keras.layers.Dense(3), layers.HashEmbedding])
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


@pytest.mark.parametrize(
    ("argument", "value"),
    [("tie_weights", False), ("logit_soft_cap", 0.5), ("reverse_dtype", "float32")],
)
def test_arguments_that_only_reversible_embeddings_have(argument, value):
    inputs = keras.Input((LENGTH,), dtype="int32")
    words = keras.layers.ReversibleEmbedding(N, D, name="words", **{argument: value})
    model = keras.Model(inputs, words(words(inputs), reverse=True))
    with pytest.raises(ModelError, match=f"words: no layer here has the {argument}={value!r}"):
        replace_embeddings(model, {"words": "full"})


def test_one_layer_for_two_embeddings():
    inputs = keras.Input((LENGTH,), dtype="int32")
    rows = [keras.layers.Embedding(N, D, name=name)(inputs) for name in ("words", "more")]
    mine = layers.FullEmbedding(N, D)
    model = keras.Model(inputs, keras.layers.Add()(rows))
    with pytest.raises(ConfigError, match="more: its layer replaces another one"):
        replace_embeddings(model, {"words": mine, "more": mine})


@pytest.mark.parametrize(
    ("base", "plain"), [(keras.Model, "Functional"), (keras.Sequential, "Sequential")]
)
def test_a_class_whose_constructor_makes_the_graph(base, plain):
    def layers_of_it():
        inputs = keras.Input((LENGTH,), dtype="int32")
        words = keras.layers.Embedding(N, D, name="words")
        return (inputs, words(inputs)) if base is keras.Model else ([inputs, words],)

    class Made(base):
        def __init__(self):
            super().__init__(*layers_of_it(), name="made")

    assert type(replace_embeddings(Made(), {"words": "full"})).__name__ == plain

    class Trained(Made):
        def train_step(self, *args):
            return super().train_step(*args)

    inner = Trained()
    inputs = keras.Input((LENGTH,), dtype="int32")
    for model in (inner, keras.Model(inputs, inner(inputs))):
        with pytest.raises(ModelError, match="'made' would lose the train_step of its class Train"):
            replace_embeddings(model, {"words": "full"})


def test_a_loss_that_is_not_registered():
    def first(targets, rows):
        return rows[:, 0, 0]

    model = small_model()
    model.compile("sgd", first)
    with pytest.raises(ModelError, match=r"model '\S+' cannot be cloned"):
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
