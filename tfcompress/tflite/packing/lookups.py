"""Which constants of a file are tables that can be packed, and why the others cannot.

A constant can be packed when rows are all that is ever read of it: each of its readers, in every
subgraph, is a GATHER on axis 0 or an EMBEDDING_LOOKUP. A packed table is decoded row by row, so any
other reader would need the whole of it again.

An EMBEDDING_LOOKUP of integers with a float32 result multiplies by the scales of its table (the
"hybrid" kernel, as ai-edge-quantizer makes it); that too is a lookup, with scales.

A float16 constant that DEQUANTIZE makes float32 as a whole, for lookups only, as the converter
writes it, can be packed as well (`half_rows`).
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from tfcompress.codec.layout import Dtype
from tfcompress.tflite.graph.fields import (
    block_details,
    free_name,
    has_rank,
    indices,
    parameter_bytes,
    text,
)
from tfcompress.tflite.graph.flatbuffer import TYPE_NAMES, TfliteFile
from tfcompress.tflite.packing.uses import Lookup, Product, Use, constant_uses
from tfcompress.tflite.runtime.delegate_rows import CUSTOM_CODES

_Type = schema.TensorType
DTYPE_OF_KIND: dict[int, Dtype] = {
    _Type.INT8: "int8",
    _Type.UINT8: "uint8",
    _Type.INT4: "int4",
    _Type.FLOAT16: "float16",
    # Older runtimes GATHER no float16, so those are stored as int16; the codec takes any 16 bits.
    _Type.INT16: "float16",
    _Type.FLOAT32: "float32",
}
"""What the codec calls the values of a tensor."""
_ROWS_TO_COLUMNS = 8
_MIN_BYTES = 256
"""Smaller constants are not worth a word."""


@dataclass(frozen=True)
class LookupTable:
    """A constant that can be packed.

    Attributes:
        name: str. Its tensor's name, with a number behind it where another constant has it too.
        buffer: int. Its buffer.
        tensor: schema.TensorT. One of its tensors.
        lookups: list of Lookup. All its readers, but for `products`.
        products: list of Product. Where scores are taken against it; none in what can be packed.
    """

    name: str
    buffer: int
    tensor: Any
    lookups: list[Lookup] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)

    @property
    def dtype(self) -> Dtype:
        """What the codec calls the values."""
        return DTYPE_OF_KIND[self.tensor.type]

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows first."""
        return tuple(indices(self.tensor.shape))

    @property
    def columns(self) -> int:
        """Values in a row."""
        return int(np.prod(self.shape[1:], dtype=np.int64))

    def matrix(self, file: TfliteFile) -> NDArray[Any]:
        """The rows as the codec takes them: `(rows, columns)`, int4 as uint8 two values a byte."""
        stored = "uint8" if self.dtype == "int4" else self.dtype
        data = file.data(self.tensor)
        assert data is not None  # `find_tables` looks at constants only
        return np.asarray(data).view(stored).reshape(self.shape[0], -1)


