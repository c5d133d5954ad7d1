"""Tables of any file that stand for float numbers, and the same file with them as float32.

Whatever number type a table has, a file in which it is float32, read by plain lookups, is the place
to try other values in: `make_float` writes it once, and then one buffer a table is all that
changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from tfcompress.tflite.graph.fields import free_name, text
from tfcompress.tflite.graph.flatbuffer import TYPE_NAMES, TfliteFile
from tfcompress.tflite.graph.names import name_constant
from tfcompress.tflite.graph.operator_versions import KEEP_DIMENSIONS_VERSION
from tfcompress.tflite.packing.float_rows import FloatRows, float_rows, float_scores, weight_scales
from tfcompress.tflite.packing.lookups import (
    LeftConstant,
    LookupTable,
    find_tables,
    left_constant,
)
from tfcompress.tflite.tables.column_blocks import activation
from tfcompress.tflite.tables.constants import ModelTable, TableConstant
from tfcompress.tflite.tables.integer_rows import unpack_int4

_Type = schema.TensorType
_ID_TYPES = (_Type.INT32, _Type.INT64)
"""Of ids that the operators of a coded table take."""


@dataclass(frozen=True)
class FloatTable:
    """A table of a file that stands for floats.

    Attributes:
        table: LookupTable.
        rows: tuple of FloatRows. For each of its lookups.
        scores: tuple of FloatRows. For each of its products.
    """

    table: LookupTable
    rows: tuple[FloatRows, ...]
    scores: tuple[FloatRows, ...] = ()

    @property
    def name(self) -> str:
        """The name of the table's tensor."""
        return self.table.name

    @property
    def float_bytes(self) -> int:
        """What it takes as float32."""
        return 4 * self.table.shape[0] * self.table.columns

    def left(self, file: TfliteFile, reason: str) -> LeftConstant:
        """The same as a constant that stays."""
        return _left(file, self.table, reason)

    def value(self, file: TfliteFile) -> NDArray[np.float32]:
        """The numbers it stands for: float32 array, in the shape of the table."""
        table, first = self.table, (*self.rows, *self.scores)[0]
        matrix = table.matrix(file)
        if first.scales is None:
            return matrix.astype(np.float32).reshape(table.shape)
        integers = unpack_int4(matrix) if table.dtype == "int4" else matrix
        values = (integers.astype(np.int32) - first.zero_point).astype(np.float32)
        return (values * first.scales[:, None]).reshape(table.shape)


def find_float_tables(
    file: TfliteFile, *, outputs: bool = False
) -> tuple[list[FloatTable], list[LeftConstant]]:
    """The tables that stand for floats, and the constants that do not; both largest first.

    Args:
        file: TfliteFile.
        outputs: bool. Whether output matrices are tables, too (`lookups.is_output_matrix`).
    """
    tables, left = find_tables(file, scored=True, outputs=outputs)
    found = []
    for table in tables:
        made = _float_table(file, table)
        if isinstance(made, str):
            left.append(_left(file, table, made))
        else:
            found.append(made)
    # Scales of rows are looked up as well; they go where their table becomes floats.
    scales = {buffer for table in found for buffer in _scale_buffers(table)}
    found = [table for table in found if table.table.buffer not in scales]
    return found, sorted(left, key=lambda constant: -constant.bytes)


def make_float(file: TfliteFile, tables: Sequence[FloatTable]) -> dict[str, TableConstant]:
    """Makes tables float32, and what reads them lookups of floats.

    Args:
        file: TfliteFile. Changed in place; the old constants are left for `prune`.
        tables: sequence of FloatTable, of this file.

    Returns:
        dict str -> TableConstant: values of the tables and where they are now, in their order. The
        names are those of the tables, with a number behind where another tensor has it too.
    """
    constants = {}
    for table in tables:
        value = table.value(file)
        name_constant(file.subgraphs, table.table.buffer, "")  # it goes to the floats
        taken = {text(tensor.name) for subgraph in file.subgraphs for tensor in subgraph.tensors}
        name = free_name(table.name, taken)
        _replace_readers(file, table, name, file.add_buffer(value))
        constants[name] = TableConstant(ModelTable(name, value), (name,))
    return constants


