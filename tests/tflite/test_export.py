import errno
import os
import tempfile

import numpy as np
import pytest

from tfcompress.errors import ConfigError, ModelError
from tfcompress.tflite.compare import compare_with_keras, run
from tfcompress.tflite.convert import convert
from tfcompress.tflite.export import export, input_specs
from tfcompress.tflite.inspect import inspect_model

keras = pytest.importorskip("keras")

N, D = 50, 16
OUT_OF_RANGE = (-1, N, 2**31 - 1)


@keras.saving.register_keras_serializable(package="tfcompress_tests")
class TwoTowers(keras.Model):
    """Subclassed; a dict of ids, of ids it slices, and of floats in; a list of outputs out."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.embedding = keras.layers.Embedding(N, D, name="shared")
        self.dense = keras.layers.Dense(3)

    def call(self, inputs):
        user = keras.ops.mean(self.embedding(inputs["history"][:, 1:]), axis=1)
        item = self.embedding(inputs["item"])
        return [self.dense(user * inputs["weight"]), keras.ops.sum(user * item, axis=-1)]


def batch(size):
    rng = np.random.default_rng(size)
    return {
        "history": rng.integers(0, N, (size, 5)).astype(np.int32),
        "item": rng.integers(0, N, size).astype(np.int32),
        "weight": rng.normal(size=(size, D)).astype(np.float32),
    }


@pytest.fixture(scope="module")
def subclassed(tmp_path_factory):
    """The model as it comes back from a .keras file, and its .tflite."""
    model = TwoTowers(name="two_towers")
    model(batch(2))
    path = tmp_path_factory.mktemp("model") / "m.keras"
    model.save(path)
    loaded = keras.saving.load_model(path)
    return loaded, export(loaded)


def test_a_full_disk_is_not_said_of_the_model(subclassed, tmp_path, monkeypatch):
    def full(model, directory, *args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), directory)

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("tensorflow.saved_model.save", full)
    with pytest.raises(OSError, match="make room for temporary files there") as caught:
        export(subclassed[0])
    assert caught.value.filename == str(tmp_path)


@pytest.mark.parametrize("size", [0, 1, 7])
def test_subclassed_model_of_several_inputs(subclassed, size):
    model, content = subclassed
    inputs = batch(size)
    outputs = run(content, inputs)
    assert {name: value.shape for name, value in outputs.items()} == {
        "output_0": (size, 3),
        "output_1": (size,),
    }
    if size:
        assert compare_with_keras(model, content, inputs).relative < 1e-5


def test_subclassed_inputs_that_reach_an_embedding_are_int32(subclassed):
    model, content = subclassed
    specs = {spec.name: spec.dtype.name for spec in keras.tree.flatten(input_specs(model))}
    assert specs == {"history": "int32", "item": "int32", "weight": "float32"}
    ports = {port.name: (port.shape, port.dtype) for port in inspect_model(content).inputs}
    assert ports == {
        "history": ((-1, 5), "int32"),
        "item": ((-1,), "int32"),
        "weight": ((-1, D), "float32"),
    }


def test_a_shared_table_is_there_once(subclassed):
    tables = inspect_model(subclassed[1]).tables
    assert [(table.rows, table.cols, table.stored_bytes) for table in tables] == [(N, D, 4 * N * D)]


@pytest.mark.parametrize("bad", OUT_OF_RANGE)
def test_keras_embedding_is_loud(subclassed, bad):
    inputs = batch(3)
    inputs["item"][1] = bad
    with pytest.raises(RuntimeError, match="gather index out of bounds"):
        run(subclassed[1], inputs)
    assert "SELECT_V2" not in inspect_model(subclassed[1]).operators


def test_the_patch_ends_with_the_export(subclassed):
    embedding = subclassed[0].embedding
    wrapped = np.asarray(embedding(np.array([-1], np.int32)))
    assert np.array_equal(wrapped[0], embedding.embeddings.numpy()[-1])


@pytest.fixture(scope="module")
def nested():
    """A functional model in another, mixed precision, Keras' own tied embedding, list inputs."""
    keras.utils.set_random_seed(0)
    embedding = keras.layers.ReversibleEmbedding(N, D, name="tokens")
    inner_ids = keras.Input((4,), dtype="int64", name="inner_ids")
    dense = keras.layers.Dense(D, dtype="mixed_float16")
    encoder = keras.Model(inner_ids, dense(keras.ops.max(embedding(inner_ids), axis=1)), name="enc")
    left = keras.Input((4,), dtype="int64", name="left")
    right = keras.Input((4,), dtype="int64", name="right")
    merged = keras.layers.Add(dtype="float32")([encoder(left), encoder(right)])
    model = keras.Model([right, left], [embedding(merged, reverse=True), merged], name="pair")
    return model, export(model)


