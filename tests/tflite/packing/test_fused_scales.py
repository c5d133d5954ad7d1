"""Packed lookups that multiply by scales: the same floats in one operator, and back."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.tflite.lookup_models import empty_file, table
from tfcompress.tflite import inspect_model
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.graph.operator_versions import CAST_VERSION, GATHER_VERSION
from tfcompress.tflite.packing.pack import pack
from tfcompress.tflite.packing.unpack import unpack
from tfcompress.tflite.tables.integer_rows import pack_int4

Type = schema.TensorType
ROWS, COLUMNS = 4000, 16
SCALES = np.random.default_rng(3).lognormal(0, 2, (ROWS, 1)).astype(np.float32)
ONE = np.array(0.1, np.float32)
IDS = np.random.default_rng(4).integers(0, ROWS, (33, 3)).astype(np.int32)


def scaled_model(dtype="int8", scales=SCALES, also=None, other_ids=False):
    """ids (n, 3) -> GATHER -> CAST -> MUL by scales, as `convert` writes it.

    `also` names a tensor that is an output too: "integers" or "scales".
    """
    file = empty_file()
    (graph,) = file.subgraphs
    kind = {"int8": Type.INT8, "uint8": Type.UINT8, "int4": Type.INT4}[dtype]
    content = table(dtype, ROWS) if dtype != "int4" else pack_int4(table("int8", ROWS) // 4)
    weights = file.add_constant_view(
        graph, "table", [ROWS, COLUMNS], kind, file.add_buffer(content)
    )
    ids = [
        file.add_tensor(graph, name, [1, 3], Type.INT32, signature=[-1, 3])
        for name in ("ids", "others")[: 1 + other_ids]
    ]
    integers, floats, output = (
        file.add_tensor(graph, name, [1, 3, COLUMNS], made, signature=[-1, 3, COLUMNS])
        for name, made in (("integers", kind), ("floats", Type.FLOAT32), ("rows", Type.FLOAT32))
    )
    gather, version = schema.GatherOptionsT(), GATHER_VERSION[kind]
    graph.operators = [
        file.operator("GATHER", [weights, ids[0]], [integers], gather, version=version),
        file.operator("CAST", [integers], [floats], version=CAST_VERSION.get(kind, 1)),
    ]
    scale = file.add_constant(graph, "scale", scales)
    graph.outputs = [output]
    if scales.ndim:
        last = scales.shape[1]
        gathered = file.add_tensor(
            graph, "scales", [1, 3, last], Type.FLOAT32, signature=[-1, 3, last]
        )
        made = file.operator("GATHER", [scale, ids[-1]], [gathered], schema.GatherOptionsT())
        graph.operators.append(made)
        scale = gathered
    if also:
        graph.outputs.append({"integers": integers, "scales": scale}[also])
    graph.operators.append(file.operator("MUL", [scale, floats], [output], schema.MulOptionsT()))
    graph.inputs = ids
    return file.to_bytes()


def operators(content):
    return inspect_model(content).operators


@pytest.mark.parametrize("codec", ["raw", "indexed", "rate"])
@pytest.mark.parametrize("scales", [SCALES, ONE], ids=["per row", "one"])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int4"])
def test_the_same_floats_by_one_operator(dtype, scales, codec, run):
    plain = scaled_model(dtype, scales)
    content = pack(plain, codec=codec, target="delegate")
    assert operators(content) == {"tfcompress.lookup": 1}
    back = unpack(content)
    assert operators(back) == operators(plain)
    for ids in (IDS[:0], IDS[:1], IDS):
        (expected,) = run(plain, ids)
        for made in (content, back, pack(back, codec=codec, target="delegate")):
            (found,) = run(made, ids)
            assert (found.dtype, found.shape) == (np.float32, (len(ids), 3, COLUMNS))
            assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("scales", [SCALES, ONE], ids=["per row", "one"])
def test_scales_are_bytes_of_the_table(scales):
    content = pack(scaled_model(scales=scales), codec="indexed", target="delegate")
    file = read(content)
    (operator,) = file.subgraphs[0].operators
    packed = file.data(file.subgraphs[0].tensors[operator.inputs[1]])
    bare = read(content)
    bare.remove_metadata("tfcompress")
    for made in (content, bare.to_bytes()):
        shown = inspect_model(made)
        (found,) = shown.tables
        assert found.stored_bytes == packed.nbytes + scales.nbytes
        assert shown.constants == ()


def test_wrong_ids_are_refused_by_name(run):
    content = pack(scaled_model(), codec="indexed", target="delegate")
    for wrong in (-1, ROWS):
        with pytest.raises(RuntimeError, match=f"'table': id {wrong} is out of range"):
            run(content, np.array([[0, wrong, 1]], np.int32))


def test_scales_that_something_else_reads_are_gathered_for_it(run):
    plain = scaled_model(also="scales")
    content = pack(plain, codec="indexed", target="delegate")
    assert operators(content) == {"tfcompress.lookup": 1, "GATHER": 1}
    for found, expected in zip(run(content, IDS), run(plain, IDS), strict=True):
        assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    "plain",
    [
        scaled_model(also="integers"),
        scaled_model(other_ids=True),
        scaled_model(scales=SCALES[:, [0] * COLUMNS]),
    ],
    ids=["integers are read", "scales of other rows", "a scale a value"],
)
def test_what_is_no_scale_of_the_row_stays(plain, run):
    content = pack(plain, codec="indexed", target="delegate")
    assert "MUL" in operators(content)
    count = len(read(plain).subgraphs[0].inputs)
    inputs = [IDS, IDS[::-1].copy()][:count]
    for found, expected in zip(run(content, *inputs), run(plain, *inputs), strict=True):
        assert found.tobytes() == expected.tobytes()
