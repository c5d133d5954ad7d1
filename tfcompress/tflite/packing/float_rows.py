"""Where the rows of a lookup, or the scores against all rows, are float32 numbers.

| rows of | are floats behind |
| --- | --- |
| float32 | the lookup itself |
| float16 behind a DEQUANTIZE of all of it | the lookup itself |
| int8, int4 under an EMBEDDING_LOOKUP with a float32 result | the lookup itself |
| float16 | CAST, or DEQUANTIZE |
| int16, which are the bits of float16 | BITCAST -> CAST |
| int8, uint8 of a quantised tensor | DEQUANTIZE |
| int8, uint8, int4 of a plain tensor | CAST -> MUL by scales (`fused_scales`) |

Scores are those of FULLY_CONNECTED: against float32 weights, against integers that it scales
itself, or against integers of scale 1 and then MUL by the scales of all rows (`integer_rows`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from tfcompress.tflite.graph.fields import indices
from tfcompress.tflite.graph.flatbuffer import TfliteFile
from tfcompress.tflite.graph.readers import only_reader
from tfcompress.tflite.packing.fused_scales import RowScaling, row_scaling
from tfcompress.tflite.packing.lookups import LookupTable
from tfcompress.tflite.packing.uses import Lookup, Product
from tfcompress.tflite.tables.column_blocks import activation

_Type = schema.TensorType
F32 = NDArray[np.float32]


@dataclass(frozen=True)
class FloatRows:
    """The float32 numbers that a table is read for in one place.

    Attributes:
        output: int. The tensor that holds them.
        scales: float32 array, `(1,)` or `(rows,)`, or None for a table of floats.
        zero_point: int. What stands for zero.
        behind: tuple of schema.OperatorT. What turns the values read into them.
        scaling: RowScaling or None. The same, where scales are looked up.
    """

    output: int
    scales: F32 | None = None
    zero_point: int = 0
    behind: tuple[Any, ...] = ()
    scaling: RowScaling | None = None

    def operators(self, file: TfliteFile, subgraph: Any) -> list[Any]:
        """What is of no more use where the table itself is float32."""
        return [*self.behind, *(self.scaling.operators(file, subgraph) if self.scaling else [])]


def float_rows(file: TfliteFile, table: LookupTable, lookup: Lookup) -> FloatRows | str:
    """The float32 rows that a lookup ends in, or why there are none."""
    subgraph, tensors = lookup.subgraph, lookup.subgraph.tensors
    kind = table.tensor.type
    if kind == _Type.FLOAT32:
        return FloatRows(lookup.rows)
    if lookup.dequantize is not None:
        return FloatRows(lookup.rows, behind=(lookup.dequantize,))
    if lookup.is_scaled:
        found = _quantization(tensors[lookup.table])
        scales, zero_points = found or (np.ones(1, np.float32), [0])
        if len(scales) not in (1, table.shape[0]) or any(zero_points):
            return "its scales are not one, or one a row"
        return FloatRows(lookup.rows, scales)
    if kind == _Type.FLOAT16:
        for name in ("CAST", "DEQUANTIZE"):
            floats = only_reader(file, subgraph, lookup.rows, name)
            if floats is not None and tensors[floats.outputs[0]].type == _Type.FLOAT32:
                return FloatRows(floats.outputs[0], behind=(floats,))
        return "its float16 rows are not made float32 right behind the lookup"
    if kind == _Type.INT16:
        return _half_rows(file, lookup)
    if (dequantize := only_reader(file, subgraph, lookup.rows, "DEQUANTIZE")) is not None:
        quantization = _quantization(tensors[lookup.rows])
        if quantization is None or len(quantization[0]) != 1:
            return "its rows have no scale of the table"
        scales, (zero_point,) = quantization
        return FloatRows(dequantize.outputs[0], scales, zero_point, (dequantize,))
    scaling = row_scaling(file, subgraph, ids=lookup.ids, rows=lookup.rows, num_rows=table.shape[0])
    if scaling is None:
        return "its rows are integers that no scales make floats right behind the lookup"
    return FloatRows(scaling.output, _constant(file, subgraph, scaling.scales), scaling=scaling)


def float_scores(
    file: TfliteFile, table: LookupTable, product: Product, scales: F32 | None
) -> FloatRows | str:
    """The scores that a product with all of a table ends in, or why there are none.

    Args:
        file: TfliteFile.
        table: LookupTable.
        product: Product. One of its own.
        scales: float32 array or None. Those that lookups multiply by.
    """
    subgraph, operator = product.subgraph, product.operator
    tensors = subgraph.tensors
    (output,) = operator.outputs
    if {tensors[operator.inputs[0]].type, tensors[output].type} != {_Type.FLOAT32}:
        return "scores against it are not float32"
    if not _keeps_dimensions(tensors[operator.inputs[0]], tensors[output], table.columns):
        return "scores against it are taken with vectors that are reshaped for it"
    if table.tensor.type == _Type.FLOAT32:
        return FloatRows(output)
    own = _quantization(tensors[product.weights])
    is_uint8 = table.tensor.type == _Type.UINT8  # The kernel takes it for int8.
    if scales is None or own is None or any(own[1]) or is_uint8:
        return "scores are taken against its integers"
    if len(own[0]) not in (1, table.shape[0]):
        return "its scales are not one, or one a row"
    if _equal(own[0], scales):
        return FloatRows(output, scales)
    multiply = only_reader(file, subgraph, output, "MUL")
    is_plain = np.array_equal(own[0], [1.0]) and not activation(operator)
    if multiply is None or not is_plain or any(index >= 0 for index in operator.inputs[2:]):
        return "scores against it have other scales than its rows"
    (other,) = [index for index in multiply.inputs if index != output] or [output]
    if file.data(tensors[other]) is None or not _equal(_constant(file, subgraph, other), scales):
        return "scores against it have other scales than its rows"
    return FloatRows(multiply.outputs[0], scales, behind=(multiply,))


def weight_scales(product: Product) -> F32 | None:
    """The scales that a product itself multiplies by; None where its weights are floats.

    Args:
        product: Product.
    """
    weights = product.subgraph.tensors[product.weights]
    own = None if weights.type == _Type.FLOAT32 else _quantization(weights)
    return None if own is None else own[0]


def _keeps_dimensions(vectors: Any, scores: Any, columns: int) -> bool:
    """Whether a FULLY_CONNECTED puts scores in place of the last dimension and nothing else.

    Without `keep_num_dims` it takes vectors of any shape for a matrix as wide as its weights.
    """
    shape = indices(vectors.shapeSignature) or indices(vectors.shape)
    return len(shape) == len(indices(scores.shape)) and shape[-1:] in ([columns], [-1])


def _half_rows(file: TfliteFile, lookup: Lookup) -> FloatRows | str:
    subgraph, tensors = lookup.subgraph, lookup.subgraph.tensors
    bitcast = only_reader(file, subgraph, lookup.rows, "BITCAST")
    if bitcast is not None and tensors[bitcast.outputs[0]].type == _Type.FLOAT16:
        cast = only_reader(file, subgraph, bitcast.outputs[0], "CAST")
        if cast is not None and tensors[cast.outputs[0]].type == _Type.FLOAT32:
            return FloatRows(cast.outputs[0], behind=(bitcast, cast))
    return "its int16 rows are not read as the bits of float16"


def _quantization(tensor: Any) -> tuple[F32, list[int]] | None:
    """Scales and zero points of a tensor; None where it has none."""
    quantization = tensor.quantization
    if quantization is None or quantization.scale is None or not len(quantization.scale):
        return None
    return np.asarray(quantization.scale, np.float32), indices(quantization.zeroPoint) or [0]


def _constant(file: TfliteFile, subgraph: Any, tensor: int) -> F32:
    value = file.array(subgraph.tensors[tensor])
    assert value is not None  # the caller has seen to it
    return value.reshape(-1).astype(np.float32)


def _equal(one: F32, other: F32) -> bool:
    return one.shape == other.shape and bool((one == other).all())
