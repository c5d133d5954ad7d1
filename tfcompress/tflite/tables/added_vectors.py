"""Long vectors that are only added, such as a bias for every item, as float16 or int8.

Beside int8 weights and packed tables a float32 for every item would be the largest constant of a
file. DEQUANTIZE makes such a vector float32 again: float16 when the graph first runs, and not
again; int8, with one scale, perhaps in every call (22,439 items: some microseconds).
"""

from typing import Any, Literal

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from tfcompress.tflite.graph.fields import indices, text
from tfcompress.tflite.graph.flatbuffer import KIND_OF_DTYPE, TfliteFile
from tfcompress.tflite.graph.operator_versions import DEQUANTIZE_VERSION
from tfcompress.tflite.graph.readers import readers
from tfcompress.tflite.tables.float16_rows import LARGEST

_Type = schema.TensorType
MIN_VALUES = 4096
"""Shorter vectors are not worth an operator."""
_LEAST_SPREAD = 0.5
"""Of a vector's values, against the largest magnitude, for int8."""


def narrow_vectors(file: TfliteFile, dtype: Literal["float16", "int8"]) -> int:
    """Stores the added vectors of a file in fewer bytes.

    Args:
        file: TfliteFile. Changed in place; the old constants are left for `prune`.
        dtype: str. int8 takes 255 steps of which one is 0; vectors that lie far from 0 become
            float16 nevertheless.

    Returns:
        int. How many were changed; those with values that float16 cannot hold stay.
    """
    count = 0
    for subgraph in file.subgraphs:
        for index in range(len(subgraph.tensors)):
            if _is_added_vector(file, subgraph, index):
                _narrow(file, subgraph, index, dtype)
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


def _narrow(file: TfliteFile, subgraph: Any, index: int, dtype: str) -> None:
    """Puts a narrow constant and a DEQUANTIZE before whatever reads the tensor."""
    tensor = subgraph.tensors[index]
    value, name = file.array(tensor), text(tensor.name)
    assert value is not None  # `_is_added_vector`
    tensor.name = ""  # it goes to the constant
    floats = file.add_like(subgraph, "", index, _Type.FLOAT32)
    for _, operator, slot in list(readers(file, subgraph, index)):
        operator.inputs[slot] = floats
    if dtype == "int8" and np.ptp(value) < _LEAST_SPREAD * np.abs(value).max():
        dtype = "float16"
    if dtype == "float16":
        narrow = file.add_constant(subgraph, name, value.astype(np.float16))
    else:
        integers, scale, zero_point = _integers(value)
        narrow = file.add_constant(subgraph, name, integers)
        subgraph.tensors[narrow].quantization = schema.QuantizationParametersT(
            scale=[scale], zeroPoint=[zero_point]
        )
    made = file.operator(
        "DEQUANTIZE",
        [narrow],
        [floats],
        schema.DequantizeOptionsT(),
        version=DEQUANTIZE_VERSION[KIND_OF_DTYPE[dtype]],
    )
    subgraph.operators.insert(0, made)


def _integers(value: NDArray[np.float32]) -> tuple[NDArray[np.int8], float, int]:
    """The vector as int8, its scale and the integer that stands for 0, which is then exact."""
    low, high = min(0.0, float(value.min())), max(0.0, float(value.max()))
    scale = float(np.float32((high - low) / 255)) or 1.0
    zero_point = int(np.clip(np.rint(-128 - low / scale), -128, 127))
    integers = np.clip(np.rint(value / np.float32(scale)) + zero_point, -128, 127)
    return integers.astype(np.int8), scale, zero_point
