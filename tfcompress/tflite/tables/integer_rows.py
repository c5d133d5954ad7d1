"""A table stored as int8 or int4 integers with float32 scales.

Rows are gathered first and only then brought back, so the cost follows the ids asked for:

    GATHER(integers (n, D), ids) -> CAST to float32 -> MUL by GATHER(scales (n, 1), ids)

With one scale for the whole table MUL takes a scalar. The result is exactly the integers times
their scales in float32. The scales are a tensor like any other: quantisation parameters of the
tensor itself would cost 8 bytes of zero point a row besides, and be copied to the heap on loading.

int4 holds two values a byte, the first in the low half, each a two's complement number; a row must
have an even number of values, because GATHER copies whole bytes.

Scores against every row (tied outputs, `reverse=True`) read the same integers:

    FULLY_CONNECTED(h, integers as weights of scale 1) -> MUL by scales (n,)

That kernel rounds h to 8 bits, per example and at run time, which is the only inexact step.
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from tfcompress.quantization import Granularity, quantize
from tfcompress.tflite.graph.flatbuffer import TfliteFile
from tfcompress.tflite.graph.operator_versions import GATHER_VERSION, PRODUCT_VERSION
from tfcompress.tflite.tables.constants import ModelTable
from tfcompress.tflite.tables.scaled_rows import scale_rows

_Type = schema.TensorType
_KIND = {8: _Type.INT8, 4: _Type.INT4}


def pack_int4(integers: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Two values a byte: the even columns in the low halves, the odd ones in the high halves.

    Args:
        integers: int8 array (n, D) of values in -8..7, D even.

    Returns:
        uint8 array (n, D / 2).
    """
    halves = integers.view(np.uint8) & np.uint8(0x0F)
    return halves[:, 0::2] | (halves[:, 1::2] << np.uint8(4))


def unpack_int4(packed: NDArray[np.uint8]) -> NDArray[np.int8]:
    """The values that `pack_int4` put two a byte: uint8 array (n, D / 2) to int8 array (n, D)."""
    halves = np.stack([packed & 0x0F, packed >> 4], axis=2).reshape(len(packed), -1)
    return ((halves ^ 8).astype(np.int8) - np.int8(8)).astype(np.int8)


class IntegerRows:
    """Writes one table, and the operators that read it, into a file.

    Args:
        file: TfliteFile.
        table: ModelTable, float32.
        num_bits: int. 8 or 4.
        granularity: str. "per_row" or "per_table".

    Attributes:
        dtype: str. "int8" or "int4".
        granularity: str.
        snr_db: float. Signal-to-noise ratio of the stored values.
        value: float32 array. The stored values, integers times scales.
        tensors: list of str. Names of the constants written.

    Raises:
        ConfigError: the table holds a NaN or an infinity.
    """

    def __init__(
        self, file: TfliteFile, table: ModelTable, num_bits: int, granularity: Granularity
    ) -> None:
        matrix = table.value.reshape(table.rows, table.columns)
        quantized = quantize(matrix, num_bits, granularity, name=table.name)
        self.dtype = f"int{num_bits}"
        self.granularity = granularity
        self.snr_db = quantized.snr_db
        self.value: NDArray[np.float32] = quantized.dequantize().reshape(table.value.shape)
        self.tensors = [table.name, f"{table.name}/scale"]
        self._file = file
        self._name = table.name
        self._shape = table.value.shape
        self._bits = num_bits
        self._scale = quantized.scale
        integers = quantized.integers
        self._integers = file.add_buffer(integers if num_bits == 8 else pack_int4(integers))
        self._scales = file.add_buffer(quantized.scale)

    def rows(self, subgraph: Any, ids: int, output: int) -> list[Any]:
        """Operators that put the float32 rows of `ids` into the tensor `output`."""
        file, name, bits = self._file, self._name, self._bits
        kind = _KIND[bits]
        table = file.add_constant_view(subgraph, name, self._shape, kind, self._integers)
        gathered = file.add_like(subgraph, f"{name}/rows", output, kind)
        values = file.add_like(subgraph, f"{name}/rows_float32", output, _Type.FLOAT32)
        gather = schema.GatherOptionsT()
        per_row = [self._shape[0], *[1] * (len(self._shape) - 1)]
        return [
            file.operator("GATHER", [table, ids], [gathered], gather, version=GATHER_VERSION[kind]),
            *scale_rows(
                file,
                subgraph,
                ids,
                integers=gathered,
                floats=values,
                scales=self._scale_constant(
                    subgraph, [] if self.granularity == "per_table" else per_row
                ),
                output=output,
                name=f"{name}/rows_scale",
            ),
        ]

    def product(self, subgraph: Any, operator: Any) -> list[Any]:
        """Operators in place of a FULLY_CONNECTED whose weights are the whole table."""
        file, name, bits = self._file, self._name, self._bits
        options = operator.builtinOptions
        # Activations from a ReLU use all 256 steps this way; the int4 kernel has no such choice.
        options.asymmetricQuantizeInputs = bits == 8
        hidden, bias, output = operator.inputs[0], operator.inputs[2:3], operator.outputs[0]
        scale = float(self._scale[0, 0]) if self.granularity == "per_table" else 1.0
        weights = file.add_tensor(
            subgraph,
            f"{name}/weights",
            self._shape,
            _KIND[bits],
            buffer=self._integers,
            scale=scale,
        )
        version = PRODUCT_VERSION[_KIND[bits]]
        if self.granularity == "per_table":
            inputs = [hidden, weights, *bias]
            return [file.operator("FULLY_CONNECTED", inputs, [output], options, version=version)]
        activation, options.fusedActivationFunction = options.fusedActivationFunction, 0
        has_bias = bias not in ([], [-1])
        sums = file.add_like(subgraph, f"{name}/sums", output, _Type.FLOAT32)
        scores = output
        if has_bias:
            scores = file.add_like(subgraph, f"{name}/scores", output, _Type.FLOAT32)
        scales = self._scale_constant(subgraph, [self._shape[0]])
        multiply = schema.MulOptionsT(fusedActivationFunction=0 if has_bias else activation)
        operators = [
            file.operator(
                "FULLY_CONNECTED", [hidden, weights, -1], [sums], options, version=version
            ),
            file.operator("MUL", [sums, scales], [scores], multiply),
        ]
        if has_bias:
            add = schema.AddOptionsT(fusedActivationFunction=activation)
            operators.append(file.operator("ADD", [scores, *bias], [output], add))
        return operators

    def _scale_constant(self, subgraph: Any, shape: list[int]) -> int:
        return self._file.add_constant_view(
            subgraph, f"{self._name}/scale", shape, _Type.FLOAT32, self._scales
        )
