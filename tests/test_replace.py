import doctest
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
from keras import ops

import tfcompress.replace
from tfcompress import layers
from tfcompress.errors import ModelError
from tfcompress.replace import replace_embeddings, trained_table

N, D, LENGTH = 60, 8, 5


class Pair(NamedTuple):
    table: Any
    note: str


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


def ids(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, N, shape).astype("int32")


@keras.saving.register_keras_serializable(package="tests")
class Tower(keras.layers.Layer):
    """A subclassed layer: its embeddings stand in an attribute, a list, a dict and tuples."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.words = keras.layers.Embedding(N, D, name="words")
        self.more = [keras.layers.Embedding(N, D, name="listed"), keras.layers.Dense(D)]
        self.named = {"a": keras.layers.Embedding(N, D, name="in_dict")}
        self.fixed = (keras.layers.Embedding(N, D, name="in_tuple"), 3)
        self.pair = Pair(keras.layers.Embedding(N, D, name="in_pair"), "b")
        self.head = keras.layers.Dense(units)

    def call(self, x):
        rows = self.words(x) + self.more[1](self.more[0](x)) + self.named["a"](x)
        rows = rows + self.fixed[0](x) + self.pair.table(x)
        return self.head(ops.mean(rows, axis=1))

    def compute_output_shape(self, shape):
        return (shape[0], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package="tests")
class InnerGraph(keras.layers.Layer):
    """A subclassed layer around a functional model."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        inputs = keras.Input((LENGTH,), dtype="int32")
        rows = keras.layers.Embedding(N, D, name="in_graph")(inputs)
        self.graph = keras.Model(inputs, keras.layers.Flatten()(rows))
        self.head = keras.layers.Dense(3)

    def call(self, x):
        return self.head(self.graph(x))


@keras.saving.register_keras_serializable(package="tests")
class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.words = keras.layers.Embedding(N, D, name="words")
        self.head = keras.layers.Dense(2)

    def call(self, x):
        return self.head(ops.mean(self.words(x), axis=1))