@dataclass(frozen=True)
class LeftConstant:
    """A constant that stays as it is.

    Attributes:
        name: str. Its tensor's name.
        shape: tuple of int.
        dtype: str. Number type.
        bytes: int. Its data and quantisation parameters, as `inspect` counts them.
        reason: str. Why packing cannot help.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    bytes: int
    reason: str


def find_tables(
    file: TfliteFile, *, scored: bool = False, outputs: bool = False
) -> tuple[list[LookupTable], list[LeftConstant]]:
    """The constants that can be packed, and those that cannot; both largest first.

    Args:
        file: TfliteFile.
        scored: bool. Whether constants are found, too, that scores are taken against besides.
        outputs: bool. With `scored`: whether output matrices are found, too, that scores are taken
            against and nothing else (`is_output_matrix`).
    """
    found: dict[int, list[Use]] = {}
    left: list[LeftConstant] = []
    metadata = {entry.buffer for entry in file.model.metadata or []}
    for buffer, uses in constant_uses(file).items():
        data = file.model.buffers[buffer].data
        is_packed = any(use.reader in CUSTOM_CODES for use in uses)
        if len(data) < _MIN_BYTES or buffer in metadata or is_packed:
            continue
        tensor = uses[0].tensor
        reason = _obstacle(uses, scored, outputs)
        if reason is None:
            found[buffer] = uses
        else:
            left.append(left_constant(tensor, len(data), reason))
    tables = _named(file, found)
    tables.sort(key=lambda table: -len(file.model.buffers[table.buffer].data))
    return tables, sorted(left, key=lambda constant: -constant.bytes)


def _named(file: TfliteFile, found: dict[int, list[Use]]) -> list[LookupTable]:
    """The tables with these uses, each by a name that nothing else in the file has."""
    tensors = [tensor for subgraph in file.subgraphs for tensor in subgraph.tensors]
    every = {text(tensor.name) for tensor in tensors}
    taken = {text(tensor.name) for tensor in tensors if tensor.buffer not in found}
    tables = []
    for buffer, uses in found.items():
        tensor = uses[0].tensor
        name = text(tensor.name) or "table"
        name = free_name(name, taken | every) if name in taken else name
        taken.add(name)
        lookups = [use.lookup for use in uses if use.lookup is not None]
        products = [use.product for use in uses if use.product is not None]
        tables.append(LookupTable(name, buffer, tensor, lookups, products))
    return tables


def left_constant(tensor: Any, size: int, reason: str) -> LeftConstant:
    """A constant of `size` bytes that stays as it is, and its quantisation parameters."""
    shape = tuple(indices(tensor.shape))
    kind = TYPE_NAMES[tensor.type].lower()
    return LeftConstant(text(tensor.name), shape, kind, size + parameter_bytes(tensor), reason)


def is_output_matrix(shape: tuple[int, ...]) -> bool:
    """Whether weights of this shape are taken for one row an item, which scores are taken against.

    Other layers of a tower have about as many outputs as inputs.
    """
    return len(shape) == 2 and shape[0] >= _ROWS_TO_COLUMNS * shape[1]


def _obstacle(uses: list[Use], scored: bool, outputs: bool) -> str | None:
    """Why a constant with these uses cannot be packed; None when it can."""
    whole = [use for use in uses if use.lookup is None]
    lookups = [use.lookup for use in uses if use.lookup is not None]
    is_output = outputs and is_output_matrix(tuple(indices(uses[0].tensor.shape)))
    if not lookups and not (is_output and all(use.product for use in whole)):
        return f"{_listed(whole)} reads all of it"
    if others := [use for use in whole if not (scored and use.product)]:
        return f"rows are looked up, but {_listed(others)} reads all of it too"
    first = uses[0].tensor
    if any(
        use.tensor.type != first.type or indices(use.tensor.shape) != indices(first.shape)
        for use in uses
    ):
        return "its readers see it in different shapes or types"
    if len({_scales(use.tensor) for use in uses if use.lookup and use.lookup.is_scaled}) > 1:
        return "its readers see it with different scales"
    kind = TYPE_NAMES[first.type].lower()
    if first.type not in DTYPE_OF_KIND:
        return f"{kind} values are not packed"
    if first.sparsity is not None:
        return "it is stored sparse"
    if block_details(first) is not None:
        return "it has a scale for every block of a row"
    columns = np.prod(indices(first.shape)[1:], dtype=np.int64)
    if first.type == _Type.INT4 and columns % 2:
        return "its rows of int4 are not whole bytes"
    return next((reason for lookup in lookups if (reason := _lookup_obstacle(lookup))), None)


def _scales(tensor: Any) -> tuple[float, ...]:
    scale = None if tensor.quantization is None else tensor.quantization.scale
    return () if scale is None else tuple(map(float, scale))


def _lookup_obstacle(lookup: Lookup) -> str | None:
    tensors = lookup.subgraph.tensors
    table, rows = tensors[lookup.table], tensors[lookup.rows]
    ids = tensors[lookup.ids]
    if not (has_rank(ids) and has_rank(rows)):
        return "the rank of its ids is not known"
    if ids.type not in (_Type.INT32, _Type.INT64):
        return f"its ids are {TYPE_NAMES[ids.type].lower()}"
    # Runtimes go by the shapes of the table and the ids, whatever is stated of the rows.
    if indices(rows.shape)[len(indices(ids.shape)) :] != indices(table.shape)[1:]:
        return "its rows are stated in another shape than they have"
    if not lookup.is_scaled:
        return None
    if rows.type != _Type.FLOAT32 or table.type not in (_Type.INT8, _Type.INT4):
        kinds = f"{TYPE_NAMES[table.type]} to {TYPE_NAMES[rows.type]}".lower()
        return f"{lookup.name} turns {kinds}, which packed rows do not"
    quantization = table.quantization
    if quantization is None or quantization.scale is None or not len(quantization.scale):
        return "it has no scale"
    return None


def _listed(uses: list[Use]) -> str:
    return " and ".join(dict.fromkeys(use.reader for use in uses))
