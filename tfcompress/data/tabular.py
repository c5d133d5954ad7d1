"""Tables of interactions: one per row, the user, the item and the time in columns."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from tfcompress.data import criteo, delimited, movielens, parquet
from tfcompress.data.bad_rows import BadRows, Defect, is_utf8, token_defects
from tfcompress.data.columns import Columns
from tfcompress.data.delimited import Layout, Piece
from tfcompress.data.interactions import Batch
from tfcompress.data.lines import quote, row_error
from tfcompress.data.times import Times, to_numbers, what_is_wrong
from tfcompress.errors import DataError

FORMATS = ("csv", "tsv", "parquet", "recbole", "movielens", "criteo")


def read(path: Path, format: str, columns: Columns, bad: BadRows) -> Iterator[Batch]:
    """Reads a table in pieces, of which it needs one at a time in memory.

    Args:
        path: Path. Text may be compressed (.gz, .bz2, .zst).
        format: str. One of `FORMATS`.
        columns: Columns. What to read, from `choose_columns`.
        bad: BadRows. Told of rows that have too many or too few fields; no user or no item, or one
            that is not UTF-8 or holds a zero byte or a line break; or a time that is neither a
            number nor a date, or beyond 64 bits, or of more than 53 bits beside fractions.

    Raises:
        DataError: there are no rows, or the file is damaged or not of this format.
    """
    used = (columns.user, columns.item, columns.time)
    names = list(dict.fromkeys(name for name in used if name is not None))
    kind: str | None = None
    for piece in read_columns(path, format, names, bad):
        defects = []
        for name in dict.fromkeys((columns.user, columns.item)):
            _check_type(
                path, name, piece.columns[name], _is_token, "tokens are strings or integers"
            )
            defects += token_defects(name, piece.columns[name])
        times = None
        if columns.time is not None:
            what = "times are numbers, dates or strings"
            _check_type(path, columns.time, piece.columns[columns.time], _is_time, what)
            times = to_numbers(_as_text(piece.columns[columns.time]), kind)
            kind = times.kind
            defects += _time_defects(columns.time, piece.columns[columns.time], times)
        keep = bad.screen(path, defects, piece.place)
        kept = None if keep is None else pa.array(keep)
        numbers = None if times is None else times.numbers if keep is None else times.numbers[keep]
        users, items = (
            as_tokens(piece.columns[name], kept) for name in (columns.user, columns.item)
        )
        yield Batch(users, items, numbers)


def read_columns(path: Path, format: str, names: Sequence[str], bad: BadRows) -> Iterator[Piece]:
    """The columns as they stand in the file; arguments and errors as of `read`."""
    if format == "parquet":
        return parquet.read(path, names, bad)
    return delimited.read(path, _layout(path, format), names, bad)


def column_names(path: Path, format: str) -> list[str]:
    """The names in the header line or the schema, or those that the format gives its columns.

    Raises:
        DataError: the file is empty, not UTF-8 or not of this format.
    """
    if format == "parquet":
        return parquet.column_names(path)
    layout = _layout(path, format)
    if layout.names:
        return list(layout.names)
    header = delimited.header_line(path)
    if layout.quoting:
        return next(csv.reader([header], delimiter=layout.delimiter))
    names = header.split(layout.delimiter)
    for name in names:
        if len(name) > 1 and name[0] == name[-1] == '"':
            found = f"column {name} is in quotation marks, which are letters in {format}"
            advice = "write the file without them"
            if format == "tsv":
                advice += ", or choose --format csv, which has them and takes tabs"
            raise row_error(path, 1, found, advice)
    return names


def as_tokens(column: pa.Array, keep: pa.Array | None = None) -> pa.Array:
    """A column that was screened as tokens: strings, dictionary-encoded or not, or integers."""
    if keep is not None:
        column = column.filter(keep)
        if pa.types.is_dictionary(column.type):
            # The dictionary still has the tokens of rows that are gone.
            column = column.dictionary_decode().dictionary_encode()
    if pa.types.is_dictionary(column.type):
        values = column.dictionary
        if not pa.types.is_integer(values.type):
            values = values.cast(pa.string())
        return pa.DictionaryArray.from_arrays(column.indices, values)
    if pa.types.is_uint64(column.type):
        return column.cast(pa.string())  # the same type in every piece, whatever its values
    return column


def _layout(path: Path, format: str) -> Layout:
    if format == "movielens":
        return movielens.layout(path)
    if format == "criteo":
        return criteo.layout(path)
    if format == "csv":
        header = delimited.header_line(path)
        # The comma where there is none of them.
        return Layout(max(",;|\t", key=header.count), quoting=True)
    # TSV as RecBole and others write it has no quoting: a quotation mark is a letter there.
    return Layout("\t")


def _check_type(
    path: Path, name: str, column: pa.Array, fits: Callable[[pa.DataType], bool], what: str
) -> None:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not fits(kind):
        raise DataError(f"{path}: column {name!r} holds {kind}; {what}, convert it first")


def _is_token(kind: pa.DataType) -> bool:
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    is_text = is_text or pa.types.is_binary(kind) or kind == pa.string_view()
    return bool(is_text or pa.types.is_integer(kind))


def _is_time(kind: pa.DataType) -> bool:
    is_number = pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return bool(
        _is_token(kind) or is_number or pa.types.is_date(kind) or pa.types.is_timestamp(kind)
    )


def _as_text(column: pa.Array) -> pa.Array:
    """A column of times, bytes as strings; what is not UTF-8 is no time afterwards either."""
    if not pa.types.is_dictionary(column.type) or not pa.types.is_binary(column.type.value_type):
        return column
    values = column.dictionary
    if is_utf8(values):
        values = values.cast(pa.string())
    else:
        values = pa.array([value.decode(errors="replace") for value in values.to_pylist()])
    return pa.DictionaryArray.from_arrays(column.indices, values)


def _time_defects(name: str, column: pa.Array, times: Times) -> list[Defect]:
    if times.wrong is None:
        return []

    def describe(row: int) -> tuple[str, str]:
        value = _as_text(column.slice(row, 1))[0].as_py()
        found = f"column {name!r} holds {quote(str(value))}, {what_is_wrong(value, times.kind)}"
        return found, "correct it"

    return [Defect(times.wrong, describe)]
