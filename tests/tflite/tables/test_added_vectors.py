import numpy as np
import pytest

from tests.tflite.lookup_models import Type, empty_file
from tfcompress.tflite import inspect_model
from tfcompress.tflite.convert import assemble
from tfcompress.tflite.graph.prune import prune
from tfcompress.tflite.tables import added_vectors
from tfcompress.tflite.tables.added_vectors import MIN_VALUES, narrow_vectors


def adding(value, operator="ADD"):
    """x (batch, n) -> x + value, or what another operator makes of them."""
    file = empty_file()
    graph = file.subgraphs[0]
    shape = [1, value.shape[-1]], [-1, value.shape[-1]]
    vector = file.add_constant(graph, "bias", value)
    inputs, outputs = (
        file.add_tensor(graph, name, shape[0], Type.FLOAT32, signature=shape[1])
        for name in ("x", "y")
    )
    graph.operators.append(file.operator(operator, [inputs, vector], [outputs]))
    graph.inputs, graph.outputs = [inputs], [outputs]
    return file


def narrowed(value, dtype, saved):
    """The file with `value` in fewer bytes, so many less for each of them."""
    file = adding(value)
    before = file.to_bytes()
    assert narrow_vectors(file, dtype) == 1
    prune(file)
    content = file.to_bytes()
    assert len(before) - len(content) > saved * MIN_VALUES - 400
    return content


@pytest.mark.parametrize("rows", [(), (1,)])
def test_a_long_bias_becomes_float16(run, rows):
    value = np.random.default_rng(0).normal(size=(*rows, MIN_VALUES)).astype(np.float32)
    content = narrowed(value, "float16", saved=2)
    x = np.random.default_rng(1).normal(size=(3, MIN_VALUES)).astype(np.float32)
    for xnnpack in (True, False):
        expected = x + value.astype(np.float16).astype(np.float32)
        assert np.array_equal(run(content, x, xnnpack=xnnpack)[0], expected)


@pytest.mark.parametrize("shift", [0.0, 5.0, -5.0])
def test_a_long_bias_becomes_int8(run, shift):
    value = np.random.default_rng(0).normal(shift, size=MIN_VALUES).astype(np.float32)
    value[:2] = 0  # ids that are never an answer
    content = narrowed(value, "int8", saved=3)
    x = np.random.default_rng(1).normal(size=(3, MIN_VALUES)).astype(np.float32)
    step = np.ptp(value) / 255
    for xnnpack in (True, False):
        (found,) = run(content, x, xnnpack=xnnpack)
        assert np.abs(found - (x + value)).max() <= 0.51 * step + 1e-6 * np.abs(value).max()
        assert np.array_equal(found[:, :2], x[:, :2])


def test_a_vector_far_from_zero_keeps_its_values(run):
    value = np.random.default_rng(0).normal(1000, size=MIN_VALUES).astype(np.float32)
    file = adding(value)
    assert narrow_vectors(file, "int8") == 1
    x = np.zeros((1, MIN_VALUES), np.float32)
    assert np.abs(run(file.to_bytes(), x)[0] - value).max() <= 0.5


def test_a_bias_of_zeros_stays_zero(run):
    file = adding(np.zeros(MIN_VALUES, np.float32))
    assert narrow_vectors(file, "int8") == 1
    x = np.ones((2, MIN_VALUES), np.float32)
    assert np.array_equal(run(file.to_bytes(), x)[0], x)


@pytest.mark.parametrize(
    ("value", "operator"),
    [
        (np.zeros(MIN_VALUES - 1, np.float32), "ADD"),
        (np.zeros((2, MIN_VALUES), np.float32), "ADD"),
        (np.zeros(MIN_VALUES, np.int32), "ADD"),
        (np.zeros(MIN_VALUES, np.float32), "MUL"),
        (np.full(MIN_VALUES, 1e5, np.float32), "ADD"),
        (np.full(MIN_VALUES, np.nan, np.float32), "ADD"),
    ],
    ids=["short", "matrix", "integers", "factors", "too large", "NaN"],
)
def test_what_stays(value, operator):
    assert narrow_vectors(adding(value, operator), "int8") == 0


@pytest.mark.parametrize(
    ("dense_dtype", "kind", "tolerance"), [("int8", "float16", 1e-3), ("int4", "int8", 1e-2)]
)
def test_a_ranker_with_a_narrow_dense_part(
    tied_full, histories, run, monkeypatch, dense_dtype, kind, tolerance
):
    options = {"table_dtype": "int8", "dense_dtype": dense_dtype}
    plain = assemble(tied_full.content, tied_full.embeddings, **options)
    monkeypatch.setattr(added_vectors, "MIN_VALUES", 50)
    content = assemble(tied_full.content, tied_full.embeddings, **options)
    kinds = {(constant.shape, constant.dtype) for constant in inspect_model(content).constants}
    assert ((50,), kind) in kinds
    assert ((50,), "float32") not in kinds
    scores, expected = run(content, histories)[0], run(plain, histories)[0]
    assert 0 < np.abs(scores - expected).max() < tolerance * np.abs(expected).max()
    float32 = assemble(tied_full.content, tied_full.embeddings, table_dtype="int8")
    assert kind not in {
        constant.dtype for constant in inspect_model(float32).constants if constant.shape == (50,)
    }
