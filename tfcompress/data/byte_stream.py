"""Bytes of text files as Arrow's CSV reader takes them."""

from __future__ import annotations

import io
from typing import Any

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
UNIT_SEPARATOR = b"\x1f"  # stands for a delimiter of two characters, which Arrow does not take

_BLOCK_BYTES = 8 << 20


class RewrittenStream(io.RawIOBase):
    """A stream of bytes without a byte order mark, changed on the way.

    Args:
        stream: readable binary stream.
        separator: bytes or None. Two bytes that `UNIT_SEPARATOR` shall stand for.
        from_latin1: bool. Whether the bytes are turned from Latin-1 into UTF-8.

    Attributes:
        num_quotes: int. Quotation marks so far.
    """

    def __init__(self, stream: Any, separator: bytes | None, from_latin1: bool) -> None:
        super().__init__()
        self._stream = stream
        self._separator = separator
        self._from_latin1 = from_latin1
        self._held = b""  # a byte that may be the first half of a separator
        self._ready = b""
        self._at_start = True
        self._ended = False
        self._line_feeds = self._carriage_returns = 0
        self._last = b"\n"
        self.num_quotes = 0

    @property
    def num_lines(self) -> int:
        """Lines so far, blank ones too, where all of them end alike."""
        ends = max(self._line_feeds, self._carriage_returns)
        return ends + (self._last not in b"\r\n")

    def readable(self) -> bool:
        """True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes, fewer only at the end: Arrow takes what it gets for a block."""
        while not self._ended and (size < 0 or len(self._ready) < size):
            self._ready += self._next(_BLOCK_BYTES if size < 0 else size)
        size = len(self._ready) if size < 0 else size
        result, self._ready = self._ready[:size], self._ready[size:]
        return result

    def _next(self, size: int) -> bytes:
        read: bytes = self._stream.read(size)
        self._ended = not read
        self.num_quotes += read.count(b'"')
        self._line_feeds += read.count(b"\n")
        self._carriage_returns += read.count(b"\r")
        self._last = read[-1:] or self._last
        block, self._held = self._held + read, b""
        if self._at_start:
            block, self._at_start = block.removeprefix(BYTE_ORDER_MARK), False
        if self._separator:
            block = block.replace(self._separator, UNIT_SEPARATOR)
            if read and block.endswith(self._separator[:1]):
                block, self._held = block[:-1], block[-1:]
        return block.decode("latin-1").encode() if self._from_latin1 else block
