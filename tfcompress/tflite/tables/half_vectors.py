"""Long vectors that are only added, such as a bias for every item, as float16.

Beside int8 weights and packed tables a float32 for every item would be the largest constant of a
file. DEQUANTIZE makes such a vector float32 when the graph first runs, and not again.
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfcompress.tflite.graph.flatbuffer import TfliteFile, indices, text
from tfcompress.tflite.graph.readers import readers
from tfcompress.tflite.tables.float16_rows import LARGEST

_Type = schema.TensorType
MIN_VALUES = 4096
"""Shorter vectors are not worth an operator."""
_FLOAT16_DEQUANTIZE_VERSION = 3


def halve_vectors(file: TfliteFile) -> int:
    """Stores the added vectors of a file as float16.

    Args:
        file: TfliteFile. Changed in place; the old constants are left for `prune`.

    Returns:
        int. How many became float16; those with values that it cannot hold stay.
    """
    count = 0
    for subgraph in file.subgraphs:
        for index in range(len(subgraph.tensors)):
            if _is_added_vector(file, subgraph, index):
                _halve(file, subgraph, index)
                count += 1
    return count


def _is_added_vector(file: TfliteFile, subgraph: Any, index: int) -> bool:
    tensor = subgraph.tensors[index]
    value = file.array(tensor) if tensor.type == _Type.FLOAT32 else None
    if value is None or value.size < MIN_VALUES or value.size != indices(tensor.shape)[-1]:
        return False
    # Not the bias of a FULLY_CONNECTED: XNNPACK would leave the layer to slower kernels.
    names = {name for name, _, _ in readers(file, subgraph, index)}
    holds = bool(np.abs(value).max() <= LARGEST)
    return names == {"ADD"} and holds and index not in subgraph.outputs


def _halve(file: TfliteFile, subgraph: Any, index: int) -> None:
    """Puts a float16 constant and a DEQUANTIZE before whatever reads the tensor."""
    tensor = subgraph.tensors[index]
    value, name = file.array(tensor), text(tensor.name)
    assert value is not None  # `_is_added_vector`
    tensor.name = ""  # it goes to the constant
    floats = file.add_like(subgraph, "", index, _Type.FLOAT32)
    for _, operator, slot in list(readers(file, subgraph, index)):
        operator.inputs[slot] = floats
    half = file.add_constant(subgraph, name, value.astype(np.float16))
    made = file.operator(
        "DEQUANTIZE",
        [half],
        [floats],
        schema.DequantizeOptionsT(),
        version=_FLOAT16_DEQUANTIZE_VERSION,
    )
    subgraph.operators.insert(0, made)