def test_nested_model(nested):
    model, content = nested
    rng = np.random.default_rng(0)
    inputs = [rng.integers(0, N, (7, 4)), rng.integers(0, N, (7, 4))]
    # The dense layer computes in float16 in Keras and in float32 in the file.
    assert compare_with_keras(model, content, inputs).relative < 2e-3
    swapped = compare_with_keras(model, content, {"left": inputs[1], "right": inputs[0]})
    assert swapped == compare_with_keras(model, content, inputs)
    assert model.get_layer("enc").layers[-1].dtype_policy.name == "mixed_float16"


def test_keras_reversible_embedding_is_loud_and_there_once(nested):
    content = nested[1]
    ids = np.zeros((2, 4), np.int64)
    for bad in (*OUT_OF_RANGE, 2**32, 2**32 + 1, -(2**63)):
        wrong = ids.copy()
        wrong[1, 2] = bad
        with pytest.raises(RuntimeError, match="gather index out of bounds"):
            run(content, {"left": ids, "right": wrong})
    info = inspect_model(content)
    assert [table.stored_bytes for table in info.tables] == [4 * N * D]
    assert all(constant.bytes < 4 * N * D for constant in info.constants)


def test_float32_equals_keras(lookups):
    ids = np.random.default_rng(0).integers(0, N, (7, 3)).astype(np.int32)
    difference = compare_with_keras(lookups.model, lookups.content, ids)
    assert difference.relative < 1e-5


@pytest.mark.parametrize("bad", OUT_OF_RANGE)
def test_ids_out_of_range_in_every_layer(lookups, bad):
    ids = np.array([[1, 2, 3], [4, bad, 5]], np.int32)
    with pytest.raises(RuntimeError, match="gather index out of bounds"):
        run(lookups.content, {"ids": ids})


def test_empty_batch(lookups):
    outputs = run(lookups.content, {"ids": np.zeros((0, 3), np.int32)})
    assert {name: value.shape for name, value in outputs.items()} == {
        "hash": (0, 3, D),
        "keras": (0, 3, D),
        "memcom": (0, 3, D),
        "narrow": (0, 3, 4),
        "wide": (0, 3, D),
    }


def test_prints_nothing(capfd):
    ids = keras.Input((), dtype="int32")
    export(keras.Model(ids, keras.layers.Embedding(3, 2)(ids)))
    assert capfd.readouterr().out == ""


def test_recurrent_layer_that_does_not_convert():
    ids = keras.Input((5,), dtype="int32")
    rows = keras.layers.Embedding(N, 2)(ids)
    model = keras.Model(ids, keras.layers.SimpleRNN(2)(rows), name="recurrent")
    with pytest.raises(ModelError, match=r"'recurrent' needs tf\.TensorList.*unroll=True"):
        export(model)


def test_operator_that_tflite_does_not_have():
    class Text(keras.layers.Layer):
        def call(self, inputs):
            import tensorflow as tf

            return tf.strings.length(tf.strings.as_string(inputs))

    number = keras.Input((1,))
    with pytest.raises(ModelError, match=r"'text' needs tf\.AsString, tf\.StringLength"):
        export(keras.Model(number, Text()(number), name="text"))


def test_refuses_what_is_no_built_model():
    with pytest.raises(ModelError, match=r"got Dense, expected a keras\.Model"):
        export(keras.layers.Dense(2))
    with pytest.raises(ModelError, match="'never' was never built"):
        export(TwoTowers(name="never"))
    unbuilt = keras.Sequential([keras.layers.Embedding(3, 4)], name="unbuilt")
    for model, message in (("model.keras", "got str"), (unbuilt, "'unbuilt' was never built")):
        with pytest.raises(ModelError, match=message):
            convert(model)


def test_refuses_a_model_quantised_in_keras():
    ids = keras.Input((), dtype="int32")
    model = keras.Model(ids, keras.layers.Embedding(N, D, dtype="float16", name="half")(ids))
    with pytest.raises(ModelError, match="layer 'half' has the dtype policy 'float16'"):
        export(model)


def test_refuses_another_backend(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ConfigError, match="set KERAS_BACKEND=tensorflow"):
        export(None)
