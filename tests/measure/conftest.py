"""Tiny .tflite files made once, and stand-ins for what inspecting them says."""

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from tfcompress.data.dataset import Dataset, Examples
from tfcompress.data.ragged import Ragged
from tfcompress.vocabulary import Vocabulary

LENGTH, NUM_IDS, DIM = 5, 42, 8


@dataclass(frozen=True)
class Model:
    path: Path
    info: SimpleNamespace

    def open(self):
        from ai_edge_litert.interpreter import Interpreter

        return Interpreter(model_path=str(self.path), num_threads=1)


def model_info(*, rows=(), metadata=None):
    return SimpleNamespace(
        tables=tuple(SimpleNamespace(rows=count, cols=DIM) for count in rows), metadata=metadata
    )


def save(folder, name, function, *specs, float16=False):
    import tensorflow as tf

    function = tf.function(function, input_signature=specs)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if float16:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    path = folder / f"{name}.tflite"
    path.write_bytes(converter.convert())
    return path


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def weights():
    """Small integers, so that every order of summing gives the same scores, and many ties."""
    rng = np.random.default_rng(5)
    table = rng.integers(-3, 4, (NUM_IDS, DIM)).astype(np.float32)
    return table, rng.integers(-3, 4, (DIM, NUM_IDS)).astype(np.float32)


@pytest.fixture(scope="session")
def numpy_scores(weights):
    table, output = weights
    return lambda ids: table[ids].sum(axis=1) @ output


@pytest.fixture(scope="session")
def vocabulary():
    return Vocabulary(
        pa.array([f"t{k}" for k in range(NUM_IDS - 2)]), np.arange(NUM_IDS - 2, 0, -1)
    )


@pytest.fixture(scope="session")
def dataset(vocabulary):
    rng = np.random.default_rng(6)
    histories = [rng.integers(2, NUM_IDS, rng.integers(0, 9)) for _ in range(300)]
    targets = [rng.integers(1, NUM_IDS, 1) for _ in range(300)]
    test = Examples(Ragged.from_rows(histories), Ragged.from_rows(targets))
    empty = Ragged.from_rows([])
    return Dataset(
        name="tiny",
        sha256="a1" * 32,
        format="pairs",
        split="leave-one-out",
        ordered=True,
        vocabulary=vocabulary,
        train=empty,
        valid=Examples(empty, empty),
        test=test,
    )


@pytest.fixture(scope="session")
def metadata(dataset):
    return {
        "embeddings": [{"name": "item", "input_dim": NUM_IDS, "output_dim": DIM}],
        "model": {
            "kind": "sequence-ranker",
            "history_length": LENGTH,
            "input_dim": NUM_IDS,
            "output": "scores",
            "top_k": None,
        },
        "trained_on": {
            "name": "tiny",
            "sha256": dataset.sha256,
            "vocabulary_sha256": dataset.vocabulary.sha256,
        },
    }


@pytest.fixture(scope="session")
def ranker(folder, weights, metadata):
    import tensorflow as tf

    table, output = (tf.constant(array) for array in weights)
    path = save(
        folder,
        "ranker",
        lambda ids: tf.matmul(tf.reduce_sum(tf.gather(table, ids), axis=1), output),
        tf.TensorSpec((None, LENGTH), tf.int32),
    )
    return Model(path, model_info(rows=[NUM_IDS], metadata=metadata))


@pytest.fixture(scope="session")
def nan_ranker(folder, weights, metadata):
    import tensorflow as tf

    table, output = weights
    output = output.copy()
    output[:, 7] = np.nan
    path = save(
        folder,
        "nan",
        lambda ids: tf.matmul(tf.reduce_sum(tf.gather(table, ids), axis=1), output),
        tf.TensorSpec((None, LENGTH), tf.int32),
    )
    return Model(path, model_info(rows=[NUM_IDS], metadata=metadata))


