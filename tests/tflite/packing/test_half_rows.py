"""float16 tables that DEQUANTIZE makes float32 as a whole, packed."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.tflite.lookup_models import Type, empty_file
from tfcompress.tflite import inspect_model
from tfcompress.tflite.graph.fields import text
from tfcompress.tflite.graph.flatbuffer import TfliteFile, read
from tfcompress.tflite.packing.float_tables import find_float_tables, make_float
from tfcompress.tflite.packing.pack import pack, pack_model
from tfcompress.tflite.packing.unpack import unpack

ROWS, COLUMNS = 3000, 16
HALVES = (np.random.default_rng(0).integers(-40, 40, (ROWS, COLUMNS)) / 64).astype(np.float16)
IDS = np.array([0, 7, ROWS - 1, 7], np.int32)
BATCHES = (0, 1, 7, 512)


def add_subgraph(file: TfliteFile, buffer: int, rows: int = ROWS, *, operator: str = "GATHER"):
    """ids -> rows of a float16 constant, read as converters write it; twice in the subgraph."""
    graph = schema.SubGraphT(tensors=[], operators=[], inputs=[], outputs=[], name="g")
    file.model.subgraphs.append(graph)
    half = file.add_tensor(graph, "items", [rows, COLUMNS], Type.FLOAT16, buffer=buffer)
    full = file.add_tensor(graph, "items_float", [rows, COLUMNS], Type.FLOAT32)
    options = schema.DequantizeOptionsT()
    graph.operators = [file.operator("DEQUANTIZE", [half], [full], options, version=3)]
    for _ in range(2):
        ids = file.add_tensor(graph, "ids", [1], Type.INT32, signature=[-1])
        found = file.add_tensor(graph, "rows", [1, COLUMNS], Type.FLOAT32, signature=[-1, COLUMNS])
        made = file.operator("EMBEDDING_LOOKUP", [ids, full], [found])
        if operator == "GATHER":
            made = file.operator("GATHER", [full, ids], [found], schema.GatherOptionsT())
        graph.operators.append(made)
        graph.inputs.append(ids)
        graph.outputs.append(found)
    return graph


def half_file(values: np.ndarray = HALVES, **options) -> TfliteFile:
    file = empty_file()
    file.model.subgraphs = []
    add_subgraph(file, file.add_buffer(values), len(values), **options)
    return file


def names(content: bytes) -> list[str]:
    return sorted(inspect_model(content).operators)


@pytest.mark.parametrize("target", ["delegate", "builtin"])
@pytest.mark.parametrize("operator", ["GATHER", "EMBEDDING_LOOKUP"])
def test_the_same_rows(operator, target, run):
    plain = half_file(operator=operator).to_bytes()
    packing = pack_model(plain, codec="indexed", target=target)
    (done,) = packing.packed
    assert (done.name, done.dtype, done.rows, done.cols) == ("items", "float16", ROWS, COLUMNS)
    assert len(packing.content) < len(plain)
    back = unpack(packing.content)
    assert names(back) == ["BITCAST", "CAST", "GATHER"]
    for content in (packing.content, back):
        assert "DEQUANTIZE" not in names(content)
        for batch in BATCHES:
            ids = np.random.default_rng(batch).integers(0, ROWS, batch).astype(np.int32)
            for found, rows in zip(run(content, ids, ids[::-1]), (ids, ids[::-1]), strict=True):
                assert found.tobytes() == HALVES[rows].astype(np.float32).tobytes()
    with pytest.raises(RuntimeError, match="out of"):
        run(packing.content, IDS, np.array([ROWS], np.int32))


def test_one_copy_for_two_subgraphs():
    file = half_file()
    add_subgraph(file, file.subgraphs[0].tensors[0].buffer)
    content = pack(file.to_bytes(), codec="indexed", target="delegate")
    (table,) = inspect_model(content).tables
    assert (table.name, table.codec) == ("items", "indexed")
    assert names(content) == ["BITCAST", "CAST", "tfcompress.lookup"]
    assert len(content) < 0.9 * HALVES.nbytes


def test_inspect_shows_the_table_and_nothing_that_packing_cannot_help():
    shown = inspect_model(half_file().to_bytes())
    (table,) = shown.tables
    assert (table.name, table.dtype, table.stored_bytes) == ("items", "float16", HALVES.nbytes)
    assert shown.unpackable == ()


@pytest.mark.parametrize("extra", ["reader", "output", "another subgraph"])
def test_one_that_is_needed_as_a_whole_stays(extra):
    file = half_file()
    graph = file.subgraphs[0]
    if extra == "another subgraph":
        graph = add_subgraph(file, graph.tensors[0].buffer)
    if extra == "output":
        graph.outputs.append(1)
    else:
        mean = file.add_tensor(graph, "mean", [COLUMNS], Type.FLOAT32)
        axes = file.add_constant(graph, "axes", np.array([0], np.int32))
        graph.operators.append(file.operator("MEAN", [1, axes], [mean], schema.ReducerOptionsT()))
        graph.outputs.append(mean)
    plain = file.to_bytes()
    packing = pack_model(plain, codec="indexed", target="delegate")
    assert "DEQUANTIZE reads all of it" in packing.left[0].reason
    assert packing.content == plain


def test_one_that_would_not_get_smaller_stays_as_it_was(run):
    noise = np.random.default_rng(1).integers(0, 0x7C00, (ROWS, COLUMNS)).astype(np.int16)
    file = half_file(noise.view(np.float16))
    add_subgraph(file, file.add_buffer(HALVES))
    packing = pack_model(file.to_bytes(), codec="fixed", target="delegate")
    assert [done.rows for done in packing.packed] == [ROWS]
    assert [left.reason[:27] for left in packing.left] == ["it would not get smaller (9"]
    first, second = read(packing.content).subgraphs
    assert [text(t.name) for t in first.tensors[:2]] == ["items", "items_float"]
    assert first.tensors[0].type == Type.FLOAT16
    assert len(first.operators) == 3
    assert len(second.operators) == 6


@pytest.mark.parametrize("target", ["delegate", "builtin"])
@pytest.mark.parametrize("rows", range(400, 1000, 100))
def test_no_file_gets_larger(target, rows):
    values = np.random.default_rng(0).uniform(-0.05, 0.05, (rows, COLUMNS)).astype(np.float16)
    plain = half_file(values).to_bytes()
    assert len(pack(plain, target=target)) <= len(plain)


def gathered_halves(operator: str = "GATHER") -> TfliteFile:
    """The same lookups in the float16 constant itself: rows of float16, then a CAST."""
    file = half_file(operator=operator)
    graph = file.subgraphs[0]
    graph.operators = graph.operators[1:]
    for number, lookup in enumerate(list(graph.operators)):
        lookup.inputs = [0 if index == 1 else index for index in lookup.inputs]
        (rows,) = lookup.outputs
        graph.tensors[rows].type = Type.FLOAT16
        graph.outputs[number] = file.add_like(graph, "floats", rows, Type.FLOAT32)
        graph.operators.append(file.operator("CAST", [rows], [graph.outputs[number]], version=5))
    return file


@pytest.mark.parametrize("target", ["delegate", "builtin"])
@pytest.mark.parametrize("operator", ["GATHER", "EMBEDDING_LOOKUP"])
def test_lookups_that_give_float16(operator, target, run):
    plain = gathered_halves(operator).to_bytes()
    packing = pack_model(plain, codec="indexed", target=target)
    assert [done.dtype for done in packing.packed] == ["float16"]
    assert len(packing.content) < len(plain)
    for content in (plain, packing.content, unpack(packing.content)):
        found = run(content, IDS, IDS[:1])[0]
        assert found.tobytes() == HALVES[IDS].astype(np.float32).tobytes()


@pytest.mark.parametrize("make", [half_file, gathered_halves])
def test_its_numbers_are_floats_to_code(make):
    file = make()
    (table,), left = find_float_tables(file)
    assert not left
    assert np.array_equal(table.value(file), HALVES.astype(np.float32))
    make_float(file, [table])
    assert [file.operator_name(operator) for operator in file.subgraphs[0].operators] == [
        "GATHER",
        "GATHER",
    ]
