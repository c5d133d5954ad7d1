"""Which version of an operator knows the types that it is used with here.

An older runtime refuses a file by them when it loads it, not in the middle of a run. From which
runtime on each of them is there says `runtime_version`.

Source: tensorflow/compiler/mlir/lite/tools/versioning/op_version.cc.
"""

from ai_edge_litert import schema_py_generated as schema

_Type = schema.TensorType

GATHER_VERSION = {
    _Type.FLOAT32: 1,
    _Type.INT32: 1,
    _Type.UINT8: 1,
    _Type.INT8: 2,
    _Type.INT16: 4,
    _Type.INT4: 7,
}
"""Of GATHER, by the type of the rows that it reads."""
BATCHED_GATHER_VERSION = 5
"""Of GATHER with batch dimensions."""
CAST_VERSION = {_Type.INT8: 3, _Type.INT4: 6, _Type.FLOAT16: 5}
"""Of CAST, by the type that it turns into float32."""
DEQUANTIZE_VERSION = {_Type.INT8: 2, _Type.FLOAT16: 3}
"""Of DEQUANTIZE, by the type that it turns into float32."""
KEEP_DIMENSIONS_VERSION = 5
"""Of FULLY_CONNECTED that keeps the dimensions of what it multiplies."""
PRODUCT_VERSION = {_Type.INT8: 9, _Type.INT4: 10}
"""Of FULLY_CONNECTED that multiplies floats by integers of one scale, by their type."""
CHANNEL_SCALES_VERSION = {"FULLY_CONNECTED": 12, "CONV_2D": 5, "DEPTHWISE_CONV_2D": 6}
"""Of operators whose weights are integers with a scale for every channel, by their names."""
