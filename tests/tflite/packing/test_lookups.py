"""Which tables are packed, and why the others are left as they are."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.tflite.lookup_models import (
    COLUMNS,
    LARGE,
    Type,
    add_lookup,
    empty_file,
    lookup_model,
    packed_by,
    table,
)
from tfcompress.errors import ModelError
from tfcompress.tflite.graph.fields import text
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.graph.serialize import serialize
from tfcompress.tflite.inspect import inspect_model
from tfcompress.tflite.packing.pack import pack, pack_model
from tfcompress.tflite.packing.unpack import unpack


def left_reasons(content: bytes, target: str = "delegate") -> list[str]:
    packing = pack_model(content, codec="indexed", target=target)
    return [constant.reason for constant in packing.left]


def left_reason(content: bytes, target: str = "delegate") -> str:
    (reason,) = left_reasons(content, target)
    return reason


def test_a_table_that_something_else_reads_stays():
    file = read(lookup_model(table("float32", LARGE)))
    graph = file.subgraphs[0]
    weights = file.add_constant_view(
        graph, "view", [LARGE, COLUMNS], Type.FLOAT32, graph.tensors[0].buffer
    )
    hidden = file.add_tensor(graph, "hidden", [1, COLUMNS], Type.FLOAT32)
    scores = file.add_tensor(graph, "scores", [1, LARGE], Type.FLOAT32)
    options = schema.FullyConnectedOptionsT()
    graph.operators.append(
        file.operator("FULLY_CONNECTED", [hidden, weights, -1], [scores], options)
    )
    graph.inputs.append(hidden)
    graph.outputs.append(scores)
    content = file.to_bytes()
    reason = left_reason(content)
    assert reason == "rows are looked up, but FULLY_CONNECTED reads all of it too"
    (listed,) = inspect_model(content).unpackable
    assert (listed.reason, listed.bytes) == (reason, LARGE * COLUMNS * 4)


def test_a_table_with_several_scales_stays():
    # Converters give equal constants one buffer, also where their scales differ.
    file = empty_file()
    content = table("int8", LARGE)
    buffer = file.add_buffer(content)
    for scale in (0.1, 0.5):
        scales, kind = np.array([scale], np.float32), Type.INT8
        add_lookup(file, buffer, content.shape, kind, operator="EMBEDDING_LOOKUP", scale=scales)
    assert left_reason(file.to_bytes()) == "its readers see it with different scales"


def test_a_table_that_is_an_output_stays():
    file = read(lookup_model(table("int8", LARGE)))
    file.subgraphs[0].outputs.append(0)
    assert "the model's output reads all of it" in left_reason(file.to_bytes())


def test_a_table_that_would_not_get_smaller_stays():
    noise = np.random.default_rng(0).integers(-128, 128, (2000, 16)).astype(np.int8)
    plain = lookup_model(noise)
    assert left_reason(plain).startswith("it would not get smaller (")
    assert pack(plain) == plain
    content = pack(plain, codec="raw", target="delegate")
    assert inspect_model(content).tables[0].codec == "raw"


def test_other_tables_stay(run):
    numbers = np.arange(8000, dtype=np.int32).reshape(-1, 8)
    assert left_reason(lookup_model(numbers)) == "int32 values are not packed"
    columns = read(lookup_model(table("int8", LARGE)))
    columns.subgraphs[0].operators[0].builtinOptions.axis = 1
    assert left_reason(columns.to_bytes()) == "GATHER reads all of it"


@pytest.mark.parametrize("target", ["builtin", "delegate"])
def test_ids_of_unknown_rank_stay(target):
    file = read(lookup_model(table("int8", LARGE), rank=0))
    graph = file.subgraphs[0]
    assert not left_reasons(file.to_bytes(), target)
    graph.tensors[graph.inputs[0]].hasRank = False
    assert left_reasons(file.to_bytes(), target) == ["the rank of its ids is not known"]
    (listed,) = inspect_model(file.to_bytes()).unpackable
    assert listed.reason == "the rank of its ids is not known"


@pytest.mark.parametrize("target", ["builtin", "delegate"])
def test_ids_of_16_bits_stay(target):
    file = read(lookup_model(table("int8", LARGE)))
    file.subgraphs[0].tensors[1].type = Type.INT16
    assert left_reason(file.to_bytes(), target) == "its ids are int16"


@pytest.mark.parametrize("target", ["builtin", "delegate"])
@pytest.mark.parametrize("stated", [[], [1], [1, 1], [1, 1, COLUMNS]])
def test_rows_whose_shape_is_stated_wrongly_stay(target, stated):
    file = read(lookup_model(table("int8", LARGE)))
    graph = file.subgraphs[0]
    rows = graph.tensors[graph.outputs[0]]
    rows.shape, rows.shapeSignature = stated, None
    assert "stated in another shape" in left_reason(file.to_bytes(), target)


def test_ids_of_64_bits_need_the_delegate(run):
    file = read(lookup_model(table("int8", LARGE)))
    file.subgraphs[0].tensors[1].type = Type.INT64
    plain = file.to_bytes()
    assert "ids are not int32" in left_reason(plain, "builtin")
    ids = np.array([5, LARGE - 1], np.int64)
    assert np.array_equal(run(packed_by(plain, "delegate"), ids)[0], run(plain, ids)[0])


def test_code_for_an_accelerator_is_not_moved():
    file = read(lookup_model(table("int8", LARGE)))
    graph = file.subgraphs[0]
    made = file.add_tensor(graph, "scores", [1], Type.FLOAT32)
    graph.operators.append(file.custom_operator("DISPATCH_OP", graph.outputs, [made], b""))
    compiled = serialize(file.model) + b"its code"
    with pytest.raises(ModelError, match="from before it was compiled"):
        pack(compiled, target="delegate")


def names_shared(other: int) -> bytes:
    """Two constants called "table": one looked up in a subgraph, one added to inputs of `other`."""
    file = empty_file()
    file.model.subgraphs.append(
        schema.SubGraphT(tensors=[], operators=[], inputs=[], outputs=[], name="other")
    )
    content = table("int8", LARGE)
    graph = file.subgraphs[other]
    dense = file.add_constant(graph, "dense", np.arange(5000, dtype=np.int32))
    add_lookup(file, file.add_buffer(content), content.shape, Type.INT8)
    ids = file.add_tensor(graph, "numbers", [5000], Type.INT32)
    sums = file.add_tensor(graph, "sums", [5000], Type.INT32)
    graph.operators.append(file.operator("ADD", [ids, dense], [sums], schema.AddOptionsT()))
    graph.inputs.append(ids)
    graph.outputs.append(sums)
    graph.tensors[dense].name = "table"
    file.model.subgraphs.reverse()  # the constant that is no table comes first
    return file.to_bytes()


def plain_table(content):
    """The values that the only lookup of a file reads."""
    file = read(content)
    (found,) = (
        graph.tensors[operator.inputs[0]]
        for graph in file.subgraphs
        for operator in graph.operators
        if file.operator_name(operator) == "GATHER"
    )
    return file.array(found)


@pytest.mark.parametrize("target", ["builtin", "delegate"])
@pytest.mark.parametrize("other", [0, 1], ids=["one subgraph", "two subgraphs"])
def test_a_name_that_another_constant_has_too(other, target):
    packed = packed_by(names_shared(other), target)
    again = packed_by(packed, target)
    for content in (packed, again):
        assert np.array_equal(plain_table(unpack(content)), table("int8", LARGE))
    assert inspect_model(again).tables == inspect_model(packed).tables
    (shown,) = inspect_model(packed).tables
    assert shown.name == "table_1"
    (dense,) = (c for c in inspect_model(packed).constants if c.name == "table")
    assert dense.bytes == 5000 * 4


def test_a_table_that_shares_its_name_with_a_constant_of_another_subgraph_unpacks():
    # As earlier versions packed it.
    file = read(packed_by(names_shared(1), "builtin"))
    for graph in file.subgraphs:
        for tensor in graph.tensors:
            if text(tensor.name) == "table":
                tensor.name = "table_1"
    back = unpack(file.to_bytes())
    assert np.array_equal(plain_table(back), table("int8", LARGE))
    assert "table_1" in {text(tensor.name) for tensor in read(back).subgraphs[0].tensors}


def test_tables_of_one_name_are_told_apart():
    file = empty_file()
    contents = [table("int8", LARGE), table("int8", LARGE + 100)]
    for content in contents:
        add_lookup(file, file.add_buffer(content), content.shape, Type.INT8)
    for tensor in file.subgraphs[0].tensors:
        tensor.name = "table" if text(tensor.name).startswith("table") else tensor.name
    for target in ("builtin", "delegate"):
        packed = packed_by(file.to_bytes(), target)
        for made in (packed, packed_by(packed, target)):
            found = {shown.name: shown.rows for shown in inspect_model(made).tables}
            assert found == {"table": LARGE, "table_1": LARGE + 100}
