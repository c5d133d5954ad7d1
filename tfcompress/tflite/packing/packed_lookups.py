"""Puts operators that read a packed table in the place of the lookups of a plain one.

A lookup that multiplies by scales (`Lookup.is_scaled`) becomes a lookup of the integers, then

    CAST to float32 -> MUL by GATHER(scales (rows, 1), ids)

which are the kernel's own float32 products, bit for bit. The decoder of builtin operators gives
int4 values as int8: what reads them must be a CAST, and casts from int8 then.
"""

from typing import Any, Protocol

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfcompress.tflite.graph.fields import text
from tfcompress.tflite.graph.flatbuffer import TfliteFile
from tfcompress.tflite.graph.names import name_constant
from tfcompress.tflite.graph.readers import readers
from tfcompress.tflite.packing.lookups import LookupTable
from tfcompress.tflite.packing.uses import Lookup
from tfcompress.tflite.tables.scaled_rows import scale_rows

_Type = schema.TensorType


class RowsWriter(Protocol):
    """Writes one packed table, and the operators that read it, into a file."""

    @property
    def codec(self) -> str:
        """The mode the table is packed in."""
        ...

    @property
    def decoder(self) -> str:
        """What decodes it."""
        ...

    @property
    def constant_bytes(self) -> int:
        """What its constants take."""
        ...

    @property
    def operators_a_lookup(self) -> int:
        """Operators in the place of each lookup."""
        ...

    @property
    def gives_int8(self) -> bool:
        """Whether int4 values come as int8."""
        ...

    def rows(self, subgraph: Any, ids: int, output: int) -> list[Any]:
        """Operators that put the rows of `ids` into the tensor `output`."""
        ...

    def described(self) -> dict[str, Any]:
        """What the file's metadata say of the table besides what every packed table has."""
        ...


def replace_lookups(file: TfliteFile, table: LookupTable, writer: RowsWriter) -> list[str]:
    """Replaces all lookups of a table.

    Returns:
        list of str. Names of the constants that hold scales; none where the table has none.
    """
    kind = table.tensor.type
    if kind == _Type.INT4 and writer.gives_int8:
        kind = _Type.INT8
    name_constant(file.subgraphs, table.buffer, "")  # it goes to the packed table
    scales = _Scales(file, table)
    for lookup in table.lookups:
        subgraph = lookup.subgraph
        if lookup.is_scaled:
            made = _scaled_rows(lookup, kind, writer, scales)
        else:
            retype(file, subgraph, lookup.rows, kind)
            made = writer.rows(subgraph, lookup.ids, lookup.rows)
        operators = subgraph.operators
        place = next(k for k, operator in enumerate(operators) if operator is lookup.operator)
        operators[place : place + 1] = made
    return scales.names


def obstacle_to_builtin(file: TfliteFile, table: LookupTable) -> str | None:
    """Why the decoder of builtin operators cannot serve the lookups of a table; None if it can."""
    for lookup in table.lookups:
        tensors = lookup.subgraph.tensors
        if any(
            lookup.ids in operator.outputs and file.operator_name(operator) == "RANGE"
            for operator in lookup.subgraph.operators
        ):
            return "scores are taken against all rows, and only the delegate decodes so many fast"
        if tensors[lookup.ids].type != _Type.INT32:
            return "its ids are not int32, and builtin operators decode by int32"
        if table.tensor.type != _Type.INT4 or lookup.is_scaled:
            continue
        uses = [name for name, _, _ in readers(file, lookup.subgraph, lookup.rows)]
        others = [name for name in uses if name != "CAST"]
        if lookup.rows in lookup.subgraph.outputs:
            others.append("the model's output")
        if others:
            return f"{others[0]} reads its int4 rows, which builtin operators give as int8"
    return None


def retype(file: TfliteFile, subgraph: Any, tensor: int, kind: int) -> None:
    """Gives a tensor another type, and tells the CASTs that read it."""
    if subgraph.tensors[tensor].type == kind:
        return
    subgraph.tensors[tensor].type = kind
    for _, operator, _ in readers(file, subgraph, tensor):
        if operator.builtinOptions is not None:
            operator.builtinOptions.inDataType = kind


def _scaled_rows(lookup: Lookup, kind: int, writer: RowsWriter, scales: "_Scales") -> list[Any]:
    file, subgraph = scales.file, lookup.subgraph
    name = text(subgraph.tensors[lookup.rows].name)
    integers = file.add_like(subgraph, f"{name}/integers", lookup.rows, kind)
    floats = file.add_like(subgraph, f"{name}/floats", lookup.rows, _Type.FLOAT32)
    scaling = scale_rows(
        file,
        subgraph,
        lookup.ids,
        integers=integers,
        floats=floats,
        scales=scales.constant(subgraph),
        output=lookup.rows,
        name=f"{scales.name}/rows",
    )
    return [*writer.rows(subgraph, lookup.ids, integers), *scaling]


class _Scales:
    """The scales of a table as a constant of their own."""

    def __init__(self, file: TfliteFile, table: LookupTable) -> None:
        self.names: list[str] = []
        self.file = file
        self.name = f"{table.name}/scale"
        self._values = np.zeros(0, np.float32)
        if any(lookup.is_scaled for lookup in table.lookups):
            ones = [1] * (len(table.shape) - 1)
            values = np.asarray(table.tensor.quantization.scale, np.float32)
            self._values = values.reshape([-1, *ones]) if len(values) > 1 else values.reshape(())
            self._buffer = file.add_buffer(self._values)

    def constant(self, subgraph: Any) -> int:
        """The tensor of a subgraph that holds them."""
        made = self.file.add_constant_view(
            subgraph, self.name, self._values.shape, _Type.FLOAT32, self._buffer
        )
        name = text(subgraph.tensors[made].name)
        self.names += [name] if name not in self.names else []
        return made
