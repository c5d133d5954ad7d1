"""The oldest runtime that can run a file, as its "min_runtime_version" metadata states it.

The converter writes the entry for the operators it emits; edits that add operators raise it. Only
the (operator, version) pairs that this package emits are listed.

Source: tensorflow/compiler/mlir/lite/tools/versioning/{op_version,runtime_version}.cc. The number
is TensorFlow's; LiteRT 1.0 and later stand above all of them.
"""

import re

from ai_edge_litert import schema_py_generated as schema

from tfcompress.tflite.graph.fields import builtin_code
from tfcompress.tflite.graph.flatbuffer import TfliteFile

ENTRY = "min_runtime_version"
_ENTRY_BYTES = 16
_OLDEST = "1.5.0"

_Operator = schema.BuiltinOperator
_SINCE: dict[tuple[int, int], str] = {
    (_Operator.ADD, 1): "1.5.0",
    (_Operator.BATCH_MATMUL, 1): "2.3.0",
    (_Operator.BITCAST, 1): "2.13.0",
    (_Operator.BUCKETIZE, 1): "2.8.0",
    (_Operator.CAST, 1): "1.5.0",
    (_Operator.CAST, 3): "2.8.0",  # int8
    (_Operator.CAST, 5): "2.12.0",  # float16
    (_Operator.CAST, 6): "2.15.0",  # int4 to float32
    (_Operator.CONCATENATION, 1): "1.5.0",
    (_Operator.CONV_2D, 5): "2.4.0",  # int8 weights, a scale per channel
    (_Operator.CUMSUM, 1): "2.4.0",
    (_Operator.DEPTHWISE_CONV_2D, 6): "2.3.0",  # int8 weights, a scale per channel
    (_Operator.DEQUANTIZE, 2): "1.14.0",  # int8
    (_Operator.DEQUANTIZE, 3): "1.15.0",  # float16
    (_Operator.EMBEDDING_LOOKUP, 1): "1.13.0",
    (_Operator.FLOOR_MOD, 1): "1.13.0",
    (_Operator.FULLY_CONNECTED, 5): "2.0.0",  # keeps the dimensions
    (_Operator.FULLY_CONNECTED, 9): "2.3.0",  # int8 weights, asymmetric activations
    (_Operator.FULLY_CONNECTED, 10): "2.11.0",  # int4 weights
    (_Operator.FULLY_CONNECTED, 12): "2.17.0",  # int8 or int4 weights, a scale per channel
    (_Operator.GATHER, 1): "1.6.0",
    (_Operator.GATHER, 2): "1.14.0",  # int8
    (_Operator.GATHER, 4): "2.4.0",  # int16
    (_Operator.GATHER, 5): "2.5.0",  # batch dimensions
    (_Operator.GATHER, 7): "2.15.0",  # int4
    (_Operator.MAXIMUM, 1): "1.14.0",
    (_Operator.MUL, 1): "1.5.0",
    (_Operator.PACK, 1): "1.11.0",
    (_Operator.RANGE, 1): "1.13.0",
    (_Operator.RELU_N1_TO_1, 1): "1.5.0",
    (_Operator.RESHAPE, 1): "1.5.0",
    (_Operator.RIGHT_SHIFT, 1): "2.13.0",
    (_Operator.SHAPE, 1): "1.10.0",
    (_Operator.SLICE, 1): "1.14.0",
    (_Operator.SLICE, 2): "1.14.0",  # int8
    (_Operator.STRIDED_SLICE, 1): "1.6.0",
    (_Operator.SUB, 1): "1.6.0",
    (_Operator.TOPK_V2, 1): "1.7.0",
    (_Operator.TRANSPOSE, 1): "1.6.0",
    (_Operator.TRANSPOSE, 2): "1.14.0",  # int8
}


def raise_runtime_version(file: TfliteFile) -> None:
    """Raises the stated version to what the file's operators need."""
    stated = _stated(file.metadata(ENTRY) or b"")
    used = {
        (builtin_code(file.model.operatorCodes[operator.opcodeIndex]), code_version(file, operator))
        for subgraph in file.subgraphs
        for operator in subgraph.operators
    }
    needed = [_SINCE[pair] for pair in used if pair in _SINCE]
    newest = max([stated, *needed], key=_numbers)
    file.set_metadata(ENTRY, newest.encode().ljust(_ENTRY_BYTES, b"\0"))


def _stated(entry: bytes) -> str:
    """The version that an entry states; the oldest where it states none that we can read."""
    stated = entry.rstrip(b"\0").decode("ascii", "replace")
    return stated if re.fullmatch(r"\d+(\.\d+)*", stated) else _OLDEST


def code_version(file: TfliteFile, operator: object) -> int:
    """The version of an operator's code."""
    return int(file.model.operatorCodes[operator.opcodeIndex].version)  # type: ignore[attr-defined]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
