"""What the operators of a file read a constant for."""

from collections.abc import Iterator
from typing import Any

from ai_edge_litert.schema_py_generated import TensorType

from tfcompress.tflite.graph.flatbuffer import TfliteFile


def is_row_lookup(name: str, operator: Any, slot: int) -> bool:
    """Whether an operator called `name` reads single rows of its input number `slot`."""
    if name == "EMBEDDING_LOOKUP":
        return slot == 1
    if name != "GATHER" or slot != 0:
        return False
    options = operator.builtinOptions
    return options is None or (options.axis == 0 and options.batchDims == 0)


def readers(file: TfliteFile, subgraph: Any, tensor: int) -> Iterator[tuple[str, Any, int]]:
    """Every use of a tensor as an input: the operator's name, the operator, the input's number."""
    for operator in subgraph.operators:
        for slot, index in enumerate(operator.inputs):
            if index == tensor:
                yield file.operator_name(operator), operator, slot


def only_reader(file: TfliteFile, subgraph: Any, tensor: int, name: str) -> Any | None:
    """The operator of that name that alone reads a tensor, once; None where there is none."""
    uses = list(readers(file, subgraph, tensor))
    if len(uses) != 1 or uses[0][0] != name or tensor in subgraph.outputs:
        return None
    return uses[0][1]


def looked_up(file: TfliteFile, subgraph: Any) -> set[int]:
    """The tensors whose rows are gathered."""
    return {
        index
        for operator in subgraph.operators
        for slot, index in enumerate(operator.inputs)
        if is_row_lookup(file.operator_name(operator), operator, slot)
    }


def dequantized_lookups(
    file: TfliteFile, subgraph: Any, operator: Any
) -> list[tuple[str, Any, int]]:
    """The lookups in what a DEQUANTIZE makes of all of a float16 constant, as `readers` has them.

    So converters store float16 tables. None where another operator does this, or where something
    else, too, reads what it makes.
    """
    if file.operator_name(operator) != "DEQUANTIZE":
        return []
    (source, *_), (floats, *_) = operator.inputs, operator.outputs
    halves = subgraph.tensors[source]
    if halves.type != TensorType.FLOAT16 or file.data(halves) is None or floats in subgraph.outputs:
        return []
    uses = list(readers(file, subgraph, floats))
    return uses if all(is_row_lookup(*use) for use in uses) else []


def looked_up_buffers(file: TfliteFile) -> set[int]:
    """The buffers of all constants whose rows are gathered."""
    return {
        subgraph.tensors[index].buffer
        for subgraph in file.subgraphs
        for index in looked_up(file, subgraph)
        if file.data(subgraph.tensors[index]) is not None
    }


def buffer_uses(file: TfliteFile) -> dict[int, int]:
    """How many operators read each buffer; being an output counts as one more."""
    uses: dict[int, int] = {}
    for subgraph in file.subgraphs:
        for operator in subgraph.operators:
            for buffer in {subgraph.tensors[k].buffer for k in operator.inputs if k >= 0}:
                uses[buffer] = uses.get(buffer, 0) + 1
        for index in subgraph.outputs:
            buffer = subgraph.tensors[index].buffer
            uses[buffer] = uses.get(buffer, 0) + 1
    return uses