def check(model, names, inputs, kind="full"):
    """Replacing by full tables with `fit` gives the same outputs; the original is untouched."""
    before = [numpy(w).copy() for w in model.weights]
    expected = numpy(model(inputs))
    new = replace_embeddings(model, dict.fromkeys(names, kind), fit=True)
    found = layers.model_embeddings(new)
    replaced = {name for name, layer in found.items() if isinstance(layer, layers.FullEmbedding)}
    assert replaced == set(names)
    np.testing.assert_allclose(numpy(new(inputs)), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(numpy(model(inputs)), expected)
    assert not {id(w) for w in new.weights} & {id(w) for w in model.weights}
    new.set_weights([w * 0 for w in new.get_weights()])
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(numpy(weight), value)
    assert new.count_params() == model.count_params()
    return new


def test_functional_with_several_inputs_and_a_shared_table():
    a, b = keras.Input((LENGTH,), dtype="int32", name="a"), keras.Input((3,), name="b")
    words = keras.layers.Embedding(N, D, name="words")
    kept = keras.layers.Embedding(N, 4, name="kept")
    c = keras.Input((LENGTH,), dtype="int32", name="c")
    pool = keras.layers.GlobalAveragePooling1D()
    x = keras.layers.Concatenate()([pool(words(a)), pool(words(c)), pool(kept(c)), b])
    model = keras.Model([a, b, c], keras.layers.Dense(2)(x))
    new = check(model, ["words"], [ids(4, LENGTH), np.ones((4, 3)), ids(4, LENGTH, seed=1)])
    assert isinstance(layers.model_embeddings(new)["kept"], keras.layers.Embedding)


def test_sequential():
    model = keras.Sequential(
        [
            keras.Input((LENGTH,), dtype="int32"),
            keras.layers.Embedding(N, D, name="words"),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )
    check(model, ["words"], ids(4, LENGTH))


def test_sequential_built_by_a_call():
    model = keras.Sequential(
        [keras.layers.Embedding(N, D, name="words"), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    model(ids(4, LENGTH))
    check(model, ["words"], ids(4, LENGTH))


def test_nested_models_used_twice():
    inner_inputs = keras.Input((LENGTH,), dtype="int32")
    words = keras.layers.Embedding(N, D, name="words")
    deep = keras.Sequential([words, keras.layers.GlobalAveragePooling1D()], name="deep")
    inner = keras.Model(inner_inputs, keras.layers.Dense(3)(deep(inner_inputs)), name="inner")
    a, b = keras.Input((LENGTH,), dtype="int32"), keras.Input((LENGTH,), dtype="int32")
    x = keras.layers.Concatenate()([inner(a), inner(b), keras.layers.Flatten()(words(b))])
    model = keras.Model([a, b], keras.layers.Dense(1)(x))
    check(model, ["words"], [ids(4, LENGTH), ids(4, LENGTH, seed=1)])


def test_subclassed_layer_inside_a_functional_model():
    inputs = keras.Input((LENGTH,), dtype="int32")
    model = keras.Model(inputs, keras.layers.Dense(2)(Tower(4)(inputs)))
    check(model, ["words", "listed", "in_dict", "in_tuple", "in_pair"], ids(4, LENGTH))


def test_saving_after_replacing_in_a_subclassed_layer():
    inputs = keras.Input((LENGTH,), dtype="int32")
    model = keras.Model(inputs, Tower(4)(inputs))
    new = replace_embeddings(model, {"words": {"embedding": "hash", "num_buckets": 7}})
    assert new.count_params() == model.count_params() - (N - 7) * D
    names = [w.path for w in new.trainable_weights]
    assert len(set(names)) == len(names)
    new.compile("sgd", "mse")
    new.fit(ids(8, LENGTH), np.ones((8, 4)), verbose=0)


@pytest.mark.parametrize("embedding", layers.NAMES)
def test_a_frozen_embedding_stays_frozen(embedding):
    inputs = keras.Input((LENGTH,), dtype="int32")
    words = keras.layers.Embedding(N, D, name="words", trainable=False)
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(words(inputs))))
    spec = {"embedding": embedding, "counts": np.arange(N)[::-1]}
    new = replace_embeddings(model, {"words": spec})
    assert [w.path for w in new.trainable_weights] == [w.path for w in model.trainable_weights]
    thawed = replace_embeddings(model, {"words": {**spec, "trainable": True}})
    assert len(thawed.trainable_weights) > len(model.trainable_weights)


def test_what_is_frozen_inside_a_subclassed_layer_stays_frozen():
    inputs = keras.Input((LENGTH,), dtype="int32")
    tower = Tower(4)
    model = keras.Model(inputs, tower(inputs))
    tower.head.trainable = False
    new = replace_embeddings(model, {"words": {"embedding": "hash", "num_buckets": 7}})
    assert len(new.trainable_weights) == len(model.trainable_weights)
    (clone,) = [layer for layer in new.layers if isinstance(layer, Tower)]
    assert not clone.head.trainable
    assert not clone.head.trainable_weights
    assert clone.more[1].trainable_weights


def test_functional_model_inside_a_subclassed_layer():
    inputs = keras.Input((LENGTH,), dtype="int32")
    model = keras.Model(inputs, InnerGraph()(inputs))
    check(model, ["in_graph"], ids(4, LENGTH))


def test_wrapper_layer():
    inputs = keras.Input((2, LENGTH), dtype="int32")
    wrapped = keras.layers.TimeDistributed(keras.layers.Embedding(N, D, name="words"))(inputs)
    model = keras.Model(inputs, keras.layers.Flatten()(wrapped))
    check(model, ["words"], ids(4, 2, LENGTH))


def test_subclassed_model():
    model = Subclassed()
    model(ids(4, LENGTH))
    check(model, ["words"], ids(4, LENGTH))


def test_compiled_subclassed_models_stay_compiled():
    model = Subclassed()
    model.compile(keras.optimizers.SGD(0.3), "mse")
    model(ids(4, LENGTH))
    new = replace_embeddings(model, {"words": {"embedding": "memcom", "ratio": 2}})
    assert float(numpy(new.optimizer.learning_rate)) == pytest.approx(0.3)
    before = new.get_weights()
    new.fit(ids(4, LENGTH), np.ones((4, 2)), verbose=0)
    assert any((a != b).any() for a, b in zip(before, new.get_weights(), strict=True))


def test_loading_weights_of_replaced_embeddings_in_subclassed_parts(tmp_path):
    inputs = keras.Input((LENGTH,), dtype="int32")
    spec = {"words": {"embedding": "memcom", "ratio": 2}}
    for model in (Subclassed(), keras.Model(inputs, Tower(4)(inputs))):
        model(ids(4, LENGTH))
        new = replace_embeddings(model, spec, fit=True)
        new.save_weights(tmp_path / "new.weights.h5")
        again = replace_embeddings(model, spec)
        again.load_weights(tmp_path / "new.weights.h5")
        np.testing.assert_array_equal(numpy(again(ids(4, LENGTH))), numpy(new(ids(4, LENGTH))))


def test_lambda_layers():
    inputs = keras.Input((LENGTH,), dtype="int32")
    rows = keras.layers.Embedding(N, D, name="words")(inputs)
    scaled = keras.layers.Lambda(lambda x, by: ops.mean(x, axis=1) * by, arguments={"by": 2.0})
    check(keras.Model(inputs, scaled(rows)), ["words"], ids(4, LENGTH))


def test_tied_outputs():
    inputs = keras.Input((LENGTH,), dtype="int32")
    words = keras.layers.ReversibleEmbedding(N, D, name="words")
    hidden = keras.layers.GlobalAveragePooling1D()(words(inputs))
    model = keras.Model(inputs, words(hidden, reverse=True))
    check(model, ["words"], ids(4, LENGTH))


def test_masks_are_kept():
    inputs = keras.Input((LENGTH,), dtype="int32")
    rows = keras.layers.Embedding(N, D, mask_zero=True, name="words")(inputs)
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(rows))
    check(model, ["words"], np.array([[0, 0, 3, 4, 0], [1, 2, 3, 4, 5]], "int32"))


@pytest.mark.parametrize("name", [name for name in layers.NAMES if name != "full"])
def test_fit_starts_close_to_the_trained_table(name):
    """Every method; fitted, the table is closer than the zero table is."""
    inputs = keras.Input((LENGTH,), dtype="int32")
    words = keras.layers.Embedding(400, D, name="words")
    model = keras.Model(inputs, keras.layers.Flatten()(words(inputs)))
    spec = {"embedding": name, "ratio": 2, "counts": np.arange(400)[::-1] + 1}
    new = replace_embeddings(model, {"words": spec}, fit=True)
    layer = layers.model_embeddings(new)["words"]
    table = trained_table(words)
    assert layer.num_parameters <= 400 * D / 2
    assert np.linalg.norm(trained_table(layer) - table) < 0.95 * np.linalg.norm(table)


def test_a_layer_instead_of_a_spec():
    inputs = keras.Input((LENGTH,), dtype="int32")
    model = keras.Model(inputs, keras.layers.Embedding(N, D, name="words")(inputs))
    mine = layers.MEmComEmbedding(N, D, 7, name="mine")
    new = replace_embeddings(model, {"words": mine})
    assert layers.model_embeddings(new) == {"mine": mine}
    again = replace_embeddings(new, {"mine": "full"}, fit=True)
    np.testing.assert_allclose(numpy(again(ids(3, LENGTH))), numpy(new(ids(3, LENGTH))), rtol=1e-6)


@pytest.mark.parametrize("embedding", ["full", "tensor-train", "tiered"])
def test_a_table_is_read_in_the_precision_it_is_kept_in(embedding):
    layer = layers.create(embedding, N, D, ratio=2 if embedding != "full" else 1)
    half = type(layer).from_config({**layer.get_config(), "dtype": "mixed_bfloat16"})
    half.tables()
    half.set_weights([numpy(table) for table in layer.tables().values()])
    np.testing.assert_array_equal(trained_table(half), trained_table(layer))


def test_quantised_table():
    layer = keras.layers.Embedding(N, D, name="words")
    layer.build()
    table = numpy(layer.embeddings).copy()
    layer.quantize("int8")
    np.testing.assert_allclose(trained_table(layer), table, atol=0.05 / 127)


def test_table_with_lora_weights():
    layer = keras.layers.Embedding(N, D, name="words")
    layer.build()
    layer.enable_lora(2)
    layer.lora_embeddings_b.assign(np.ones((2, D)))
    expected = numpy(layer(np.arange(N)))
    assert np.abs(expected - numpy(layer._embeddings)).max() > 0.1
    np.testing.assert_allclose(trained_table(layer), expected, atol=1e-6)


def test_compiled_models_stay_compiled():
    inputs = keras.Input((LENGTH,), dtype="int32")
    rows = keras.layers.Embedding(N, D, name="words")(inputs)
    model = keras.Model(inputs, keras.layers.Flatten()(rows))
    model.compile(keras.optimizers.SGD(0.3), "mse")
    new = replace_embeddings(model, {"words": "full"}, fit=True)
    assert float(numpy(new.optimizer.learning_rate)) == pytest.approx(0.3)
    new.fit(ids(4, LENGTH), np.zeros((4, LENGTH * D)), verbose=0)


def test_unbuilt_model():
    with pytest.raises(ModelError, match="is not built"):
        replace_embeddings(Subclassed(), {"words": "full"})


def test_example():
    globs = {"replace_embeddings": replace_embeddings, "keras": keras}
    assert doctest.testmod(tfcompress.replace, extraglobs=globs).failed == 0