def write_floats(file: TfliteFile, constant: TableConstant, value: NDArray[np.float32]) -> None:
    """Puts other values into a table of floats, wherever it stands in a file."""
    content: Any = np.ascontiguousarray(value, np.float32).reshape(-1).view(np.uint8)
    for subgraph in file.subgraphs:
        for index in constant.places(subgraph):
            file.model.buffers[subgraph.tensors[index].buffer].data = content


def _replace_readers(file: TfliteFile, table: FloatTable, name: str, buffer: int) -> None:
    """Lets lookups and products read the floats in a buffer, and drops what scaled them."""
    shape = table.table.shape
    for lookup, rows in zip(table.table.lookups, table.rows, strict=True):
        subgraph = lookup.subgraph
        floats = file.add_constant_view(subgraph, name, shape, _Type.FLOAT32, buffer)
        gone = rows.operators(file, subgraph)
        if lookup.name == "GATHER":
            inputs, options = [floats, lookup.ids], schema.GatherOptionsT()
        else:
            inputs, options = [lookup.ids, floats], None
        made = file.operator(lookup.name, inputs, [rows.output], options)
        _replace(subgraph, lookup.operator, made, gone)
    for product, scores in zip(table.table.products, table.scores, strict=True):
        subgraph, operator = product.subgraph, product.operator
        floats = file.add_constant_view(subgraph, name, shape, _Type.FLOAT32, buffer)
        options = operator.builtinOptions or schema.FullyConnectedOptionsT()
        options.asymmetricQuantizeInputs = False
        for multiply in scores.behind:
            options.fusedActivationFunction = activation(multiply)
        inputs = [operator.inputs[0], floats, *operator.inputs[2:]]
        made = file.operator(
            "FULLY_CONNECTED", inputs, [scores.output], options, version=KEEP_DIMENSIONS_VERSION
        )
        _replace(subgraph, operator, made, list(scores.behind))


def _replace(subgraph: schema.SubGraphT, old: object, new: object, gone: list[object]) -> None:
    subgraph.operators = [
        new if operator is old else operator
        for operator in subgraph.operators
        if not any(operator is part for part in gone)
    ]


def _float_table(file: TfliteFile, table: LookupTable) -> FloatTable | str:
    if len(table.shape) < 2:
        return "its rows are single numbers"
    for lookup in table.lookups:
        if (kind := lookup.subgraph.tensors[lookup.ids].type) not in _ID_TYPES:
            return f"its ids are {TYPE_NAMES[kind].lower()}"
    rows = []
    for lookup in table.lookups:
        found = float_rows(file, table, lookup)
        if isinstance(found, str):
            return found
        rows.append(found)
    if any(not _same(rows[0], other) for other in rows):
        return "its readers see it with different scales"
    scales = rows[0].scales if rows else weight_scales(table.products[0])
    scores = []
    for product in table.products:
        made = float_scores(file, table, product, scales)
        if isinstance(made, str):
            return made
        scores.append(made)
    return FloatTable(table, tuple(rows), tuple(scores))


def _scale_buffers(table: FloatTable) -> list[int]:
    """Of the constants that its rows are multiplied by right behind their lookups."""
    return [
        lookup.subgraph.tensors[rows.scaling.scales].buffer
        for lookup, rows in zip(table.table.lookups, table.rows, strict=True)
        if rows.scaling is not None
    ]


def _same(one: FloatRows, other: FloatRows) -> bool:
    if one.scales is None or other.scales is None:
        return one.scales is other.scales
    return one.zero_point == other.zero_point and np.array_equal(one.scales, other.scales)


def _left(file: TfliteFile, table: LookupTable, reason: str) -> LeftConstant:
    return left_constant(table.tensor, table.matrix(file).nbytes, reason)
