"""What a file takes scores against a table with: vectors, and biases that are added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from tfcompress.tflite.graph.fields import indices
from tfcompress.tflite.graph.flatbuffer import TfliteFile, read
from tfcompress.tflite.graph.outputs import give_only
from tfcompress.tflite.graph.readers import buffer_uses, only_reader, readers
from tfcompress.tflite.tables.column_blocks import activation
from tfcompress.tflite.tables.constants import TableConstant

_Type = schema.TensorType
_BEHIND = {"RESHAPE", "SLICE", "STRIDED_SLICE", "TOPK_V2", "SOFTMAX", "LOGISTIC"}
"""What may follow the scores of all items; other operators make a layer of them."""


@dataclass(frozen=True)
class ScoreInputs:
    """Of the answers of a model that are vectors times all rows of a table, plus a bias an item.

    Attributes:
        vectors: int. Their tensor in the first subgraph, float32 `(batch, D)`.
        bias: float32 array `(n,)`. What is added; zeros where nothing is.
        own_bias: schema.TensorT or None. The constant that holds it, where it is one of float32
            that nothing else reads, and so can be another.
    """

    vectors: int
    bias: NDArray[np.float32]
    own_bias: Any | None


def score_inputs(file: TfliteFile, constant: TableConstant) -> ScoreInputs | None:
    """What scores against a table are taken with.

    Args:
        file: TfliteFile.
        constant: TableConstant. A float32 table.

    Returns:
        ScoreInputs, or None where no scores are taken against the table, or in several places, or
        of several vectors an example, or they are no answers but a layer of the model.
    """
    found = [
        (number, operator)
        for number, subgraph in enumerate(file.subgraphs)
        for operator in subgraph.operators
        if file.operator_name(operator) == "FULLY_CONNECTED"
        and operator.inputs[1] in constant.places(subgraph)
    ]
    if len(found) != 1 or found[0][0] != 0:
        return None
    subgraph, product = file.subgraphs[0], found[0][1]
    vectors = subgraph.tensors[product.inputs[0]]
    batch = indices(subgraph.tensors[subgraph.inputs[0]].shape)[:1]
    if (
        vectors.type != _Type.FLOAT32
        or file.data(vectors) is not None
        or indices(vectors.shape) != [*batch, constant.table.columns]
    ):
        return None
    ends = [product]
    bias = product.inputs[2] if len(product.inputs) > 2 else -1
    adding = only_reader(file, subgraph, product.outputs[0], "ADD")
    if bias < 0 and adding is not None:
        ends.append(adding)
        bias = next(index for index in adding.inputs if index != product.outputs[0])
    scores = ends[-1].outputs[0]
    is_answer = scores in subgraph.outputs or any(readers(file, subgraph, scores))
    followers = {name for name, _, _ in readers(file, subgraph, scores)}
    if any(map(activation, ends)) or not is_answer or followers - _BEHIND:
        return None
    return _with_bias(file, product.inputs[0], bias, constant.table.rows)


def vectors_model(file: TfliteFile, taken: ScoreInputs) -> TfliteFile:
    """A file that gives the vectors that scores are taken with, and nothing else."""
    made = read(file.to_bytes())
    give_only(made, {"vectors": taken.vectors})
    return read(made.to_bytes())  # which lets go of what was dropped


def _with_bias(file: TfliteFile, vectors: int, index: int, rows: int) -> ScoreInputs | None:
    if index < 0:
        return ScoreInputs(vectors, np.zeros(rows, np.float32), None)
    subgraph = file.subgraphs[0]
    bias = subgraph.tensors[index]
    value = _value(file, subgraph, index)
    if value is None or value.size != rows:
        return None
    is_own = file.data(bias) is not None and buffer_uses(file)[bias.buffer] == 1
    return ScoreInputs(vectors, value.reshape(rows), bias if is_own else None)


def _value(file: TfliteFile, subgraph: Any, index: int) -> NDArray[np.float32] | None:
    """A constant of floats, or one that DEQUANTIZE makes of a narrower one (`added_vectors`)."""
    tensor = subgraph.tensors[index]
    if tensor.type != _Type.FLOAT32:
        return None
    if file.data(tensor) is not None:
        found = file.array(tensor)
        return None if found is None else found.astype(np.float32)
    maker = next((made for made in subgraph.operators if index in made.outputs), None)
    if maker is None or file.operator_name(maker) != "DEQUANTIZE":
        return None
    narrow = subgraph.tensors[maker.inputs[0]]
    integers = file.array(narrow)
    if integers is None or narrow.type not in (_Type.FLOAT16, _Type.INT8):
        return None
    floats = integers.astype(np.float32)
    if narrow.type == _Type.FLOAT16:
        return floats
    (scale,), (zero_point,) = narrow.quantization.scale, narrow.quantization.zeroPoint
    return (floats - np.float32(zero_point)) * np.float32(scale)
