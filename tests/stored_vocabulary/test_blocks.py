import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfcompress.errors import CorruptTableError
from tfcompress.stored_vocabulary.blocks import IntegerBlocks, TextBlocks

INT64 = st.integers(-(2**63), 2**63 - 1)


def check(kind, tokens, absent, block_size):
    tokens = sorted(set(tokens))
    blocks = kind(kind.write(tokens, block_size), len(tokens), block_size)
    assert list(blocks) == tokens
    for position, token in enumerate(tokens):
        assert blocks.find(token) == position
        assert blocks.token(position) == token
    for token in set(absent) - set(tokens):
        assert blocks.find(token) is None


@given(st.lists(INT64 | st.integers(0, 99)), st.lists(INT64), st.sampled_from([1, 2, 32]))
def test_integers(tokens, absent, block_size):
    check(IntegerBlocks, tokens, absent, block_size)


@given(
    st.lists(st.binary(max_size=9) | st.text("ab", max_size=5).map(str.encode)),
    st.lists(st.binary(max_size=9)),
    st.sampled_from([1, 2, 32]),
)
def test_strings(tokens, absent, block_size):
    check(TextBlocks, tokens, absent, block_size)


def test_the_two_ends_of_int64():
    check(IntegerBlocks, [-(2**63), 2**63 - 1], [-(2**63) + 1, 2**63 - 2, 0], 32)


def test_long_tokens_that_share_more_than_a_length_can_say():
    tokens = [b"x" * length for length in range(0, 3000, 100)] + [b"x" * 999 + b"y"]
    check(TextBlocks, tokens, [b"x", b"x" * 3001], 8)


def test_successive_integers_take_a_bit_each():
    section = IntegerBlocks.write(list(range(7, 100_007)), 32)
    assert len(section) < (1 + 18 / 16 + 0.1) * 100_000 / 8


@pytest.mark.parametrize("kind", [IntegerBlocks, TextBlocks])
def test_a_section_that_is_cut_off(kind):
    tokens = list(range(0, 900, 3)) if kind is IntegerBlocks else [b"%d" % k for k in range(999)]
    section = kind.write(sorted(tokens), 32)
    for size in range(0, len(section), 11):
        with pytest.raises(CorruptTableError):
            list(kind(section[:size], len(tokens), 32))
