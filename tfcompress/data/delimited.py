"""CSV and its kin: text whose rows are fields between delimiters, read column by column."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from tfcompress.data.bad_rows import BadRows
from tfcompress.data.byte_stream import BYTE_ORDER_MARK, UNIT_SEPARATOR, RewrittenStream
from tfcompress.data.lines import quote, row_error
from tfcompress.errors import DataError

_BLOCK_BYTES = 8 << 20
_START_BYTES = 1 << 16
_WHOLE_LINE = re.compile(rb"[^\r\n][\r\n]")
_BLANKS = r"^[ \t]+|[ \t]+$"
_OPEN_QUOTE = (
    "a quotation mark opens in this row and is not closed before a delimiter",
    "close it, or double those that belong to the text",
)


@dataclass(frozen=True)
class Layout:
    """How the rows are written.

    Attributes:
        delimiter: str. One character, or "::".
        quoting: bool. Whether fields may stand in quotation marks, with line breaks inside.
        names: tuple of str. The columns of a file without a header; empty where it has one.
    """

    delimiter: str
    quoting: bool = False
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Piece:
    """Some consecutive rows of a table.

    Attributes:
        columns: dict. Arrays by the names of the columns.
        place: callable. From a row of the piece to where it is in the file ("line 3").
    """

    columns: dict[str, pa.Array]
    place: Callable[[int], str]


def first_lines(path: Path) -> list[str]:
    """The lines at the start of a file, without blank ones, as Latin-1, in which all is text.

    Raises:
        DataError: there are none.
    """
    start = b""
    with pa.input_stream(str(path)) as stream:
        # A table of thousands of columns has a long first line.
        while not _WHOLE_LINE.search(start) and len(start) < _BLOCK_BYTES:
            if not (more := stream.read(_START_BYTES)):
                break
            start += more
    start = start.removeprefix(BYTE_ORDER_MARK)
    lines = [line for line in re.split(rb"[\r\n]+", start) if line]
    if not lines:
        raise DataError(f"{path}: is empty; expected a table")
    return [line.decode("latin-1") for line in lines]


def header_line(path: Path) -> str:
    """The first line that is not blank, without a byte order mark.

    Raises:
        DataError: there is none, or it is no UTF-8 text.
    """
    line = first_lines(path)[0]
    if "\0" in line:
        found = "holds a zero byte, so it is not text"
        raise row_error(path, 1, found, "convert the file to UTF-8")
    try:
        return line.encode("latin-1").decode()
    except UnicodeDecodeError:
        raise row_error(path, 1, "is not UTF-8", "convert the file to UTF-8") from None


def read(path: Path, layout: Layout, names: Sequence[str], bad: BadRows) -> Iterator[Piece]:
    """Reads some columns of a table in pieces, of which it needs one at a time in memory.

    Args:
        path: Path. May be compressed (.gz, .bz2, .zst).
        layout: Layout.
        names: sequence of str. The columns to read; what stands in others is not looked at.
        bad: BadRows. Told of rows with too many or too few fields.

    Yields:
        Pieces whose columns are dictionary-encoded binary arrays (UTF-8 is not checked), without
        spaces and tabs around the fields.

    Raises:
        DataError: there are no rows, or the file is no table.
    """
    table = _Table(path, layout, bad)
    record = 1 if layout.names else 2  # the header is the first one
    found = False
    try:
        for batch in table.open(names):
            columns = {name: table.column(batch, name) for name in names}
            yield Piece(columns, partial(table.place, record))
            record += batch.num_rows
            found = True
    except pa.ArrowInvalid as error:
        raise table.error(str(error)) from None
    table.check_quotes(record - 1)
    if not (found or bad.count(path)):
        raise _no_rows(path)


class _Table:
    """A file under Arrow's CSV reader."""

    def __init__(self, path: Path, layout: Layout, bad: BadRows) -> None:
        self._path = path
        self._layout = layout
        self._bad = bad
        # Arrow hands a bad row over as text and fails where it is not UTF-8. Read as Latin-1 every
        # byte is text; `column` turns the tokens back.
        self._as_latin1 = bad.skip
        self._stream: RewrittenStream | None = None
        self._num_ragged = 0

    def open(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        layout, double = self._layout, len(self._layout.delimiter) > 1
        source: Any = pa.input_stream(str(self._path))
        if double or layout.quoting or self._as_latin1:
            separator = layout.delimiter.encode() if double else None
            source = self._stream = RewrittenStream(source, separator, self._as_latin1)
        used = [self._as_read(name) for name in dict.fromkeys(names)]
        tokens = pa.dictionary(pa.int32(), pa.binary())
        reader: Iterator[pa.RecordBatch] = arrow_csv.open_csv(
            source,
            # One thread: with more of them Arrow cannot tell which row is wrong.
            read_options=arrow_csv.ReadOptions(
                block_size=_BLOCK_BYTES, use_threads=False, column_names=layout.names or None
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=UNIT_SEPARATOR.decode() if double else layout.delimiter,
                quote_char='"' if layout.quoting else False,
                newlines_in_values=layout.quoting,
                invalid_row_handler=self._skip_ragged if self._bad.skip else None,
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(used, tokens),
                include_columns=used,
                strings_can_be_null=False,
            ),
        )
        return reader

    def check_quotes(self, num_read: int) -> None:
        """Raises `DataError` where a field opens a quotation mark that is not closed.

        Such a field takes in the rows below it, and Arrow says nothing. That leaves more lines than
        records; so do blank lines and line breaks inside fields, which the csv module tells apart.
        """
        if (stream := self._stream) is None or not stream.num_quotes:
            return
        lacks_rows = stream.num_lines > num_read + self._num_ragged
        if (lacks_rows or stream.num_quotes % 2) and (error := self._open_quote()):
            raise error

    def _open_quote(self) -> DataError | None:
        if not self._layout.quoting:
            return None
        with _text(self._path) as text:
            rows = csv.reader(text, delimiter=self._layout.delimiter, strict=True)
            last_line = 0
            while True:
                try:
                    for _ in rows:
                        last_line = rows.line_num
                    return None
                except csv.Error as error:
                    # Text behind the closing mark takes in nothing where the row is one line.
                    if rows.line_num > last_line + 1 or "end of data" in str(error):
                        break
                    last_line = rows.line_num
        return row_error(self._path, last_line + 1, *_OPEN_QUOTE)

    def _as_read(self, name: str) -> str:
        return name.encode().decode("latin-1") if self._as_latin1 else name

    def column(self, batch: pa.RecordBatch, name: str) -> pa.DictionaryArray:
        """A column with the bytes of the file, but for blanks around a field."""
        column = _trimmed(batch[self._as_read(name)])
        values = column.dictionary
        if not self._as_latin1 or pc.all(pc.string_is_ascii(values.cast(pa.string()))).as_py():
            return column
        values = [value.decode().encode("latin-1") for value in values.to_pylist()]
        return pa.DictionaryArray.from_arrays(column.indices, pa.array(values, pa.binary()))

    def place(self, first: int, row: int = 0) -> str:
        """Where a record is; `DataError` instead of a place in rows that are no rows.

        Only asked for as long as no row is bad, so that no skipped rows stand before it.
        """
        if not self._bad.skip and (error := self._open_quote()):
            raise error  # Passing over bad rows would not help.
        return f"line {self.line_of(first + row)}"

    def _skip_ragged(self, row: arrow_csv.InvalidRow) -> str:
        place = f"line {row.number}"
        if not self._bad.count(self._path):
            place = f"line {self.line_of(row.number)}"
        self._num_ragged += 1
        self._add_ragged(place, row.expected_columns, row.actual_columns, row.text)
        return "skip"

    def _add_ragged(self, place: str, expected: int, actual: int, text: str) -> None:
        layout = self._layout
        wanted = f"{expected} fields as in the header"
        if layout.names:
            shown = layout.names if len(layout.names) < 8 else (*layout.names[:3], "...")
            wanted = f"{expected} fields ({', '.join(shown)})"
        text = text.replace(UNIT_SEPARATOR.decode(), layout.delimiter)
        found = f"expected {wanted}, found {actual}: {quote(text)}"
        self._bad.add(self._path, place, found, "correct or remove the row")

    def error(self, message: str) -> DataError:
        """What to say instead of Arrow's message."""
        match = re.search(
            r"Row #(\d+): Expected (\d+) columns, got (\d+): (.*)", message, re.DOTALL
        )
        if match is not None:
            record, expected, actual = (int(match[k]) for k in (1, 2, 3))
            try:
                self._add_ragged(self.place(record), expected, actual, match[4])
            except DataError as error:
                return error
        if "Empty CSV" in message:
            return _no_rows(self._path)
        if "straddling" in message:
            return self._open_quote() or DataError(
                f"{self._path}: a row is longer than {_BLOCK_BYTES} bytes; check --format"
            )
        return DataError(
            f"{self._path}: cannot be read as a table ({quote(message)}); check --format"
        )

    def line_of(self, record: int) -> int:
        """The line a record (from 1, blank lines not counted) starts on; reads the file again."""
        with _text(self._path) as text:
            if self._layout.quoting:
                rows = csv.reader(text, delimiter=self._layout.delimiter)
            else:
                rows = csv.reader(text, quoting=csv.QUOTE_NONE)
            last_line, seen = 0, 0
            for fields in rows:
                seen += bool(fields)
                if seen == record:
                    return last_line + 1
                last_line = rows.line_num
        return record


def _trimmed(column: pa.DictionaryArray) -> pa.DictionaryArray:
    """The column without blanks around its fields: as " a" and "a" are one to who wrote them."""
    values = column.dictionary
    if not pc.any(pc.match_substring_regex(values, _BLANKS)).as_py():
        return column
    values = pc.replace_substring_regex(values, _BLANKS, "")
    # Values that are one now must stand in the dictionary once.
    whole = pa.DictionaryArray.from_arrays(column.indices, values).dictionary_decode()
    return whole.dictionary_encode()


def _no_rows(path: Path) -> DataError:
    return DataError(f"{path}: has a header but no rows; expected interactions below it")


@contextmanager
def _text(path: Path) -> Iterator[io.TextIOWrapper]:
    """A file for the csv module, which then takes what Arrow takes, not 128 KiB a field."""
    before = csv.field_size_limit(_BLOCK_BYTES)
    try:
        with pa.input_stream(str(path)) as stream:
            yield io.TextIOWrapper(stream, "utf-8", errors="replace", newline="")
    finally:
        csv.field_size_limit(before)
