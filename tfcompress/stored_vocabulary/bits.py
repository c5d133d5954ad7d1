"""Runs of bits as strings of "0" and "1", and the codes of integers that are written in them.

Strings are no fast form of bits, but a block of tokens is a few hundred of them, and `find`, `int`
and slices do the rest.
"""

from collections.abc import Mapping

from tfcompress.errors import CorruptTableError


def corrupt(reason: str) -> CorruptTableError:
    """The error for bytes that are no stored vocabulary."""
    return CorruptTableError(f"stored vocabulary: {reason}; convert the model again")


def pack_bits(bits: str) -> bytes:
    """Whole bytes, the first bit the most significant one of the first byte, zeros at the end."""
    size = -(-len(bits) // 8)
    return int(bits.ljust(8 * size, "0") or "0", 2).to_bytes(size, "big")


def unpack_bits(content: bytes) -> str:
    """The bits of whole bytes."""
    return fixed(int.from_bytes(content, "big"), 8 * len(content))


def fixed(value: int, width: int) -> str:
    """`value` in `width` bits, most significant first; it must fit."""
    return format(value, f"0{width}b") if width else ""


def exp_golomb(value: int, order: int = 0) -> str:
    """The exponential Golomb code of a value >= 0: its size in unary, then its bits.

    Args:
        value: int. (value >> order) + 1 has m bits: m - 1 zeros and these bits are written first.
        order: int. So many low bits of the value follow as they are.
    """
    high = format((value >> order) + 1, "b")
    return "0" * (len(high) - 1) + high + fixed(value & ((1 << order) - 1), order)


class BitReader:
    """Reads a run of bits from its start.

    Every method raises `CorruptTableError` where the bits end too early.
    """

    def __init__(self, bits: str) -> None:
        self._bits = bits
        self.at = 0

    def take(self, width: int) -> int:
        """The next `width` bits as a number."""
        start, self.at = self.at, self.at + width
        if self.at > len(self._bits):
            raise corrupt("it is cut off")
        return int(self._bits[start : self.at] or "0", 2)

    def exp_golomb(self, order: int = 0) -> int:
        """The next value of `exp_golomb`."""
        one = self._bits.find("1", self.at)
        if one < 0:
            raise corrupt("it is cut off")
        zeros, self.at = one - self.at, one
        high = self.take(zeros + 1) - 1
        return (high << order) + self.take(order)

    def symbol(self, symbols: Mapping[str, int]) -> int:
        """The symbol of the next code word."""
        start = end = self.at
        while end < len(self._bits):
            end += 1
            found = symbols.get(self._bits[start:end])
            if found is not None:
                self.at = end
                return found
        raise corrupt("no code word where one should be")
