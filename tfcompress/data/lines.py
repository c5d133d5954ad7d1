"""UTF-8 text files read in blocks of lines, whole or split into tokens at white space."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tfcompress.errors import DataError

BLOCK_BYTES = 8 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class TextLines:
    """Some consecutive lines as they stand in the file, without their ends.

    Attributes:
        first_line: int. The number of the first line in the file, from 1.
        lines: pa.Array of string.
    """

    first_line: int
    lines: pa.Array


@dataclass(frozen=True)
class TokenLines:
    """Some consecutive lines, split into tokens.

    Attributes:
        first_line: int. The number of the first line in the file, from 1.
        tokens: pa.Array of string. The tokens of all the lines.
        lengths: int64 array. Tokens per line; 0 for a blank one.
    """

    first_line: int
    tokens: pa.Array
    lengths: NDArray[np.int64]

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


def read_lines(path: Path) -> Iterator[TokenLines]:
    """Splits a UTF-8 file (gzip and the like by their suffix) into lines of tokens.

    Raises:
        DataError: as `read_text_lines`.
    """
    return map(_split, read_text_lines(path))


def read_text_lines(path: Path) -> Iterator[TextLines]:
    """Reads the lines of a UTF-8 file (gzip and the like by their suffix), block by block.

    Raises:
        DataError: the file is empty, is not UTF-8 text or ends its lines in a lone carriage return.
    """
    first_line = 1
    with pa.input_stream(str(path)) as stream:
        rest = b""
        while True:
            block = stream.read(BLOCK_BYTES)
            if first_line == 1:
                block = block.removeprefix(_BYTE_ORDER_MARK) if not rest else block
            if not block:
                break
            end = block.rfind(b"\n") + 1
            if not end:
                rest += block
                continue
            lines = _decode(path, first_line, rest + block[: end - 1])
            rest = block[end:]
            yield TextLines(first_line, lines)
            first_line += len(lines)
    if rest:
        yield TextLines(first_line, _decode(path, first_line, rest))
    elif first_line == 1:
        raise DataError(f"{path}: is empty; expected lines of text")


def _decode(path: Path, first_line: int, block: bytes) -> pa.Array:
    if b"\0" in block:
        line = first_line + block.count(b"\n", 0, block.index(b"\0"))
        raise row_error(path, line, "holds a zero byte, so it is not text", "convert it to UTF-8")
    try:
        text = pa.array([block], pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        raise _not_utf8(path, first_line, block) from None
    lines = pc.split_pattern(text, "\n").values
    if b"\r" in block:
        lines = pc.ascii_rtrim(lines, "\r")  # those of "\r\n"
        lone = pc.match_substring(lines, "\r").to_numpy(zero_copy_only=False)
        if lone.any():
            line = first_line + int(lone.argmax())
            raise row_error(path, line, "holds a lone carriage return", "end lines in a line feed")
    return lines


def _split(block: TextLines) -> TokenLines:
    lines = pc.ascii_trim_whitespace(block.lines)
    split = pc.ascii_split_whitespace(lines)
    lengths = np.diff(split.offsets.to_numpy()).astype(np.int64)
    tokens = split.values
    blank = pc.equal(lines, "").to_numpy(zero_copy_only=False)
    if blank.any():  # splitting "" gives one empty token
        lengths[blank] = 0
        tokens = tokens.filter(pc.not_equal(tokens, ""))
    return TokenLines(block.first_line, tokens, lengths)


def _not_utf8(path: Path, first_line: int, block: bytes) -> DataError:
    for number, line in enumerate(block.split(b"\n"), first_line):
        try:
            line.decode()
        except UnicodeDecodeError as error:
            found = f"byte {error.start + 1} (0x{line[error.start]:02x}) is not UTF-8"
            return row_error(path, number, found, "convert the file to UTF-8")
    return DataError(f"{path}: is not UTF-8; convert it")
