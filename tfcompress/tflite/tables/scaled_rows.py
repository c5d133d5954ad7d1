"""Integer rows made floats by their scales, which are a constant of their own.

CAST to float32 -> MUL by GATHER(scales (n, 1), ids), or by a scalar
"""

from typing import Any

from ai_edge_litert import schema_py_generated as schema

from tfcompress.tflite.graph.fields import indices
from tfcompress.tflite.graph.flatbuffer import TfliteFile
from tfcompress.tflite.graph.operator_versions import CAST_VERSION


def scale_rows(
    file: TfliteFile,
    subgraph: Any,
    ids: int,
    *,
    integers: int,
    floats: int,
    scales: int,
    output: int,
    name: str,
) -> list[Any]:
    """Operators that put the rows of `ids` into the tensor `output`.

    Args:
        file: TfliteFile.
        subgraph: schema.SubGraphT.
        ids: int. The tensor of row numbers.
        integers: int. The tensor of the integers looked up.
        floats: int. A float32 tensor for them.
        scales: int. The float32 constant of shape (n, 1, ...), or of a scalar.
        output: int. A float32 tensor.
        name: str. What the tensor of the scales looked up is called.
    """
    version = CAST_VERSION.get(subgraph.tensors[integers].type, 1)
    made = [file.operator("CAST", [integers], [floats], version=version)]
    if shape := indices(subgraph.tensors[scales].shape):
        kind = schema.TensorType.FLOAT32
        gathered = file.add_like(subgraph, name, output, kind, last=shape[1:])
        made.append(file.operator("GATHER", [scales, ids], [gathered], schema.GatherOptionsT()))
        scales = gathered
    made.append(file.operator("MUL", [floats, scales], [output], schema.MulOptionsT()))
    return made
