"""Mode `fixed`: one prefix code for the worst row, every row as many bits as that one takes.

Row r stands at bit r x stride, so no index is needed: the rule of the published methods, and what
hardware wants. Model: the stored code. With a rest (floats) the stride is a multiple of 8.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tfcompress.codec import layout
from tfcompress.codec.indexed import PrefixCoder, count_symbols
from tfcompress.codec.source import Source, map_blocks
from tfcompress.codec.stored_code import code_for, complete, write_code
from tfcompress.native import _native

SEARCHED_ROWS = 30_000
"""Rows the search for a code looks at: the longest ones under the codes tried so far."""

_ROUNDS = 4


def plan(
    source: Source, tick: Callable[[int], None], max_length: int = layout.MAX_CODE_BITS
) -> PrefixCoder:
    """The coder with the least stride that the search finds.

    A table of many rows is searched by its longest rows: after each search the code is tried on
    all rows, and the rows that came out longest join in, until the longest were there already.
    """
    counts = count_symbols(source, tick)
    present = counts > 0
    lengths = code_for(counts, max_length)
    bits = _row_bits(source, lengths)
    stride = int(bits.max(initial=0))
    if stride:
        chosen = np.empty(0, np.int64)
        for _ in range(_ROUNDS):
            worst = np.argsort(-bits.astype(np.int64), kind="stable")[:SEARCHED_ROWS]
            added = np.setdiff1d(worst, chosen)
            if not len(added):
                break
            chosen = np.union1d(chosen, added)
            found = _search(source, chosen, present, max_length)
            bits = _row_bits(source, found)
            if bits.max() < stride:
                stride, lengths = int(bits.max()), found
            if len(chosen) == source.rows:
                break
    rest_bits = 8 * layout.rest_bytes(source.dtype, source.columns)
    stride = -(-stride // 8) * 8 if rest_bits else stride
    return PrefixCoder("fixed", lengths, write_code(lengths, present), stride + rest_bits)


def _row_bits(source: Source, lengths: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Code bits of every row under a code by symbol + 128."""
    by_symbol = np.roll(lengths, 128)

    def measure(start: int, stop: int) -> NDArray[np.uint32]:
        return _native.sum_lengths(source.split(start, stop)[0], by_symbol)

    parts = list(map_blocks(source, measure, lambda rows: None))
    return np.concatenate(parts) if parts else np.empty(0, np.uint32)


def _search(
    source: Source, rows: NDArray[np.int64], present: NDArray[np.bool_], max_length: int
) -> NDArray[np.uint8]:
    """The code, complete over all symbols of the table, that is best for the worst of `rows`."""
    part = Source(source.table[rows], source.dtype, source.columns, np.empty(0, np.float32), "none")
    counts = np.roll(_native.count_rows(part.split(0, part.rows)[0]), 128, axis=1)
    return complete(_best_code(counts.astype(np.int64), present, max_length))


def _best_code(
    counts: NDArray[np.int64], present: NDArray[np.bool_], max_length: int
) -> NDArray[np.uint8]:
    # Symbols that only other rows have need a word too: they count one in all.
    return code_for(np.maximum(counts.sum(axis=0) * 16, present), max_length)


def may_be_smaller(source: Source, packed_bytes: float) -> bool:
    """Whether a stride could come out below that many bytes: the longest row decides.

    A row cannot take fewer bits than its own symbols' entropy, whatever the code.
    """
    sample = source.sample(1 << 18)
    counts = _native.count_rows(sample.split(0, sample.rows)[0]).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = np.nansum(counts * np.log2(max(1, source.columns) / counts), axis=1)
    rest = layout.rest_bytes(source.dtype, source.columns)
    return source.rows * (float(bits.max(initial=0)) / 8 + rest) < packed_bytes
