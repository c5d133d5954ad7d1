"""Output matrices of files made by hand: coded to the right scores, or left with the reason."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.tflite.lookup_models import Type, add_lookup, empty_file
from tests.tflite.transformed_tables import random_transformed
from tfcompress.tflite import inspect_model, pack, unpack
from tfcompress.tflite.graph.flatbuffer import KIND_OF_DTYPE, read
from tfcompress.tflite.graph.prune import prune
from tfcompress.tflite.packing.coded_tables import store_coded
from tfcompress.tflite.packing.float_tables import find_float_tables, make_float

ROWS, COLUMNS = 2000, 16
RNG = np.random.default_rng(0)
FLOATS = RNG.normal(size=(ROWS, COLUMNS)).astype(np.float32)
INTEGERS = RNG.integers(-9, 9, (ROWS, COLUMNS)).astype(np.int8)
VECTORS = RNG.normal(size=(2, COLUMNS)).astype(np.float32)


def add_scores(
    file, vectors, shape, weights, *, scale=None, keep=False, activation=0, signature=None
):
    """A FULLY_CONNECTED of a constant; returns its output, the model's only one."""
    (graph,) = file.subgraphs
    kind = KIND_OF_DTYPE[weights.dtype.name]
    made = file.add_tensor(graph, "items", weights.shape, kind, buffer=file.add_buffer(weights))
    if scale is not None:
        graph.tensors[made].quantization = schema.QuantizationParametersT(
            scale=[scale], zeroPoint=[0]
        )
    scores = file.add_tensor(graph, "scores", shape, Type.FLOAT32, signature=signature)
    options = schema.FullyConnectedOptionsT(keepNumDims=keep, fusedActivationFunction=activation)
    inputs = [vectors, made, -1]
    graph.operators.append(file.operator("FULLY_CONNECTED", inputs, [scores], options, version=5))
    graph.outputs = [scores]
    return scores


def scores_model(shape, weights, **how):
    file = empty_file()
    (graph,) = file.subgraphs
    vectors = file.add_tensor(graph, "vectors", shape, Type.FLOAT32)
    graph.inputs = [vectors]
    rows = int(np.prod(shape)) // weights.shape[1]
    out = [*shape[:-1], len(weights)] if how.get("keep") else [max(1, rows), len(weights)]
    add_scores(file, vectors, out, weights, **how)
    return file.to_bytes()


