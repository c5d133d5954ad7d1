"""Packs the tables of any .tflite: the same model, whose lookups decode only the rows they read.

Every constant that is read row by row (`lookups`) is packed without loss, and each of its lookups
gives way to operators that write the same tensor: same values, name, type and shape. What would not
get smaller stays. The rest of the file, its signatures and its associated files stay as they are.

A lookup that multiplies by scales (`Lookup.is_scaled`) becomes a lookup of the integers, then

    CAST to float32 -> MUL by GATHER(scales (rows, 1), ids)

which are the kernel's own float32 products, bit for bit.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from tfcompress import codec as row_codec
from tfcompress.codec.layout import MODES
from tfcompress.errors import ConfigError
from tfcompress.tflite.check import check_packed
from tfcompress.tflite.delegate_rows import DelegateRows
from tfcompress.tflite.flatbuffer import TYPE_NAMES, TfliteFile, read
from tfcompress.tflite.integer_rows import CAST_VERSION
from tfcompress.tflite.lookups import (
    LeftConstant,
    Lookup,
    LookupTable,
    find_tables,
    left_constant,
)
from tfcompress.tflite.packed_metadata import Entry, add_packed_entries
from tfcompress.tflite.prune import prune
from tfcompress.tflite.runtime_version import raise_runtime_version
from tfcompress.tflite.unpack import unpack_file

CODECS = ("auto", *MODES)
TARGETS = ("builtin", "delegate")
_Type = schema.TensorType

_TABLE_OVERHEAD = 800
"""Bytes that a packed table takes besides its constants: its metadata, its tensor."""
_OPERATOR_BYTES = 150
"""Bytes of an operator and the tensor it writes."""


@dataclass(frozen=True)
class PackedConstant:
    """A table that was packed.

    Attributes:
        name: str. Its tensor's name.
        rows: int. Rows.
        cols: int. Values in a row.
        dtype: str. Number type of the values.
        codec: str. The mode it was packed in.
        raw_bytes: int. What it took.
        packed_bytes: int. What its constants take now.
    """

    name: str
    rows: int
    cols: int
    dtype: str
    codec: str
    raw_bytes: int
    packed_bytes: int


@dataclass(frozen=True)
class Packing:
    """A packed file and what was done to it.

    Attributes:
        content: bytes. The file.
        packed: tuple of PackedConstant, largest first.
        left: tuple of LeftConstant, largest first. Constants that stay as they are.
    """

    content: bytes
    packed: tuple[PackedConstant, ...]
    left: tuple[LeftConstant, ...]


def pack(model_bytes: bytes, *, codec: str = "auto", target: str = "builtin") -> bytes:
    """Packs the tables of a .tflite; see `pack_model`, which also says what was done."""
    return pack_model(model_bytes, codec=codec, target=target).content


def pack_model(content: bytes, *, codec: str = "auto", target: str = "builtin") -> Packing:
    """Packs the tables of a .tflite without loss.

    Args:
        content: bytes. Any .tflite file. What is packed in it already is packed anew.
        codec: str. "auto" (the smallest), or a mode: "fixed", "indexed", "context", "predictive";
            "raw" packs rows as they are.
        target: str. "builtin": rows are decoded by builtin operators, on any stock runtime;
            "delegate": by a custom operator that the package's delegate serves.

    Returns:
        Packing.

    Raises:
        ConfigError: an argument cannot be used.
        ModelError: it is no .tflite file, or it is damaged.
    """
    if codec not in CODECS:
        raise ConfigError(f"codec: got {codec!r}, expected one of {', '.join(CODECS)}")
    if target not in TARGETS:
        raise ConfigError(f"target: got {target!r}, expected one of {', '.join(TARGETS)}")
    file = read(content)
    unpack_file(file)
    packed, left = pack_file(file, codec, target)
    result = file.to_bytes()
    check_packed(result)
    return Packing(result, tuple(packed), tuple(left))


def pack_file(
    file: TfliteFile, codec: str, target: str
) -> tuple[list[PackedConstant], list[LeftConstant]]:
    """Packs the tables of a file in place; arguments and results as those of `pack_model`."""
    tables, left = find_tables(file)
    packed: list[PackedConstant] = []
    entries: dict[str, Entry] = {}
    for table in tables:
        matrix = table.matrix(file)
        writer = _writer(file, table, matrix, codec, target)
        size = _TABLE_OVERHEAD + writer.constant_bytes
        size += len(table.lookups) * writer.operators_a_lookup * _OPERATOR_BYTES
        if size >= matrix.nbytes and codec != "raw":
            reason = f"it would not get smaller ({size:,} bytes packed)"
            left.append(left_constant(table.tensor, matrix.nbytes, reason))
            continue
        done = PackedConstant(
            name=table.name,
            rows=table.shape[0],
            cols=table.columns,
            dtype=TYPE_NAMES[table.tensor.type].lower(),
            codec=writer.codec,
            raw_bytes=matrix.nbytes,
            packed_bytes=writer.constant_bytes,
        )
        packed.append(done)
        entries[table.name] = _entry(table, done, target)
        _replace_lookups(file, table, writer)
    prune(file)
    add_packed_entries(file, entries)
    raise_runtime_version(file)
    return packed, sorted(left, key=lambda constant: -constant.bytes)


class RowsWriter(Protocol):
    """Writes one packed table, and the operators that read it, into a file."""

    @property
    def codec(self) -> str:
        """The mode the table is packed in."""
        ...

    @property
    def constant_bytes(self) -> int:
        """What its constants take."""
        ...

    @property
    def operators_a_lookup(self) -> int:
        """Operators in the place of each lookup."""
        ...

    def rows(self, subgraph: Any, ids: int, output: int) -> list[Any]:
        """Operators that put the rows of `ids` into the tensor `output`."""
        ...


def _writer(
    file: TfliteFile, table: LookupTable, matrix: NDArray[Any], codec: str, target: str
) -> RowsWriter:
    if target == "builtin":
        raise ConfigError("target: 'builtin' does not decode packed rows yet; use 'delegate'")
    dtype, columns = ("int4", table.columns) if table.dtype == "int4" else (None, None)
    packed = row_codec.pack(matrix, codec, dtype=dtype, columns=columns)
    return DelegateRows(file, table.name, packed)


def _entry(table: LookupTable, done: PackedConstant, target: str) -> Entry:
    """What the metadata says of a packed table."""
    lookup = table.lookups[0]
    return {
        "name": done.name,
        "rows": done.rows,
        "cols": done.cols,
        "dtype": done.dtype,
        "codec": done.codec,
        "packed": {
            "target": target,
            # Integers that a kernel multiplied by scales come back as a GATHER.
            "operator": "GATHER" if lookup.is_scaled else lookup.name,
            "shape": list(table.shape),
            "raw_bytes": done.raw_bytes,
            "packed_bytes": done.packed_bytes,
        },
    }


def _replace_lookups(file: TfliteFile, table: LookupTable, writer: RowsWriter) -> None:
    """Puts operators that read the packed table in the place of those that read the table."""
    for lookup in table.lookups:
        lookup.subgraph.tensors[lookup.table].name = ""  # it goes to the packed table
    scales = _Scales(file, table)
    for lookup in table.lookups:
        operators = lookup.subgraph.operators
        place = next(k for k, operator in enumerate(operators) if operator is lookup.operator)
        operators[place : place + 1] = _rows(file, table, lookup, writer, scales)


def _rows(
    file: TfliteFile, table: LookupTable, lookup: Lookup, writer: RowsWriter, scales: "_Scales"
) -> list[Any]:
    subgraph, name = lookup.subgraph, table.name
    if not lookup.is_scaled:
        return writer.rows(subgraph, lookup.ids, lookup.rows)
    integers = file.add_like(subgraph, f"{name}/integers", lookup.rows, table.tensor.type)
    floats = file.add_like(subgraph, f"{name}/floats", lookup.rows, _Type.FLOAT32)
    scaling, scale = scales.rows(subgraph, lookup)
    return [
        *writer.rows(subgraph, lookup.ids, integers),
        file.operator("CAST", [integers], [floats], version=CAST_VERSION[table.tensor.type]),
        *scaling,
        file.operator("MUL", [floats, scale], [lookup.rows], schema.MulOptionsT()),
    ]


class _Scales:
    """The scales of a table as a constant of their own."""

    def __init__(self, file: TfliteFile, table: LookupTable) -> None:
        self._file = file
        self._name = f"{table.name}/scale"
        self._values = np.zeros(0, np.float32)
        if any(lookup.is_scaled for lookup in table.lookups):
            ones = [1] * (len(table.shape) - 1)
            values = np.asarray(table.tensor.quantization.scale, np.float32)
            self._values = values.reshape([-1, *ones]) if len(values) > 1 else values.reshape(())
            self._buffer = file.add_buffer(self._values)

    def rows(self, subgraph: Any, lookup: Lookup) -> tuple[list[Any], int]:
        """Operators that give the scales of the rows looked up, and the tensor that holds them."""
        file, shape = self._file, self._values.shape
        constant = file.add_constant_view(subgraph, self._name, shape, _Type.FLOAT32, self._buffer)
        if not shape:
            return [], constant
        gathered = file.add_like(
            subgraph, f"{self._name}/rows", lookup.rows, _Type.FLOAT32, last=shape[1:]
        )
        gather = schema.GatherOptionsT()
        return [file.operator("GATHER", [constant, lookup.ids], [gathered], gather)], gathered
