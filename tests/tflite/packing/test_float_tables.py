"""Tables that stand for floats: found behind every way of reading them, and made float32."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.tflite.conftest import D, N
from tests.tflite.lookup_models import Type, add_lookup, empty_file, lookup_model, table
from tests.tflite.transformed_tables import random_transformed
from tfcompress.tflite.convert import assemble
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.graph.prune import prune
from tfcompress.tflite.inspect import inspect_model
from tfcompress.tflite.packing.coded_tables import store_coded
from tfcompress.tflite.packing.float_tables import find_float_tables, make_float
from tfcompress.tflite.tables.integer_rows import pack_int4, unpack_int4

ROWS, COLUMNS = 300, 16
IDS = np.array([0, 7, 299, 7], np.int32)
SCALES = np.random.default_rng(1).uniform(0.01, 1, ROWS).astype(np.float32)


def converted(lookup_file, dtype, granularity="per_row"):
    file, embeddings = lookup_file(table("float32"))
    options = {"table_dtype": dtype, "granularity": granularity}
    return assemble(file.to_bytes(), embeddings, **options)


def dequantized():
    """GATHER of a quantised uint8 table, then DEQUANTIZE."""
    file = empty_file()
    content = table("uint8")
    buffer = file.add_buffer(content)
    rows = add_lookup(file, buffer, content.shape, Type.UINT8)
    graph = file.subgraphs[0]
    for tensor in (graph.tensors[0], graph.tensors[rows]):
        tensor.quantization = schema.QuantizationParametersT(scale=[0.125], zeroPoint=[121])
    floats = file.add_like(graph, "floats", rows, Type.FLOAT32)
    graph.operators.append(file.operator("DEQUANTIZE", [rows], [floats], version=2))
    graph.outputs = [floats]
    return file.to_bytes()


def models(lookup_file):
    made = {dtype: converted(lookup_file, dtype) for dtype in ("float16", "int8", "int4")}
    made |= {f"{k}-table": converted(lookup_file, k, "per_table") for k in ("int8", "int4")}
    scaled = {"operator": "EMBEDDING_LOOKUP", "scale": SCALES}
    made["float32"] = lookup_model(table("float32"))
    made["embedding-lookup"] = lookup_model(table("float32"), operator="EMBEDDING_LOOKUP")
    made["kernel-int8"] = lookup_model(table("int8"), **scaled)
    made["kernel-int8-table"] = lookup_model(table("int8"), **{**scaled, "scale": SCALES[:1]})
    made["kernel-int4"] = lookup_model(table("int4"), int4=True, **scaled)
    made["dequantize"] = dequantized()
    return made


def test_a_file_with_float_tables_gives_what_it_gave(lookup_file, run):
    for name, content in models(lookup_file).items():
        (expected,) = run(content, IDS)
        file = read(content)
        found, _ = find_float_tables(file)
        (constant,) = make_float(file, found[:1]).values()
        assert constant.table.value.shape == (ROWS, COLUMNS), name
        (rows,) = run(file.to_bytes(), IDS)
        np.testing.assert_array_equal(rows, expected, err_msg=name)
        np.testing.assert_array_equal(constant.table.value[IDS], expected, err_msg=name)
        operators = [file.operator_name(operator) for operator in file.subgraphs[0].operators]
        assert operators in (["GATHER"], ["EMBEDDING_LOOKUP"]), name


@pytest.mark.parametrize("case", ["float32", "int8", "kernel-int4", "dequantize", "float16"])
def test_coded_tables_take_their_place(lookup_file, run, case):
    content = models(lookup_file)[case]
    file = read(content)
    found, _ = find_float_tables(file)
    constants = make_float(file, found[:1])
    coded = random_transformed(ROWS, COLUMNS)
    stored = store_coded(file, constants, dict.fromkeys(constants, coded))
    (rows,) = run(stored, IDS)
    expected = coded.dequantize()[IDS]
    np.testing.assert_allclose(rows, expected, atol=1e-5 * np.abs(expected).max())
    (info, *others) = inspect_model(stored).tables
    assert (info.rows, info.cols, info.dtype) == (ROWS, COLUMNS, "int8")
    assert not others
    # The noise of integers before is added, where the file told of it.
    before = inspect_model(content).tables[0].snr_db
    assert info.snr_db == 12.5 if before is None else before > 12.5 >= info.snr_db
    (entry,) = inspect_model(stored).metadata["tables"]
    assert entry["transform"]["class_starts"] == coded.class_starts.tolist()


def tied(tied_full, dtype, granularity):
    options = {"table_dtype": dtype, "granularity": granularity}
    return assemble(tied_full.content, tied_full.embeddings, **options)


@pytest.mark.parametrize(
    ("dtype", "granularity"),
    [
        ("float32", "per_row"),
        ("int8", "per_row"),
        ("int8", "per_table"),
        ("int4", "per_row"),
        ("int4", "per_table"),
    ],
)
def test_scores_are_taken_against_the_floats_too(tied_full, run, histories, dtype, granularity):
    content = tied(tied_full, dtype, granularity)
    file = read(content)
    (found, *_), _ = find_float_tables(file)
    assert found.scores
    (constant,) = make_float(file, [found]).values()
    (scores,) = run(file.to_bytes(), histories)
    prune(file)
    assert not {Type.INT8, Type.INT4} & {tensor.type for tensor in file.subgraphs[0].tensors}
    assert constant.table.value.shape == (N, D)
    # The kernel of integers rounds what it multiplies, so that only about the same came before.
    (before,) = run(content, histories)
    limit = 1e-6 if dtype == "float32" else 0.02
    np.testing.assert_allclose(scores, before, atol=limit * np.abs(before).max())


def test_what_stands_for_no_floats_is_left_with_the_reason(lookup_file):
    integers = lookup_model(table("int8"))
    bits = lookup_model(table("float16"))
    blocks = lookup_model(table("int8"), operator="EMBEDDING_LOOKUP", scale=SCALES[:3])
    reasons = {
        integers: "no scales make floats right behind the lookup",
        bits: "not read as the bits of float16",
        blocks: "its scales are not one, or one a row",
    }
    for content, reason in reasons.items():
        found, (left,) = find_float_tables(read(content))
        assert not found
        assert reason in left.reason
    short = read(lookup_model(table("float32")))
    ids = next(t for t in short.subgraphs[0].tensors if t.type == Type.INT32)
    ids.type = Type.INT16
    assert find_float_tables(short)[1][0].reason == "its ids are int16"


def test_int4_goes_there_and_back():
    integers = np.random.default_rng(0).integers(-8, 8, (9, 6)).astype(np.int8)
    np.testing.assert_array_equal(unpack_int4(pack_int4(integers)), integers)
