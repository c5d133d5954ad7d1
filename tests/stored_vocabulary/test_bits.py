import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfcompress.errors import CorruptTableError
from tfcompress.stored_vocabulary.bits import (
    BitReader,
    exp_golomb,
    fixed,
    pack_bits,
    unpack_bits,
)


@given(st.text("01"))
def test_bytes_hold_the_bits(bits):
    content = pack_bits(bits)
    assert len(content) == -(-len(bits) // 8)
    assert unpack_bits(content) == bits.ljust(8 * len(content), "0")


def test_the_first_bit_is_the_most_significant():
    assert pack_bits("100000001") == b"\x80\x80"


@pytest.mark.parametrize(
    ("value", "order", "bits"),
    [(0, 0, "1"), (1, 0, "010"), (2, 0, "011"), (3, 0, "00100"), (5, 2, "01001"), (3, 2, "111")],
)
def test_exponential_golomb_codes(value, order, bits):
    assert exp_golomb(value, order) == bits


@given(st.lists(st.tuples(st.integers(0, 2**64 - 2), st.integers(0, 63))))
def test_numbers_come_back(numbers):
    reader = BitReader(
        "".join(exp_golomb(value, order) + fixed(order, 6) for value, order in numbers)
    )
    assert [(reader.exp_golomb(order), reader.take(6)) for _, order in numbers] == numbers


@pytest.mark.parametrize("bits", ["", "0", "000", "0001", "01"])
def test_what_ends_too_early_is_an_error(bits):
    with pytest.raises(CorruptTableError):
        BitReader(bits).exp_golomb()
    with pytest.raises(CorruptTableError, match="cut off"):
        BitReader(bits).take(5)
    with pytest.raises(CorruptTableError, match="no code word"):
        BitReader(bits).symbol({"1111": 0})