@pytest.fixture(scope="session")
def top_k_ranker(folder, weights, metadata):
    import tensorflow as tf

    table, output = (tf.constant(array) for array in weights)
    # Ids 0 and 1 are never recommended.
    mask = tf.constant([-1e9, -1e9] + [0.0] * (NUM_IDS - 2))

    def best(ids):
        scores = tf.matmul(tf.reduce_sum(tf.gather(table, ids), axis=1), output) + mask
        return tf.math.top_k(scores, 20)

    path = save(folder, "top_k", best, tf.TensorSpec((None, LENGTH), tf.int32))
    metadata = metadata | {"model": metadata["model"] | {"output": "top_k", "top_k": 20}}
    return Model(path, model_info(rows=[NUM_IDS], metadata=metadata))


@pytest.fixture(scope="session")
def pair(folder):
    """A model with two outputs of floats."""
    import tensorflow as tf

    table = tf.ones((NUM_IDS, 4))
    path = save(
        folder,
        "pair",
        lambda ids: (tf.gather(table, ids), 2.0 * tf.gather(table, ids)),
        tf.TensorSpec((None, LENGTH), tf.int32),
    )
    return Model(path, model_info(rows=[NUM_IDS]))


@pytest.fixture(scope="session")
def several_inputs(folder):
    """Ids of two tables, ids that are hashed, a float input; one axis open besides the batch."""
    import tensorflow as tf

    users, items = tf.ones((10, 4)), tf.ones((30, 4))
    hashed = tf.ones((6, 4))

    def call(user, item, word, dense):
        words = tf.reduce_sum(tf.gather(hashed, word % 6), axis=1)
        return tf.gather(users, user) + tf.gather(items, item) + words + dense

    path = save(
        folder,
        "several",
        call,
        tf.TensorSpec((None,), tf.int32, "user"),
        tf.TensorSpec((None,), tf.int32, "item"),
        tf.TensorSpec((None, None), tf.int32, "word"),
        tf.TensorSpec((None, 4), tf.float32, "dense"),
    )
    return Model(path, model_info(rows=[10, 30, 6]))


@pytest.fixture(scope="session", params=["looked up", "hashed"])
def float_ids(request, folder):
    """Ids as floats, looked up as they are or hashed, and floats that are none; and the limit."""
    import tensorflow as tf

    table, hashed = tf.random.normal((30, 4), seed=1), request.param == "hashed"

    def call(ids, dense):
        ids = tf.cast(ids, tf.int32)
        return tf.gather(table, ids % 20 if hashed else ids) + dense

    path = save(
        folder,
        request.param.replace(" ", "_"),
        call,
        tf.TensorSpec((None,), tf.float32, "ids"),
        tf.TensorSpec((None, 4), tf.float32, "dense"),
    )
    return Model(path, model_info(rows=[40, 30])), 40 if hashed else 30


@pytest.fixture(scope="session")
def fixed_shape(folder):
    import tensorflow as tf

    table = tf.ones((30, 4))
    path = save(
        folder,
        "fixed",
        lambda ids: tf.reduce_sum(tf.gather(table, ids), axis=0),
        tf.TensorSpec((10,), tf.int32),
    )
    return Model(path, model_info(rows=[30]))


LARGE_ROWS, LARGE_DIM = 40_000, 64


@pytest.fixture(scope="session")
def large(folder):
    """A table of 10 MB, as float32 and as the converter's float16."""
    import tensorflow as tf

    table = tf.constant(
        np.random.default_rng(0).standard_normal((LARGE_ROWS, LARGE_DIM)), tf.float32
    )
    spec = tf.TensorSpec((None, 50), tf.int32)

    def call(ids):
        return tf.reduce_sum(tf.gather(table, ids), axis=1)

    info = model_info(rows=[LARGE_ROWS])
    plain = Model(save(folder, "large", call, spec), info)
    return plain, replace(plain, path=save(folder, "large16", call, spec, float16=True))
