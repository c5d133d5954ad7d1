"""UTF-8 text files read in blocks of lines, whole or split into tokens at white space."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tfcompress.data.bad_rows import BadRows, is_utf8
from tfcompress.data.byte_stream import BYTE_ORDER_MARK
from tfcompress.errors import DataError

BLOCK_BYTES = 8 << 20


@dataclass(frozen=True)
class TextLines:
    """Some consecutive lines as they stand in the file, without their ends.

    Attributes:
        first_line: int. The number of the first line in the file, from 1.
        lines: pa.Array of string.
        skipped: tuple of int. Rows of `lines` that were bad and stand here blank.
    """

    first_line: int
    lines: pa.Array
    skipped: tuple[int, ...] = ()

    def place(self, row: int) -> str:
        """Where a row is in the file."""
        return f"line {self.first_line + row}"


@dataclass(frozen=True)
class TokenLines:
    """Some consecutive lines, split into tokens.

    Attributes:
        first_line: int. The number of the first line in the file, from 1.
        tokens: pa.Array of string. The tokens of all the lines.
        lengths: int64 array. Tokens per line; 0 for a blank one.
        skipped: tuple of int. Lines that were bad and count as blank.
    """

    first_line: int
    tokens: pa.Array
    lengths: NDArray[np.int64]
    skipped: tuple[int, ...] = ()

    def place(self, row: int) -> str:
        """Where a row is in the file."""
        return f"line {self.first_line + row}"

    def line(self, row: int) -> list[str]:
        """The tokens of one line."""
        end = int(self.lengths[: row + 1].sum())
        tokens: list[str] = self.tokens[end - int(self.lengths[row]) : end].to_pylist()
        return tokens


def row_error(path: Path, line: int, found: str, advice: str) -> DataError:
    """The error for one line of a file. Lines count from 1."""
    return DataError(f"{path}, line {line}: {found}; {advice}")


def quote(text: str) -> str:
    """`text` in quotes, shortened to what fits into an error message."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


def read_lines(path: Path, bad: BadRows | None = None) -> Iterator[TokenLines]:
    """Splits a UTF-8 file (gzip and the like by their suffix) into lines of tokens.

    Arguments and errors are those of `read_text_lines`.
    """
    return map(_split, read_text_lines(path, bad))


def read_text_lines(path: Path, bad: BadRows | None = None) -> Iterator[TextLines]:
    """Reads the lines of a UTF-8 file (gzip and the like by their suffix), block by block.

    Args:
        path: Path.
        bad: BadRows or None. Told of lines that are not UTF-8 or hold a zero byte or a lone
            carriage return; where it skips them, they are blank. None raises.

    Raises:
        DataError: the file is empty.
    """
    bad = bad or BadRows()
    first_line = 1
    with pa.input_stream(str(path)) as stream:
        rest = b""
        while True:
            block = stream.read(BLOCK_BYTES)
            if first_line == 1:
                block = block.removeprefix(BYTE_ORDER_MARK) if not rest else block
            if not block:
                break
            end = block.rfind(b"\n") + 1
            if not end:
                rest += block
                continue
            lines = _decode(path, first_line, rest + block[: end - 1], bad)
            rest = block[end:]
            yield lines
            first_line += len(lines.lines)
    if rest:
        yield _decode(path, first_line, rest, bad)
    elif first_line == 1:
        raise DataError(f"{path}: is empty; expected lines of text")


def _decode(path: Path, first_line: int, block: bytes, bad: BadRows) -> TextLines:
    skipped: list[int] = []
    block = block.replace(b"\r\n", b"\n").removesuffix(b"\r")
    if b"\0" in block or b"\r" in block or not is_utf8(pa.array([block], pa.binary())):
        rows = block.split(b"\n")
        for number, row in enumerate(rows):
            if wrong := _what_is_wrong(row):
                bad.add(path, f"line {first_line + number}", *wrong)
                skipped.append(number)
                rows[number] = b""
        block = b"\n".join(rows)
    text = pa.array([block], pa.binary()).cast(pa.string())
    return TextLines(first_line, pc.split_pattern(text, "\n").values, tuple(skipped))


def _what_is_wrong(line: bytes) -> tuple[str, str] | None:
    if b"\0" in line:
        return "holds a zero byte, so it is not text", "convert the file to UTF-8"
    try:
        line.decode()
    except UnicodeDecodeError as error:
        found = f"byte {error.start + 1} (0x{line[error.start]:02x}) is not UTF-8"
        return found, "convert the file to UTF-8"
    if b"\r" in line:
        return "holds a lone carriage return", "end lines in a line feed"
    return None


def _split(block: TextLines) -> TokenLines:
    lines = pc.ascii_trim_whitespace(block.lines)
    split = pc.ascii_split_whitespace(lines)
    lengths = np.diff(split.offsets.to_numpy()).astype(np.int64)
    tokens = split.values
    blank = pc.equal(lines, "").to_numpy(zero_copy_only=False)
    if blank.any():  # splitting "" gives one empty token
        lengths[blank] = 0
        tokens = tokens.filter(pc.not_equal(tokens, ""))
    return TokenLines(block.first_line, tokens, lengths, block.skipped)
