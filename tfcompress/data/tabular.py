"""CSV, TSV and Parquet: one interaction per row, columns by name."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from tfcompress.data.columns import Columns
from tfcompress.data.interactions import Batch
from tfcompress.data.lines import quote, row_error
from tfcompress.data.times import NotATimeError, to_numbers
from tfcompress.errors import DataError

_BLOCK_BYTES = 8 << 20
_PARQUET_ROWS = 1 << 18
_HEADER_BYTES = 1 << 16


def read(path: Path, format: str, columns: Columns) -> Iterator[Batch]:
    """Reads a table in pieces, of which it needs one at a time in memory.

    Args:
        path: Path. CSV and TSV may be compressed (.gz, .bz2, .zst).
        format: str. "csv", "tsv" or "parquet".
        columns: Columns. What to read, from `choose_columns`.

    Raises:
        DataError: a row has too many or too few fields, is not UTF-8, has no user or item, or a
            time that is neither a number nor a date.
    """
    return _read_parquet(path, columns) if format == "parquet" else _read_csv(path, format, columns)


def column_names(path: Path, format: str) -> list[str]:
    """The names in the header line, or in the schema of a Parquet file.

    Raises:
        DataError: the file is empty, not UTF-8 or not Parquet.
    """
    if format == "parquet":
        try:
            return list(pq.read_schema(path).names)
        except pa.ArrowException as error:
            reason = str(error).splitlines()[0]
            raise DataError(
                f"{path}: not a Parquet file ({reason}); see --format for others"
            ) from None
    header = _header_line(path)
    return next(csv.reader([header], delimiter=_delimiter(format, header)))


def _header_line(path: Path) -> str:
    with pa.input_stream(str(path)) as stream:
        start = stream.read(_HEADER_BYTES).removeprefix(b"\xef\xbb\xbf")
    lines = [line for line in re.split(rb"[\r\n]+", start) if line]
    if not lines:
        raise DataError(f"{path}: is empty; expected a header line and rows")
    try:
        return lines[0].decode()
    except UnicodeDecodeError:
        raise row_error(path, 1, "is not UTF-8", "convert the file to UTF-8") from None


def _delimiter(format: str, header: str) -> str:
    if format == "tsv":
        return "\t"
    return max(",;|\t", key=header.count)  # the comma where there is none of them


def _read_csv(path: Path, format: str, columns: Columns) -> Iterator[Batch]:
    delimiter = _delimiter(format, _header_line(path))
    # TSV as RecBole and MovieLens write it has no quoting: a quotation mark is a letter there.
    quoting = False if format == "tsv" else '"'
    tokens = pa.dictionary(pa.int32(), pa.string())
    types = {columns.user: tokens, columns.item: tokens}
    if columns.time is not None:
        types[columns.time] = pa.string()
    record = 2  # the header is the first one
    kind: str | None = None
    try:
        reader = arrow_csv.open_csv(
            path,
            # One thread: with more of them Arrow cannot tell which row is wrong.
            read_options=arrow_csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter, quote_char=quoting, newlines_in_values=bool(quoting)
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=types, include_columns=list(types), strings_can_be_null=False
            ),
        )
        for table in reader:
            for name in (columns.user, columns.item):
                empty = _first_empty(table[name])
                if empty is not None:
                    line = _line_of(path, record + empty, delimiter, quoting)
                    found = f"column {name!r} is empty"
                    raise row_error(path, line, found, "fill it in or remove the row")
            times = None
            if columns.time is not None:
                try:
                    times, kind = to_numbers(table[columns.time], kind)
                except NotATimeError as error:
                    line = _line_of(path, record + error.row, delimiter, quoting)
                    found = f"column {columns.time!r} holds {quote(error.value)}, {error}"
                    raise row_error(path, line, found, "correct it or the row's format") from None
            yield Batch(table[columns.user], table[columns.item], times)
            record += table.num_rows
    except pa.ArrowInvalid as error:
        raise _csv_error(path, str(error), delimiter, quoting) from None
    if record == 2:
        raise _no_rows(path)


def _first_empty(array: pa.DictionaryArray) -> int | None:
    code = pc.index(array.dictionary, "").as_py()
    return None if code < 0 else int(pc.index(array.indices, code).as_py())


def _csv_error(path: Path, message: str, delimiter: str, quoting: str | bool) -> DataError:
    match = re.search(r"Row #(\d+): (.*)", message, re.DOTALL)
    if match is None:
        if "Empty CSV" in message:
            return _no_rows(path)
        if "straddling" in message:
            return DataError(
                f"{path}: a row is longer than {_BLOCK_BYTES} bytes; close the quotation mark that "
                "some row opens"
            )
        return DataError(f"{path}: cannot be read as a table ({quote(message)}); check --format")
    line = _line_of(path, int(match[1]), delimiter, quoting)
    fields = re.match(r"Expected (\d+) columns, got (\d+): (.*)", match[2], re.DOTALL)
    if fields is not None:
        found = f"expected {fields[1]} fields as in the header, found {fields[2]}"
        return row_error(path, line, f"{found}: {quote(fields[3])}", "correct or remove the row")
    if "invalid UTF8" in match[2]:
        return row_error(path, line, "is not UTF-8", "convert the file to UTF-8")
    return row_error(path, line, quote(match[2]), "correct or remove the row")


def _no_rows(path: Path) -> DataError:
    return DataError(f"{path}: has a header but no rows; expected interactions below it")


def _line_of(path: Path, record: int, delimiter: str, quoting: str | bool) -> int:
    """The line a record (from 1, blank lines not counted) starts on; reads the file again."""
    with pa.input_stream(str(path)) as stream, _long_fields():
        text = io.TextIOWrapper(stream, "utf-8", errors="replace", newline="")
        if quoting:
            reader = csv.reader(text, delimiter=delimiter)
        else:
            reader = csv.reader(text, delimiter=delimiter, quoting=csv.QUOTE_NONE)
        last_line, seen = 0, 0
        for fields in reader:
            seen += bool(fields)
            if seen == record:
                return last_line + 1
            last_line = reader.line_num
    return record


@contextmanager
def _long_fields() -> Iterator[None]:
    """Lets the csv module read what Arrow reads: its own limit is 128 KiB a field."""
    before = csv.field_size_limit(_BLOCK_BYTES)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _read_parquet(path: Path, columns: Columns) -> Iterator[Batch]:
    used = (columns.user, columns.item, columns.time)
    names = list(dict.fromkeys(name for name in used if name is not None))
    row = 1
    kind: str | None = None
    with pq.ParquetFile(path) as file:
        for table in file.iter_batches(batch_size=_PARQUET_ROWS, columns=names):
            for name in names:
                if table[name].null_count:
                    missing = row + int(pc.index(table[name].is_null(), True).as_py())
                    raise DataError(
                        f"{path}, row {missing}: column {name!r} is missing (null); fill it in or "
                        "remove the row"
                    )
            users, items = (_parquet_tokens(path, name, table[name]) for name in used[:2] if name)
            times = None
            if columns.time is not None:
                try:
                    times, kind = to_numbers(table[columns.time], kind)
                except NotATimeError as error:
                    raise DataError(
                        f"{path}, row {row + error.row}: column {columns.time!r} holds "
                        f"{quote(error.value)}, {error}; correct it"
                    ) from None
            yield Batch(users, items, times)
            row += table.num_rows
    if row == 1:
        raise _no_rows(path)


def _parquet_tokens(path: Path, name: str, array: pa.Array) -> pa.Array:
    kind = array.type.value_type if pa.types.is_dictionary(array.type) else array.type
    if pa.types.is_uint64(kind):
        return array.cast(pa.string())  # the same type in every piece, whatever its values
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view()
    if text or pa.types.is_integer(kind):
        return array
    raise DataError(
        f"{path}: column {name!r} holds {kind}; tokens are strings or integers, convert it first"
    )
