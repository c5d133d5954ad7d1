"""Mode `rate` once more in Python integers, as `reference` has the other modes: slow and short."""

from collections.abc import Callable, Iterator
from itertools import accumulate, islice

import numpy as np
from numpy.typing import NDArray

from tfcompress.codec.frequencies import shares
from tfcompress.codec.layout import Header
from tfcompress.errors import CorruptTableError

U8 = NDArray[np.uint8]

_BITS = 14
_STARTS: list[int] = [*range(16), 16, 24, 32, 48, 64, 96, 128]
_RAW_BITS = [0] * 16 + [3, 3, 4, 4, 5, 5, 0]


class RateModel:
    """Segments and probabilities of a packed table.

    Args:
        header: Header. Of the table.
        read: callable. The next bytes of the model, as many as asked for.
        read_packed: callable. The next run of stored bytes, of as many as asked for.
    """

    def __init__(
        self, header: Header, read: Callable[[int], bytes], read_packed: Callable[[int], U8]
    ) -> None:
        self.columns = header.columns
        self.row_classes, contexts, segments, with_signs = read(4)
        counts = [_varint(read) for _ in range(segments)]
        self.starts: list[int] = [0, *accumulate(counts)]
        self.segment_class: list[int] = read_packed(segments).tolist()
        self.shifts: list[int] = read_packed(segments).tolist()
        blocks = [-(-rows // (1 << k)) for rows, k in zip(counts, self.shifts, strict=True)]
        self.first_block: list[int] = [0, *accumulate(blocks)]
        self.column_class: list[int] = read_packed(header.columns).tolist()
        self.classes = _ends(shares(read_packed(self.row_classes), _BITS))
        used = read_packed(contexts).tolist()
        levels = iter(read_packed(sum(used)).tolist())
        places = sum(max(size - 1, 0) for size in used)
        signs = iter(read_packed(places).tolist() if with_signs else [128] * places)
        self.contexts = [_Context(size, levels, signs) for size in used]

    def block(self, row: int) -> int:
        """The block of a row."""
        segment = self._segment(row)
        return self.first_block[segment] + (row - self.starts[segment] >> self.shifts[segment])

    def row(self, row: int, block: bytes) -> list[int]:
        """Symbols of a row, whose block has these bytes."""
        segment = self._segment(row)
        before = (row - self.starts[segment]) % (1 << self.shifts[segment])
        coder = _RangeDecoder(block)
        symbols: list[int] = []
        for _ in range(before + 1):
            context = self.segment_class[segment]
            if self.row_classes > 1:
                context += coder.take(self.classes)
            symbols = [self._value(coder, context + own) for own in self.column_class]
        return symbols

    def _segment(self, row: int) -> int:
        return max(s for s, start in enumerate(self.starts[:-1]) if start <= row)

    def _value(self, coder: "_RangeDecoder", context: int) -> int:
        bucket, negative = coder.take_signed(self.contexts[context])
        magnitude = _STARTS[bucket] + coder.take_raw(_RAW_BITS[bucket])
        return (-magnitude if negative else magnitude) & 255


class _Context:
    """Upper ends of the shares of buckets, and the part of each that is above zero."""

    def __init__(self, size: int, levels: Iterator[int], signs: Iterator[int]) -> None:
        self.ends, self.above = [1 << _BITS], [0]
        if size:
            own = np.cumsum(list(islice(levels, size))).astype(np.uint8)
            sizes = [2 * int(share) for share in shares(own, _BITS - 1)]
            self.ends = list(accumulate(sizes))
            for whole in sizes[1:]:
                self.above.append(min(max(whole * next(signs) >> 8, 1), max(whole - 1, 0)))


class _RangeDecoder:
    """A block's number, and the interval it has been narrowed down to."""

    def __init__(self, block: bytes) -> None:
        self._block = iter(block)
        self.code, self.range = 0, (1 << 64) - 1
        self._take_in(8)

    def _take_in(self, count: int) -> None:
        for _ in range(count):
            self.code = self.code << 8 | next(self._block, 0)

    def _narrow(self, unit: int, start: int, size: int) -> None:
        self.code -= unit * start
        self.range = unit * size
        if self.range < 1 << 32:
            self.range <<= 32
            self._take_in(4)

    def _find(self, ends: list[int]) -> tuple[int, int, int, int]:
        """The unit, the symbol whose share holds the code, and the share's first slot and end."""
        unit = self.range >> _BITS
        slot = self.code // unit
        if slot >> _BITS:
            raise CorruptTableError("packed table: a block outside all probabilities")
        symbol = next(k for k, end in enumerate(ends) if slot < end)
        return unit, symbol, ends[symbol - 1] if symbol else 0, ends[symbol]

    def take(self, ends: list[int]) -> int:
        """A symbol by the upper ends of shares."""
        unit, symbol, start, end = self._find(ends)
        self._narrow(unit, start, end - start)
        return symbol

    def take_signed(self, context: _Context) -> tuple[int, bool]:
        """A bucket and its sign: the lower part of a share is for values above zero."""
        unit, bucket, start, end = self._find(context.ends)
        if bucket == 0:
            self._narrow(unit, 0, end)
            return 0, False
        middle = start + context.above[bucket]
        negative = self.code >= unit * middle
        self._narrow(unit, *((middle, end - middle) if negative else (start, middle - start)))
        return bucket, negative

    def take_raw(self, bits: int) -> int:
        """A number of equally likely bits."""
        if bits == 0:
            return 0
        unit = self.range >> bits
        value = self.code // unit
        self._narrow(unit, value, 1)
        return value


def _ends(sizes: NDArray[np.int64]) -> list[int]:
    return [int(end) for end in np.cumsum(sizes)]


def _varint(read: Callable[[int], bytes]) -> int:
    """Seven bits a byte, the lowest first; the last byte is below 128."""
    value = shift = 0
    while True:
        (byte,) = read(1)
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value