def coded(content, **how):
    """All tables of a file coded, by name; and the file with them, for the delegate."""
    file = read(content)
    found, left = find_float_tables(file, outputs=True)
    assert not left
    constants = make_float(file, found)
    prune(file)
    tables = {
        name: random_transformed(len(made.table.value), COLUMNS, seed=k, **how)
        for k, (name, made) in enumerate(constants.items())
    }
    return tables, pack(store_coded(file, constants, tables), target="delegate")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (scores_model([2, 3, COLUMNS], FLOATS), "vectors that are reshaped for it"),
        (scores_model([2, 4, COLUMNS // 4], FLOATS), "vectors that are reshaped for it"),
        (scores_model([COLUMNS], FLOATS), "vectors that are reshaped for it"),
        (scores_model([2, COLUMNS], INTEGERS), "scores are taken against its integers"),
        # Which the kernel of float vectors takes for int8.
        (
            scores_model([2, COLUMNS], INTEGERS.view(np.uint8), scale=0.5),
            "scores are taken against its integers",
        ),
    ],
)
def test_scores_that_no_floats_give_are_left_with_the_reason(content, reason):
    found, (left,) = find_float_tables(read(content), outputs=True)
    assert not found
    assert reason in left.reason


@pytest.mark.parametrize("shape", [[2, COLUMNS], [2, 3, COLUMNS]])
def test_dimensions_that_are_kept_are_those_of_the_scores(run, shape):
    content = scores_model(shape, FLOATS, keep=True)
    tables, packed = coded(content)
    vectors = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    expected = vectors @ tables["items"].dequantize().T
    for made in (packed, unpack(packed)):
        (scores,) = run(made, vectors)
        np.testing.assert_allclose(scores, expected, atol=1e-4 * np.abs(expected).max())


def test_an_activation_without_a_bias_follows_the_one_operator(run):
    relu = schema.ActivationFunctionType.RELU
    tables, packed = coded(scores_model([2, COLUMNS], FLOATS, activation=relu), offset=False)
    file = read(packed)
    names = [file.operator_name(operator) for operator in file.subgraphs[0].operators]
    assert names[-2:] == ["tfcompress.scores", "RELU"]
    expected = np.maximum(VECTORS @ tables["items"].dequantize().T, 0)
    for made in (packed, unpack(packed)):
        (scores,) = run(made, VECTORS)
        np.testing.assert_allclose(scores, expected, atol=1e-4 * np.abs(expected).max())


def test_floats_that_have_a_scale_are_floats():
    content = scores_model([2, COLUMNS], FLOATS, scale=0.5)
    file = read(content)
    (table,), _ = find_float_tables(file, outputs=True)
    np.testing.assert_array_equal(table.value(file), FLOATS)


def test_scores_come_back_where_the_width_of_the_vectors_is_free(run):
    """As the converter writes a Dense layer of vectors in more than one dimension."""
    file = empty_file()
    (graph,) = file.subgraphs
    given = file.add_tensor(graph, "given", [2, COLUMNS], Type.FLOAT32)
    shape = file.add_tensor(graph, "shape", [2], Type.INT32)
    vectors = file.add_tensor(graph, "vectors", [1, 1], Type.FLOAT32, signature=[-1, -1])
    graph.inputs = [given, shape]
    options = schema.ReshapeOptionsT()
    graph.operators.append(file.operator("RESHAPE", [given, shape], [vectors], options))
    add_scores(file, vectors, [1, ROWS], FLOATS, signature=[-1, ROWS])
    tables, packed = coded(file.to_bytes())
    expected = VECTORS @ tables["items"].dequantize().T
    for made in (packed, unpack(packed)):
        (scores,) = run(made, VECTORS, np.array(VECTORS.shape, np.int32))
        np.testing.assert_allclose(scores, expected, atol=1e-4 * np.abs(expected).max())


HOW = {"classes": 1, "shrink": 0.0, "rotated": False, "offset": False}
"""Of tables whose rows and scores are single operators of the delegate."""


def test_rows_that_scores_are_taken_with_are_right(run):
    """Two operators of the delegate, the second of which reads what the first writes."""
    file = empty_file()
    users = FLOATS[: ROWS // 2]
    rows = add_lookup(file, file.add_buffer(users), users.shape, Type.FLOAT32)
    file.subgraphs[0].outputs = []
    add_scores(file, rows, [1, ROWS], FLOATS, signature=[-1, ROWS])
    tables, packed = coded(file.to_bytes(), **HOW)
    ids = np.array([3, 900], np.int32)
    expected = tables["table"].dequantize()[ids] @ tables["items"].dequantize().T
    for made in (packed, unpack(packed)):
        (scores,) = run(made, ids)
        np.testing.assert_allclose(scores, expected, atol=1e-4 * np.abs(expected).max())


def test_scores_of_scores_are_right(run):
    file = empty_file()
    (graph,) = file.subgraphs
    vectors = file.add_tensor(graph, "vectors", [2, COLUMNS], Type.FLOAT32)
    graph.inputs = [vectors]
    first = add_scores(file, vectors, [2, 128], FLOATS[:128])
    many = np.random.default_rng(2).normal(size=(1024, 128)).astype(np.float32)
    add_scores(file, first, [2, 1024], many)
    file = read(file.to_bytes())
    found, _ = find_float_tables(file, outputs=True)
    constants = make_float(file, found)
    prune(file)
    tables = {
        name: random_transformed(*made.table.value.shape, **HOW) for name, made in constants.items()
    }
    packed = pack(store_coded(file, constants, tables), codec="indexed", target="delegate")
    assert all(table.codec == "indexed" for table in inspect_model(packed).tables)
    small, large = sorted((t.dequantize() for t in tables.values()), key=len)
    expected = VECTORS @ small.T @ large.T
    for made in (packed, unpack(packed)):
        (scores,) = run(made, VECTORS)
        np.testing.assert_allclose(scores, expected, atol=1e-4 * np.abs(expected).max())
