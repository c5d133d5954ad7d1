"""The number type of the tables in a file: float32 constants become float16, int8 or int4.

A constant is rewritten when it is a known table and rows are gathered from it. Its readers decide
what it can become:

| reader | float16 | int8, int4 |
| --- | --- | --- |
| GATHER on axis 0, EMBEDDING_LOOKUP (rows) | yes | yes |
| FULLY_CONNECTED weights (tied outputs) | refused, it would take a float32 copy | yes |
| anything else, table of one column | read as float32 numbers, one a row | as float16 |
| anything else | refused | refused |

Tables narrower than 8 columns become float16 where int8 or int4 is asked for (a scale a row would
cost as much as it saves), unless scores are taken against them. A row of an odd number of values
takes int8 where int4 is asked for: GATHER copies whole bytes.

A table that comes with a `TransformedTable` is stored as that says, whatever the number type.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from tfcompress.choices import TableDtype
from tfcompress.errors import ConfigError
from tfcompress.quantization import Granularity
from tfcompress.rate_distortion import TransformedTable
from tfcompress.tflite.graph.fields import indices
from tfcompress.tflite.graph.flatbuffer import TYPE_NAMES, TfliteFile
from tfcompress.tflite.graph.readers import is_row_lookup, readers
from tfcompress.tflite.tables.constants import NARROW_COLUMNS, ModelTable, TableConstant
from tfcompress.tflite.tables.float16_rows import Float16Rows
from tfcompress.tflite.tables.integer_rows import IntegerRows
from tfcompress.tflite.tables.transformed_rows import TransformedRows

TABLE_DTYPES: tuple[TableDtype, ...] = get_args(TableDtype)


@dataclass(frozen=True)
class StoredTable:
    """What became of a table.

    Attributes:
        name: str. The name of the table.
        rows: int. Rows.
        columns: int. Values in a row.
        dtype: str. The number type of its values: "float32", "float16", "int8", "int4", "int32".
        tied: bool. Whether all of it is read too, to score every id.
        tensors: tuple of str. Names of the constants that hold it.
        granularity: str or None. "per_row", "per_table" or "per_class" for integers with scales.
        snr_db: float or None. Signal-to-noise ratio; None where nothing was rounded.
        value: array or None. The stored values as float32; None where nothing was rounded.
        transform: dict or None. Of a transformed table, what `metadata` lists.
    """

    name: str
    rows: int
    columns: int
    dtype: str
    tied: bool
    tensors: tuple[str, ...]
    granularity: str | None = None
    snr_db: float | None = None
    value: NDArray[np.float32] | None = None
    transform: dict[str, Any] | None = None


_Writer = Float16Rows | IntegerRows | TransformedRows


@dataclass(frozen=True)
class _Uses:
    """What a table is read for; `others` are the names of operators."""

    rows: bool
    products: bool
    others: list[str]

    @property
    def is_tied(self) -> bool:
        return self.products or bool(self.others)


def store_tables(
    file: TfliteFile,
    constants: dict[str, TableConstant],
    table_dtype: TableDtype,
    granularity: Granularity = "per_row",
    *,
    transformed: Mapping[str, TransformedTable] | None = None,
    folded: Collection[str] = (),
) -> dict[str, StoredTable]:
    """Rewrites the tables of a file to a number type.

    Args:
        file: TfliteFile. Changed in place; the old constants are left for `prune`.
        constants: dict str -> TableConstant, from `name_tables`.
        table_dtype: str. "float32", "float16", "int8" or "int4".
        granularity: str. "per_row" or "per_table", for the integers.
        transformed: mapping str -> TransformedTable, or None. By table name; the others take
            `table_dtype`.
        folded: collection of str. Those of them whose readers take rows without rotation.

    Returns:
        dict str -> StoredTable by the names of `constants`.

    Raises:
        ConfigError: a table is read in a way that its new type does not allow, or holds numbers it
            cannot hold.
    """
    stored: dict[str, StoredTable] = {}
    given = transformed or {}
    for constant in constants.values():
        name = constant.table.name
        if name in stored:
            continue
        if name in given:
            writer = TransformedRows(file, constant.table, given[name], is_folded=name in folded)
            stored[name] = _store_transformed(file, constant, writer)
        else:
            stored[name] = _store(file, constant, table_dtype, granularity)
    return {name: stored[constant.table.name] for name, constant in constants.items()}


def _store(
    file: TfliteFile, constant: TableConstant, table_dtype: TableDtype, granularity: Granularity
) -> StoredTable:
    table = constant.table
    places = [(subgraph, constant.places(subgraph)) for subgraph in file.subgraphs]
    tensors = [subgraph.tensors[index] for subgraph, found in places for index in found]
    uses = _uses(file, places)
    dtype = _dtype_of(table, uses, table_dtype)
    size = (table.name, table.rows, table.columns)
    if dtype is None:
        kind = TYPE_NAMES[tensors[0].type].lower()
        return StoredTable(*size, kind, uses.is_tied, constant.tensors)
    writer: Float16Rows | IntegerRows
    if dtype == "float16":
        writer = Float16Rows(file, table)
    else:
        writer = IntegerRows(file, table, int(dtype.removeprefix("int")), granularity)
    return _written(file, table, places, uses, writer)


def _store_transformed(
    file: TfliteFile, constant: TableConstant, writer: TransformedRows
) -> StoredTable:
    places = [(subgraph, constant.places(subgraph)) for subgraph in file.subgraphs]
    uses = _uses(file, places)
    if uses.others:
        raise ConfigError(
            f"transformed: {constant.table.name} cannot be transformed, because {uses.others[0]} "
            "reads all of it as float32; leave it out"
        )
    return _written(file, constant.table, places, uses, writer)


def _written(
    file: TfliteFile,
    table: ModelTable,
    places: list[tuple[Any, set[int]]],
    uses: _Uses,
    writer: _Writer,
) -> StoredTable:
    """Lets the writer take the place of the table, and says what it stored."""
    for subgraph, found in places:
        for index in found:
            subgraph.tensors[index].name = ""  # it goes to what takes its place
    for subgraph, found in places:
        _rewrite(file, subgraph, found, writer)
    return StoredTable(
        table.name,
        table.rows,
        table.columns,
        writer.dtype,
        uses.is_tied,
        tuple(writer.tensors),
        None if isinstance(writer, Float16Rows) else writer.granularity,
        writer.snr_db,
        writer.value,
        writer.transform if isinstance(writer, TransformedRows) else None,
    )


def _uses(file: TfliteFile, places: list[tuple[Any, set[int]]]) -> _Uses:
    rows = products = False
    others = []
    for subgraph, found in places:
        for index in found:
            for name, operator, slot in readers(file, subgraph, index):
                if is_row_lookup(name, operator, slot):
                    rows = True
                elif name == "FULLY_CONNECTED" and slot == 1:
                    products = True
                else:
                    others.append(name)
            if index in subgraph.outputs:
                others.append("the model's output")
    return _Uses(rows, products, others)


def _dtype_of(table: ModelTable, uses: _Uses, table_dtype: TableDtype) -> str | None:
    """The type a table is stored in; None to leave it as it is."""
    if table_dtype == "float32" or table.value.dtype != np.float32 or not uses.rows:
        return None
    if table.columns == 1:
        return "float16"
    dtype: str = table_dtype
    if table.columns < NARROW_COLUMNS and not uses.products:
        dtype = "float16"
    elif dtype == "int4" and table.columns % 2:
        dtype = "int8"
    if uses.others:
        raise ConfigError(
            f"table_dtype: {table.name} cannot be {table_dtype}, because {uses.others[0]} reads "
            "all of it as float32; use table_dtype='float32'"
        )
    if uses.products and dtype == "float16":
        raise ConfigError(
            f"table_dtype: {table.name} cannot be float16, because scores are taken against it "
            "(tied outputs) and TFLite would first make all of it float32; use table_dtype='int8', "
            "'int4' or 'float32'"
        )
    return dtype


def _rewrite(file: TfliteFile, subgraph: Any, places: set[int], writer: _Writer) -> None:
    """Puts the writer's operators in the place of those that read the tensors `places`."""
    operators: list[Any] = []
    whole: dict[int, int] = {}
    for operator in subgraph.operators:
        name = file.operator_name(operator)
        slots = [slot for slot, index in enumerate(operator.inputs) if index in places]
        if not slots:
            operators.append(operator)
        elif is_row_lookup(name, operator, slots[0]):
            # GATHER takes (table, ids), EMBEDDING_LOOKUP (ids, table).
            ids = operator.inputs[1 - slots[0]]
            operators += writer.rows(subgraph, ids, operator.outputs[0])
        elif not isinstance(writer, Float16Rows):
            operators += writer.product(subgraph, operator)
        else:
            for slot in slots:
                index = operator.inputs[slot]
                if index not in whole:
                    shape = tuple(indices(subgraph.tensors[index].shape))
                    made, whole[index] = writer.whole(subgraph, shape)
                    operators += made
                operator.inputs[slot] = whole[index]
            operators.append(operator)
    subgraph.operators = operators
