import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tfcompress.errors import ConfigError
from tfcompress.quantization import quantize
from tfcompress.tflite.graph.prune import prune
from tfcompress.tflite.tables.constants import name_tables
from tfcompress.tflite.tables.table_dtype import store_tables

RNG = np.random.default_rng(0)
FLOAT32 = schema.TensorType.FLOAT32


def stored(file, embeddings, table_dtype, granularity="per_row"):
    tables = store_tables(file, name_tables(file, embeddings), table_dtype, granularity)
    prune(file)
    return tables["e/t"]


def dtype_of(lookup_file, shape, table_dtype):
    file, embeddings = lookup_file(RNG.normal(size=shape).astype(np.float32))
    return stored(file, embeddings, table_dtype).dtype


@pytest.mark.parametrize(
    ("shape", "asked", "becomes"),
    [
        ((9, 8), "int8", "int8"),
        ((9, 8), "int4", "int4"),
        ((9, 7), "int8", "float16"),
        ((9, 7), "int4", "float16"),
        ((9, 1), "int8", "float16"),
        ((9,), "int4", "float16"),
        ((9, 2, 4), "int8", "int8"),
        ((9, 9), "int8", "int8"),
        ((9, 9), "int4", "int8"),
        ((9, 9), "float16", "float16"),
        ((9, 9), "float32", "float32"),
    ],
)
def test_narrow_and_odd_tables(lookup_file, shape, asked, becomes):
    assert dtype_of(lookup_file, shape, asked) == becomes


def test_integer_tables_stay(lookup_file, run):
    permutation = RNG.permutation(40).astype(np.int32)
    file, embeddings = lookup_file(permutation)
    assert stored(file, embeddings, "int8").dtype == "int32"
    assert np.array_equal(run(file.to_bytes(), np.arange(40, dtype=np.int32))[0], permutation)


def add_product(file, *, bias=None, activation=0):
    """Adds a float input "h" and scores of h against the table as a second output."""
    subgraph = file.subgraphs[0]
    weights = subgraph.tensors[0]
    rows, columns = weights.shape
    hidden = file.add_tensor(subgraph, "h", [1, columns], FLOAT32, signature=[-1, columns])
    scores = file.add_tensor(subgraph, "scores", [1, rows], FLOAT32, signature=[-1, rows])
    added = -1 if bias is None else file.add_constant(subgraph, "bias", bias)
    options = schema.FullyConnectedOptionsT(fusedActivationFunction=activation)
    subgraph.operators.append(
        file.operator("FULLY_CONNECTED", [hidden, 0, added], [scores], options)
    )
    subgraph.inputs.append(hidden)
    subgraph.outputs.append(scores)


def hidden_vectors(columns):
    """Activations that 8 bits hold exactly: integers, with both ends of the range."""
    h = RNG.integers(-128, 128, (7, columns)).astype(np.float32)
    h[:, 0], h[:, 1] = -128, 127
    return h


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("granularity", ["per_row", "per_table"])
@pytest.mark.parametrize("size", [(8, 16), (4, 16), (8, 6)])
def test_tied_scores(lookup_file, run, size, granularity, with_bias):
    num_bits, columns = size
    table = RNG.normal(size=(40, columns)).astype(np.float32)
    bias = RNG.normal(size=40).astype(np.float32) * 100 if with_bias else None
    relu = schema.ActivationFunctionType.RELU
    file, embeddings = lookup_file(table)
    add_product(file, bias=bias, activation=relu if with_bias else 0)
    plain = file.to_bytes()
    entry = stored(file, embeddings, f"int{num_bits}", granularity)
    content = file.to_bytes()
    assert entry.tied
    assert len(content) < len(plain) + 1200 - table.nbytes * (1 - num_bits / 32)  # one copy

    quantized = quantize(table, num_bits, granularity)
    h, ids = hidden_vectors(columns), np.arange(7, dtype=np.int32)
    rows, scores = run(content, ids, h)
    assert np.array_equal(rows, quantized.dequantize()[ids])
    # The sums are integers below 2^24, so float32 holds them; then one multiplication a row.
    expected = (h @ quantized.integers.T.astype(np.float32)) * quantized.scale[:, 0]
    if with_bias:
        expected = np.maximum(expected + bias, 0)
    if granularity == "per_row":
        assert np.array_equal(scores, expected)
    else:  # the kernel multiplies and adds in one step
        np.testing.assert_allclose(scores, expected, rtol=1e-6, atol=1e-4)
    assert run(content, ids[:0], h[:0])[1].shape == (0, 40)

    # Any other activations are rounded to 8 bits: at most a step off, each.
    h = RNG.normal(size=(7, columns)).astype(np.float32)
    exact = h @ quantized.dequantize().T + (bias if with_bias else 0)
    exact = np.maximum(exact, 0) if with_bias else exact
    step = np.abs(h).max(axis=1, keepdims=True) / 127
    bound = step * np.abs(quantized.dequantize()).sum(axis=1) + 1e-4
    for xnnpack in (True, False):
        assert np.all(np.abs(run(content, ids, h, xnnpack=xnnpack)[1] - exact) <= bound)


