import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfcompress.errors import CorruptTableError
from tfcompress.stored_vocabulary.bits import BitReader, fixed
from tfcompress.stored_vocabulary.prefix_code import PrefixCode


@given(st.lists(st.integers(0, 10**6), max_size=257))
def test_a_code_comes_back_and_decodes(counts):
    code = PrefixCode.from_counts(np.array(counts, np.int64))
    again = PrefixCode.read(BitReader(code.to_bits()))
    assert again == code
    used = [symbol for symbol, count in enumerate(counts) if count]
    assert sorted(again.words) == used
    reader = BitReader("".join(again.words[symbol] for symbol in used))
    assert [reader.symbol(again.symbols) for _ in used] == used


def test_rare_symbols_get_no_more_than_fifteen_bits():
    code = PrefixCode.from_counts(np.array([2**k for k in range(40)]))
    assert max(code.lengths) == 15


def test_a_lone_symbol_has_one_bit():
    assert PrefixCode.from_counts(np.array([0, 0, 7])).words == {2: "0"}


def test_too_many_short_words_are_an_error():
    with pytest.raises(CorruptTableError, match="Kraft"):
        PrefixCode.read(BitReader(fixed(4, 9) + fixed(6, 9) + 3 * fixed(1, 4)))
