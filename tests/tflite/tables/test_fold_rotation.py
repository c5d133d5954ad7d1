import keras
import numpy as np
import pytest

from tests.tflite.transformed_tables import random_transformed
from tfcompress.tflite import convert, inspect_model
from tfcompress.tflite.compare import compare_with_keras
from tfcompress.tflite.export import export
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.tables.constants import model_embeddings, name_tables
from tfcompress.tflite.tables.fold_rotation import seen_directions

ROWS, DIM, LENGTH = 40, 8, 6


def mean_and_last(rows, extra):
    mean = keras.ops.mean(rows, axis=1)
    return keras.layers.Dense(3)(keras.ops.concatenate([extra, mean, rows[:, -1]], axis=-1))


def twice(rows, extra):
    both = keras.ops.mean(rows[:, :3] - rows[:, 3:], axis=1)
    return keras.layers.Dense(3)(both) + keras.layers.Dense(3, "relu")(rows[:, 2])


FOLDED = {
    "mean_and_last": mean_and_last,
    "twice": twice,
    "flat": lambda rows, extra: keras.layers.Dense(3)(keras.layers.Flatten()(rows)),
    "each": lambda rows, extra: keras.layers.Dense(3, "relu")(rows),
    "convolved": lambda rows, extra: keras.layers.Conv1D(3, 2, padding="same")(rows),
    "turned": lambda rows, extra: keras.layers.Dense(3)(
        keras.ops.transpose(rows, (1, 0, 2)) / keras.ops.max(extra)
    ),
}


def shared(rows, extra):
    dense = keras.layers.Dense(3)
    return dense(rows[:, 0]) + dense(extra)


STORED = {
    "itself": lambda rows, extra: rows[:, 0],
    "activated": lambda rows, extra: keras.layers.Dense(3)(keras.ops.relu(rows[:, 0])),
    "by_column": lambda rows, extra: keras.layers.Dense(3)(rows[:, 0] * extra),
    "in_part": lambda rows, extra: keras.layers.Dense(3)(rows[:, 0, :5]),
    "shared": shared,
    "over_columns": lambda rows, extra: keras.layers.Dense(3)(keras.ops.sum(rows, axis=-1)),
    "squared": lambda rows, extra: keras.layers.Dense(3)(rows[:, 0] * rows[:, 1]),
}


@pytest.fixture(scope="module")
def routes():
    """A table and an output for each route from rows to an output; the file."""
    ids = keras.Input((LENGTH,), dtype="int32", name="ids")
    extra = keras.Input((DIM,), name="extra")
    outputs = {}
    for name, route in {**FOLDED, **STORED}.items():
        rows = keras.layers.Embedding(ROWS, DIM, name=name)(ids)
        outputs[name] = route(rows, extra)
    model = keras.Model([ids, extra], outputs)
    rng = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))
    transformed = {
        f"{name}/embeddings": random_transformed(ROWS, DIM, seed=k)
        for k, name in enumerate(outputs)
    }
    content = convert(model, transformed=transformed)
    for name in outputs:
        table = transformed[f"{name}/embeddings"].dequantize()
        model.get_layer(name).embeddings.assign(table)
    return model, content


def test_every_route_gives_what_keras_gives(routes):
    model, content = routes
    rng = np.random.default_rng(2)
    for batch in (1, 5):
        ids = rng.integers(0, ROWS, (batch, LENGTH)).astype(np.int32)
        extra = rng.uniform(1, 2, (batch, DIM)).astype(np.float32)
        assert compare_with_keras(model, content, [ids, extra]).relative < 1e-5


def test_which_routes_take_the_rotation(routes):
    tables = inspect_model(routes[1]).metadata["tables"]
    found = {table["name"].split("/")[0]: table["transform"] for table in tables}
    assert {name for name, entry in found.items() if entry["rotation"] == "folded"} == set(FOLDED)
    for name in STORED:
        assert found[name]["rotation"] == "stored"
        assert found[name]["rotation_bytes"] == DIM * DIM
    stored = {
        table.name.split("/")[0]: table.stored_bytes for table in inspect_model(routes[1]).tables
    }
    # int8 and, as quantisation parameters of the tensor, a scale and a zero point.
    assert stored["itself"] - stored["flat"] == DIM * DIM + 4 + 8


def test_a_tied_model_without_a_layer_between_keeps_its_rotation():
    ids = keras.Input((LENGTH,), dtype="int32", name="ids")
    table = keras.layers.ReversibleEmbedding(ROWS, DIM, name="items")
    model = keras.Model(ids, table(keras.ops.mean(table(ids), axis=1), reverse=True))
    made = random_transformed(ROWS, DIM)
    content = convert(model, transformed={"items/embeddings": made})
    assert inspect_model(content).metadata["tables"][0]["transform"]["rotation"] == "stored"
    table.embeddings.assign(made.dequantize())
    wanted = np.random.default_rng(3).integers(0, ROWS, (4, LENGTH)).astype(np.int32)
    assert compare_with_keras(model, content, wanted).relative < 1e-5


def test_layers_behind_a_table_say_which_directions_they_see():
    ids = keras.Input((LENGTH,), dtype="int32", name="ids")
    extra = keras.Input((DIM,), name="extra")
    names = ("mean_and_last", "squared")
    tables = {name: keras.layers.Embedding(ROWS, DIM, name=name) for name in names}
    outputs = {name: {**FOLDED, **STORED}[name](tables[name](ids), extra) for name in names}
    model = keras.Model([ids, extra], outputs)
    file = read(export(model))
    constants = name_tables(file, model_embeddings(model))
    kernel = next(np.asarray(w) for w in model.weights if w.shape[0] == 3 * DIM)
    blocks = kernel[DIM : 2 * DIM], kernel[2 * DIM :]
    seen = seen_directions(file, constants["mean_and_last/embeddings"])
    np.testing.assert_allclose(seen, sum(block @ block.T for block in blocks), rtol=1e-5, atol=1e-7)
    assert seen_directions(file, constants["squared/embeddings"]) is None
