"""Mode `fixed`: one prefix code for the worst row, every row as many bits as that one takes.

Row r stands at bit r x stride, so no index is needed: the rule of the published methods, and what
hardware wants. Model: the stored code. With a rest (floats) the stride is a multiple of 8.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.codec import layout
from tfcompress.codec.indexed import PrefixCoder, count_symbols
from tfcompress.codec.source import Source, map_blocks
from tfcompress.codec.stored_code import check_code_bits, code_for, complete, write_code
from tfcompress.codec.worst_row.fixed_code import search_fixed_code
from tfcompress.native import _native

SEARCHED_ROWS = 1 << 20
"""Larger tables are searched by their longest rows."""

_ROUNDS = 3


class SourceRows:
    """The rows of a table as the search for a code looks at them (see `worst_row.row_source`).

    Args:
        source: Source. The rows.
        totals: int64 array, shape `(256,)` by symbol + 128. Symbols that need a word.
    """

    def __init__(self, source: Source, totals: NDArray[np.int64]) -> None:
        self._source = source
        self.num_rows = source.rows
        self.totals = totals

    def costs(self, lengths: NDArray[Any]) -> NDArray[np.floating[Any]]:
        """Bits of every row with words of `lengths`, by symbol + 128."""
        result = np.empty(self.num_rows, np.float64)
        at = 0
        for part in block_costs(self._source, lengths):
            result[at : at + len(part)] = part
            at += len(part)
        return result

    def counts(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """How often each symbol occurs in some rows, by symbol + 128."""
        part = self._source.take(rows)
        counts = _native.count_rows(part.split(0, part.rows)[0])
        return np.roll(counts, 128, axis=1).astype(np.int64)


def block_costs(source: Source, lengths: NDArray[Any]) -> Iterator[NDArray[np.float64]]:
    """Bits of the rows with words of `lengths`, by symbol + 128, block by block."""
    by_symbol = np.roll(np.asarray(lengths, np.float64), 128)

    def measure(start: int, stop: int) -> NDArray[np.float64]:
        return _native.sum_costs(source.split(start, stop)[0], by_symbol)

    return map_blocks(source, measure, lambda rows: None)


def plan(
    source: Source, tick: Callable[[int], None], max_length: int = layout.MAX_CODE_BITS
) -> PrefixCoder:
    """The coder with the least stride that the search finds.

    Of a table with many rows only the longest are searched, those that another code made longest
    joining in.
    """
    totals = count_symbols(source, tick)
    check_code_bits(totals, max_length)
    if source.rows <= SEARCHED_ROWS:
        lengths = complete(search_fixed_code(SourceRows(source, totals), max_length))
        stride = _longest(source, lengths)
    else:
        lengths = code_for(totals, max_length)
        stride = _longest(source, lengths)
        rows = _longest_rows(source, lengths, SEARCHED_ROWS)
        for _ in range(_ROUNDS):
            searched = SourceRows(source.take(rows), totals)
            found = complete(search_fixed_code(searched, max_length))
            reached = _longest(source, found)
            if reached < stride:
                stride, lengths = reached, found
            if reached <= searched.costs(found).max():
                break
            rows = np.union1d(rows, _longest_rows(source, found, SEARCHED_ROWS // _ROUNDS))
    rest_bits = 8 * layout.rest_bytes(source.dtype, source.columns)
    stride = -(-stride // 8) * 8 if rest_bits else stride
    return PrefixCoder("fixed", lengths, write_code(lengths, totals > 0), stride + rest_bits)


def _longest(source: Source, lengths: NDArray[np.uint8]) -> int:
    """Bits of the longest row."""
    return int(max((part.max() for part in block_costs(source, lengths)), default=0))


def _longest_rows(source: Source, lengths: NDArray[np.uint8], count: int) -> NDArray[np.int64]:
    """The `count` longest rows, in order of their numbers."""
    rows, costs = np.empty(0, np.int64), np.empty(0)
    at = 0
    for part in block_costs(source, lengths):
        rows = np.concatenate([rows, at + np.arange(len(part))])
        costs = np.concatenate([costs, part])
        at += len(part)
        if len(rows) > 2 * count:
            kept = np.argpartition(costs, -count)[-count:]
            rows, costs = rows[kept], costs[kept]
    return np.sort(rows[np.argsort(-costs, kind="stable")[:count]])


def may_be_smaller(source: Source) -> bool:
    """Whether a stride may come out smaller than an index, judged by a sample of rows.

    What a stride saves is the index, up to two bytes a row; what it costs is the worst row's bits
    beyond the mean row's. A code for the worst row narrows that by half at the very most.
    """
    sample = source.sample(1 << 18)
    counts = np.roll(_native.count_rows(sample.split(0, sample.rows)[0]), 128, axis=1)
    bits = counts @ code_for(counts.sum(axis=0, dtype=np.int64)).astype(np.int64)
    return bool(bits.max(initial=0) - bits.mean() < 2 * 16)
