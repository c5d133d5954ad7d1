"""What a converted file is compared with Keras on."""

import keras
import numpy as np
import pytest

from tfcompress import layers
from tfcompress.data import LOADERS
from tfcompress.errors import DataError
from tfcompress.training import Run
from tfcompress_cli import example_inputs


def test_a_model_alone_gets_random_inputs_that_every_table_takes():
    ids = keras.Input((5,), dtype="int32", name="ids")
    user = keras.Input((), dtype="int64", name="user")
    vectors = keras.ops.mean(layers.FullEmbedding(50, 4)(ids), axis=1)
    vectors += layers.FullEmbedding(20, 4)(user)
    found, described = example_inputs.choose(None, keras.Model([ids, user], vectors), None)
    assert described == "256 random inputs"
    assert {name: value.shape for name, value in found.items()} == {"ids": (256, 5), "user": (256,)}
    assert {name: value.dtype.name for name, value in found.items()} == {
        "ids": "int32",
        "user": "int64",
    }
    for value in found.values():
        assert (value.min(), value.max()) == (0, 19)


def test_a_model_without_tables_gets_floats():
    features = keras.Input((3,), name="features")
    model = keras.Model(features, keras.layers.Dense(2)(features))
    found, _ = example_inputs.choose(None, model, None)
    assert found["features"].dtype == np.float32
    assert found["features"].std() == pytest.approx(1, abs=0.1)


def test_a_run_gets_examples_of_its_test_split_as_long_as_its_data_are_there(runs, monkeypatch):
    run = Run(runs / "full")
    ids, described = example_inputs.choose(run, run.model(), None)
    assert described == f"{len(ids)} examples of the test split"
    assert ids.shape[1] == 6

    def gone(source, **options):
        raise DataError(f"{source}: no such file")

    monkeypatch.setitem(LOADERS, "sequence-ranker", gone)
    ids, described = example_inputs.choose(run, run.model(), None)
    assert described == "256 random examples (no data)"
    assert ids.shape == (256, 6)
