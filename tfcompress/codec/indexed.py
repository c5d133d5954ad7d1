"""Mode `indexed`: one prefix code, the best for the mean row; an index finds each row.

Model: the stored code (`stored_code.py`). A row: its rest, then its bits in whole bytes, the first
half of the columns from the first bit upwards, the others from the last bit downwards.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfcompress.choices import Mode
from tfcompress.codec.layout import MAX_CODE_BITS
from tfcompress.codec.source import Source, map_blocks
from tfcompress.codec.stored_code import code_for, write_code
from tfcompress.native import _native


@dataclass(frozen=True)
class PrefixCoder:
    """Rows in one prefix code.

    Attributes:
        mode: str. "indexed" or "fixed".
        lengths: uint8 array, shape `(256,)` by symbol + 128.
        model: bytes. The code as stored.
        stride_bits: int. 0 for "indexed".
    """

    mode: Mode
    lengths: NDArray[np.uint8]
    model: bytes
    stride_bits: int = 0

    def parts(self, source: Source) -> Iterator[tuple[int, int]]:
        """Rows are encoded block by block."""
        return source.blocks()

    def encode(
        self, source: Source, start: int, stop: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
        """Bytes of rows start..stop, and their lengths where no stride is given."""
        values, rest = source.split(start, stop)
        if self.stride_bits == 0 and self.mode == "fixed":
            return np.empty(0, np.uint8), np.empty(0, np.uint32)
        return _native.encode_prefix(values, rest, self.lengths, self.stride_bits)


def count_symbols(source: Source, tick: Callable[[int], None]) -> NDArray[np.int64]:
    """How often each symbol occurs: shape `(256,)` by symbol + 128."""

    def count(start: int, stop: int) -> NDArray[np.uint64]:
        values, _ = source.split(start, stop)
        one = np.zeros(len(values), np.uint8), np.zeros(source.columns, np.uint8)
        counts: NDArray[np.uint64] = _native.count_contexts(values, *one, 1)
        return counts

    total = np.zeros(256, np.int64)
    for counts in map_blocks(source, count, tick):
        total += counts[0].astype(np.int64)
    return np.roll(total, 128)


def plan(
    source: Source, tick: Callable[[int], None], max_length: int = MAX_CODE_BITS
) -> PrefixCoder:
    """The coder with the shortest code for all rows together."""
    counts = count_symbols(source, tick)
    lengths = code_for(counts, max_length)
    return PrefixCoder("indexed", lengths, write_code(lengths, counts > 0))
