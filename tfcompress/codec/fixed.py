"""Mode `fixed`: one prefix code for the worst row, every row as many bits as that one takes.

Row r stands at bit r x stride, so no index is needed: the rule of the published methods, and what
hardware wants. Model: the stored code. With a rest (floats) the stride is a multiple of 8.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.codec import layout
from tfcompress.codec.fixed_code import search_fixed_code
from tfcompress.codec.indexed import PrefixCoder, count_symbols
from tfcompress.codec.source import Source, map_blocks
from tfcompress.codec.stored_code import check_code_bits, code_for, complete, write_code
from tfcompress.native import _native


class SourceRows:
    """The rows of a table as the search for a code looks at them (see `row_source.RowSource`)."""

    def __init__(self, source: Source, tick: Callable[[int], None]) -> None:
        self._source = source
        self.num_rows = source.rows
        self.totals = count_symbols(source, tick)

    def costs(self, lengths: NDArray[Any]) -> NDArray[np.floating[Any]]:
        """Bits of every row with words of `lengths`, by symbol + 128."""
        by_symbol = np.roll(np.asarray(lengths, np.float64), 128)

        def measure(start: int, stop: int) -> NDArray[np.float64]:
            return _native.sum_costs(self._source.split(start, stop)[0], by_symbol)

        parts = list(map_blocks(self._source, measure, lambda rows: None))
        return np.concatenate(parts) if parts else np.empty(0)

    def counts(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """How often each symbol occurs in some rows, by symbol + 128."""
        part = self._source.take(rows)
        counts = _native.count_rows(part.split(0, part.rows)[0])
        return np.roll(counts, 128, axis=1).astype(np.int64)


def plan(
    source: Source, tick: Callable[[int], None], max_length: int = layout.LOOKUP_BITS
) -> PrefixCoder:
    """The coder with the least stride that the search finds."""
    rows = SourceRows(source, tick)
    check_code_bits(rows.totals, max_length)
    lengths = complete(search_fixed_code(rows, max_length))
    stride = int(rows.costs(lengths).max(initial=0))
    rest_bits = 8 * layout.rest_bytes(source.dtype, source.columns)
    stride = -(-stride // 8) * 8 if rest_bits else stride
    return PrefixCoder("fixed", lengths, write_code(lengths, rows.totals > 0), stride + rest_bits)


def may_be_smaller(source: Source) -> bool:
    """Whether a stride may come out smaller than an index, judged by a sample of rows.

    What a stride saves is the index, up to two bytes a row; what it costs is the worst row's bits
    beyond the mean row's. A code for the worst row narrows that by half at the very most.
    """
    sample = source.sample(1 << 18)
    counts = np.roll(_native.count_rows(sample.split(0, sample.rows)[0]), 128, axis=1)
    bits = counts @ code_for(counts.sum(axis=0, dtype=np.int64)).astype(np.int64)
    return bool(bits.max(initial=0) - bits.mean() < 2 * 16)
