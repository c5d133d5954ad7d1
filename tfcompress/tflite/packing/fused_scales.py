"""Packed lookups that multiply by scales themselves (`PACKED_OP.md`, version 2), and back.

    tfcompress.lookup(ids, table) -> CAST -> MUL by a scalar           = tfcompress.lookup(
                                     MUL by GATHER(scales, ids)            ids, table, scales)

The same products bit for bit, in one pass over rows that are in the cache, and without a tensor of
integers and one of floats between. Only the delegate's lookups do so.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfcompress.codec.layout import parse_header
from tfcompress.tflite.graph.fields import indices, num_values
from tfcompress.tflite.graph.flatbuffer import TfliteFile
from tfcompress.tflite.graph.readers import only_reader, readers
from tfcompress.tflite.runtime.delegate_rows import CUSTOM_CODE, SCALED_VERSION
from tfcompress.tflite.tables.column_blocks import activation
from tfcompress.tflite.tables.scaled_rows import scale_rows

_Type = schema.TensorType
_INTEGERS = (_Type.INT8, _Type.UINT8, _Type.INT4)


@dataclass(frozen=True)
class RowScaling:
    """What multiplies the integers that a lookup reads by their scales.

    Attributes:
        scales: int. The constant of all scales: one, or one a row.
        output: int. The float32 rows.
        cast: schema.OperatorT. Makes the integers float32.
        product: schema.OperatorT.
        gather: schema.OperatorT or None. Looks the scales of rows up.
    """

    scales: int
    output: int
    cast: Any
    product: Any
    gather: Any | None

    def operators(self, file: TfliteFile, subgraph: Any) -> list[Any]:
        """Those that are of no more use once the lookup gives float32 rows."""
        gone = [self.cast, self.product]
        if self.gather is not None:
            (scale,) = self.gather.outputs
            uses = readers(file, subgraph, scale)
            others = [use for use in uses if use[1] is not self.product]
            if not others and scale not in subgraph.outputs:
                gone.append(self.gather)
        return gone


def fuse_scales(file: TfliteFile) -> None:
    """Lets every packed lookup whose rows are only multiplied by scales do that itself."""
    for subgraph in file.subgraphs:
        for operator in list(subgraph.operators):
            if file.operator_name(operator) != CUSTOM_CODE or len(operator.inputs) != 2:
                continue
            (ids, packed), (rows,) = operator.inputs, operator.outputs
            num_rows = parse_header(np.asarray(file.data(subgraph.tensors[packed]))).rows
            scaling = row_scaling(file, subgraph, ids=ids, rows=rows, num_rows=num_rows)
            if scaling is None:
                continue
            gone = scaling.operators(file, subgraph)
            operator.inputs = [*operator.inputs, scaling.scales]
            operator.outputs = [scaling.output]
            operator.customOptions = [SCALED_VERSION]
            subgraph.operators = [
                other for other in subgraph.operators if not any(other is part for part in gone)
            ]


def fused_scales(file: TfliteFile, packed: Collection[int] | None = None) -> set[int]:
    """The buffers of what packed lookups multiply by.

    Args:
        file: TfliteFile.
        packed: collection of int or None. The buffers of the packed tables to go by; None for all.
    """
    return {
        subgraph.tensors[operator.inputs[2]].buffer
        for subgraph in file.subgraphs
        for operator in subgraph.operators
        if file.operator_name(operator) == CUSTOM_CODE and len(operator.inputs) > 2
        if packed is None or subgraph.tensors[operator.inputs[1]].buffer in packed
    }


def unfused(
    file: TfliteFile, subgraph: Any, operator: Any, table: str, kind: int
) -> tuple[int, list[Any]]:
    """The integers that a lookup with scales reads, as a new tensor, and what multiplies them.

    Args:
        file: TfliteFile.
        subgraph: schema.SubGraphT. Where the lookup stands.
        operator: schema.OperatorT. The lookup.
        table: str. The table's name.
        kind: int. The type of its integers.
    """
    ids, _, scales = operator.inputs
    (output,) = operator.outputs
    integers = file.add_like(subgraph, f"{table}/rows", output, kind)
    floats = file.add_like(subgraph, f"{table}/rows_float32", output, _Type.FLOAT32)
    return integers, scale_rows(
        file,
        subgraph,
        ids,
        integers=integers,
        floats=floats,
        scales=scales,
        output=output,
        name=f"{table}/rows_scale",
    )


def row_scaling(
    file: TfliteFile, subgraph: Any, *, ids: int, rows: int, num_rows: int
) -> RowScaling | None:
    """What multiplies integer rows by scales; None where something else reads them.

    Args:
        file: TfliteFile.
        subgraph: schema.SubGraphT.
        ids: int. The tensor of row numbers.
        rows: int. The tensor of the integers looked up.
        num_rows: int. Of the table.
    """
    tensors = subgraph.tensors
    cast = only_reader(file, subgraph, rows, "CAST")
    if (
        cast is None
        or tensors[rows].type not in _INTEGERS
        or tensors[rows].quantization is not None
    ):
        return None
    (floats,) = cast.outputs
    product = only_reader(file, subgraph, floats, "MUL")
    if product is None or tensors[floats].type != _Type.FLOAT32 or activation(product):
        return None
    if indices(tensors[floats].shape) != indices(tensors[product.outputs[0]].shape):
        return None
    (scale,) = [index for index in product.inputs if index != floats] or [floats]
    shape = indices(tensors[scale].shape)
    if _is_float_constant(file, tensors[scale]) and not shape:
        return RowScaling(scale, product.outputs[0], cast, product, None)
    gather = next((op for op in subgraph.operators if scale in op.outputs), None)
    if gather is None or file.operator_name(gather) != "GATHER":
        return None
    options = gather.builtinOptions
    scales, scale_ids = gather.inputs
    is_plain = options is None or (options.axis == 0 and options.batchDims == 0)
    # One scale a row, with as many dimensions of one behind it as a row has dimensions.
    row_rank = len(indices(tensors[rows].shape)) - len(indices(tensors[scale_ids].shape))
    per_row = indices(tensors[scales].shape) == [num_rows] + [1] * row_rank
    if not (is_plain and per_row and scale_ids == ids):
        return None
    if not _is_float_constant(file, tensors[scales]):
        return None
    return RowScaling(scales, product.outputs[0], cast, product, gather)


def _is_float_constant(file: TfliteFile, tensor: Any) -> bool:
    return bool(
        tensor.type == _Type.FLOAT32
        and tensor.sparsity is None
        and (data := file.data(tensor)) is not None
        and len(data) == 4 * num_values(tensor)
    )
