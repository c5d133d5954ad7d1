"""Compact look-ups say what whole ones say."""

import numpy as np
import pytest

from tfcompress.tflite.builtin.code_lookups import (
    compact_bytes,
    compact_lookups,
    whole_bytes,
    whole_lookups,
)
from tfcompress.tflite.builtin.row_bits import RowCode


def code(lengths, group=1):
    symbols = np.arange(len(lengths) * group, dtype=np.uint8).reshape(-1, group)
    return RowCode(symbols, np.array(lengths, np.int64))


def test_a_code_looked_up():
    # 0, 10, 110, 1110 and 1111: the first three bits tell all lengths.
    made = compact_lookups(code([1, 2, 3, 4, 4]))
    assert (made.bits, made.shift, made.skip) == (4, 1, 7)
    assert made.lengths.tolist() == [1, 1, 1, 1, 2, 2, 3, 4]
    assert made.symbols[:, 0].tolist() == [0, 0, 0, 0, 1, 1, 2, 3, 4]


def test_symbols_in_another_order_than_their_words():
    made = whole_lookups(code([2, 1, 2], group=2))
    assert made.lengths.tolist() == [1, 1, 2, 2]
    assert made.symbols.tolist() == [[2, 3], [2, 3], [0, 1], [4, 5]]


@pytest.mark.parametrize(
    "lengths",
    [
        [1],  # a lone symbol
        [1, 1],
        [3] * 8,
        [1, 2, 3, 4, 5, 6, 7, 7],
        [2, 2, 2, *[6] * 16],  # a bundle of 16
        [1, 3, 3, *[5] * 4, *[6] * 8],  # two bundles
        [2, 2, 3, 3, 3, 4, 5, 5],
    ],
)
def test_compact_ones_are_the_whole_ones(lengths):
    for group in (1, 3):
        made = code(lengths, group)
        whole, compact = whole_lookups(made), compact_lookups(made)
        for again in (compact.whole(), compact.wide().whole()):
            assert np.array_equal(again.lengths, whole.lengths)
            assert np.array_equal(again.symbols, whole.symbols)
        assert compact.wide().is_wide
        assert not compact.is_wide
        assert compact.wide().nbytes == compact.nbytes + 3 * len(compact.lengths)
        assert len(compact.lengths) == 1 << (compact.bits - compact.shift)
        assert compact.nbytes <= whole.nbytes
        if len(lengths) > 1:
            assert compact.nbytes == compact_bytes(made.lengths, group)
            assert whole.nbytes == whole_bytes(made.lengths, group)
