"""The code with the fewest bytes, its look-ups counted."""

import numpy as np
import pytest

from tfcompress.prefix_codes import huffman_lengths
from tfcompress.tflite.builtin.code_choice import code_of
from tfcompress.tflite.builtin.code_lookups import compact_lookups, whole_lookups

GEOMETRIC = np.maximum(10**7 * 0.9 ** np.arange(200), 1).astype(np.int64)


def chosen(counts, *, is_compact):
    return code_of(np.arange(len(counts), dtype=np.uint8)[:, None], counts, is_compact=is_compact)


@pytest.mark.parametrize("is_compact", [False, True])
@pytest.mark.parametrize(
    "counts",
    [[7], [1, 1], [5, 1, 1], [1] * 200, [10**6, *[1] * 40], list(range(1, 257)), GEOMETRIC],
)
def test_every_code_is_complete(counts, is_compact):
    code = chosen(np.array(counts, np.int64), is_compact=is_compact)
    kraft = (0.5**code.lengths).sum()
    assert kraft == (0.5 if len(counts) == 1 else 1)
    assert code.bits <= (16 if is_compact else 13)


def test_words_of_compact_look_ups_are_nearly_as_short_as_they_can_be():
    whole, compact = (chosen(GEOMETRIC, is_compact=is_compact) for is_compact in (False, True))
    best = huffman_lengths(GEOMETRIC) @ GEOMETRIC
    assert best <= compact.lengths @ GEOMETRIC < 1.001 * best
    assert compact.lengths @ GEOMETRIC < whole.lengths @ GEOMETRIC
    assert compact_lookups(compact).nbytes < 0.25 * whole_lookups(whole).nbytes


def test_frequent_symbols_have_shorter_words():
    code = chosen(GEOMETRIC, is_compact=True)
    assert (np.diff(code.lengths) >= 0).all()


def test_a_small_table_gets_small_look_ups():
    counts = GEOMETRIC // 10**5 + 1
    code = chosen(counts, is_compact=True)
    assert compact_lookups(code).nbytes < int(code.lengths @ counts) // 8