def test_tied_float16_is_refused(lookup_file):
    file, embeddings = lookup_file(RNG.normal(size=(40, 16)).astype(np.float32))
    add_product(file)
    with pytest.raises(ConfigError, match=r"e/t cannot be float16.*use table_dtype='int8'"):
        stored(file, embeddings, "float16")


def add_sum(file):
    """Adds the sum of the whole table as a second output."""
    subgraph = file.subgraphs[0]
    axes = file.add_constant(subgraph, "axes", np.array([0], np.int32))
    row = list(subgraph.tensors[0].shape[1:])
    total = file.add_tensor(subgraph, "total", row, FLOAT32)
    subgraph.operators.append(file.operator("SUM", [0, axes], [total], schema.ReducerOptionsT()))
    subgraph.outputs.append(total)


def test_a_wide_table_read_whole_is_refused(lookup_file):
    for table_dtype in ("float16", "int8", "int4"):
        file, embeddings = lookup_file(RNG.normal(size=(40, 16)).astype(np.float32))
        add_sum(file)
        with pytest.raises(ConfigError, match=r"e/t cannot be .* because SUM reads all of it"):
            stored(file, embeddings, table_dtype)


@pytest.mark.parametrize("shape", [(40, 1), (40,)])
def test_a_table_of_one_column_may_be_read_whole(lookup_file, run, shape):
    table = RNG.normal(size=shape).astype(np.float32)
    file, embeddings = lookup_file(table)
    add_sum(file)
    assert stored(file, embeddings, "int8").dtype == "float16"
    rows, total = run(file.to_bytes(), np.array([3, 39], np.int32))
    expected = table.astype(np.float16).astype(np.float32)
    assert np.array_equal(rows, expected[[3, 39]])
    np.testing.assert_allclose(total, expected.sum(axis=0), rtol=1e-5)


def test_a_table_returned_whole_is_refused(lookup_file):
    file, embeddings = lookup_file(RNG.normal(size=(40, 16)).astype(np.float32))
    file.subgraphs[0].outputs.append(0)
    with pytest.raises(ConfigError, match="the model's output reads all of it"):
        stored(file, embeddings, "int8")


def test_a_gather_on_another_axis_reads_the_whole_table(lookup_file):
    file, embeddings = lookup_file(RNG.normal(size=(40, 16)).astype(np.float32))
    file.subgraphs[0].operators[0].builtinOptions.axis = 1
    assert stored(file, embeddings, "int8").dtype == "float32"  # no row is looked up


def test_two_lookups_share_one_table(lookup_file, run):
    table = RNG.normal(size=(40, 16)).astype(np.float32)
    file, embeddings = lookup_file(table)
    single = lookup_file(table)[0]
    subgraph = file.subgraphs[0]
    rows = file.add_like(subgraph, "again", 2, FLOAT32)
    again = file.add_constant_view(subgraph, "view", [40, 16], FLOAT32, subgraph.tensors[0].buffer)
    subgraph.operators.append(file.operator("GATHER", [again, 1], [rows], schema.GatherOptionsT()))
    subgraph.outputs.append(rows)
    entry = stored(file, embeddings, "int8")
    stored(single, embeddings, "int8")
    assert len(file.to_bytes()) < len(single.to_bytes()) + 700
    ids = np.array([0, 39, 5], np.int32)
    first, second = run(file.to_bytes(), ids)
    assert np.array_equal(first, entry.value[ids])
    assert np.array_equal(second, first)
