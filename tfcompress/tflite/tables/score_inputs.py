"""What a file takes scores against a table with: vectors, and biases that are added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from tfcompress.tflite.graph.flatbuffer import TfliteFile, indices, read
from tfcompress.tflite.graph.outputs import give_only
from tfcompress.tflite.graph.readers import readers
from tfcompress.tflite.tables.constants import TableConstant

_Type = schema.TensorType


@dataclass(frozen=True)
class ScoreInputs:
    """Of scores that are vectors times all rows of a table, plus a bias an item.

    Attributes:
        vectors: int. Their tensor in the first subgraph, float32 `(..., D)`.
        bias: schema.TensorT or None. A constant, float32 `(n,)`, that nothing else reads.
    """

    vectors: int
    bias: Any | None


def score_inputs(file: TfliteFile, constant: TableConstant) -> ScoreInputs | None:
    """What scores against a table are taken with.

    Args:
        file: TfliteFile.
        constant: TableConstant. A float32 table.

    Returns:
        ScoreInputs, or None where no scores are taken against the table, or in several places.
    """
    found = []
    for number, subgraph in enumerate(file.subgraphs):
        places = constant.places(subgraph)
        for operator in subgraph.operators:
            if file.operator_name(operator) == "FULLY_CONNECTED" and operator.inputs[1] in places:
                found.append((number, operator))
    if len(found) != 1 or found[0][0] != 0:
        return None
    (_, product) = found[0]
    vectors = file.subgraphs[0].tensors[product.inputs[0]]
    if vectors.type != _Type.FLOAT32 or file.data(vectors) is not None:
        return None
    return ScoreInputs(product.inputs[0], _own_bias(file, product, constant.table.rows))


def vectors_model(file: TfliteFile, constant: TableConstant) -> TfliteFile | None:
    """A file that gives the vectors that scores against a table are taken with, and nothing else.

    Args:
        file: TfliteFile.
        constant: TableConstant. As `score_inputs` takes it, as is what is None.
    """
    made = read(file.to_bytes())
    found = score_inputs(made, constant)
    if found is None:
        return None
    give_only(made, {"vectors": found.vectors})
    return made


def _own_bias(file: TfliteFile, product: Any, rows: int) -> Any | None:
    index = product.inputs[2] if len(product.inputs) > 2 else -1
    if index < 0:
        return None
    (subgraph, *others) = file.subgraphs
    bias = subgraph.tensors[index]
    if bias.type != _Type.FLOAT32 or indices(bias.shape) != [rows] or file.data(bias) is None:
        return None
    uses = sum(
        len(list(readers(file, graph, place)))
        for graph in (subgraph, *others)
        for place, tensor in enumerate(graph.tensors)
        if tensor.buffer == bias.buffer
    )
    return bias if uses == 1 else None
