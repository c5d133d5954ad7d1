"""A canonical prefix code over small integers, as it is stored: first and last symbol, lengths."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tfcompress.prefix_codes import canonical_codes, length_limited_lengths
from tfcompress.stored_vocabulary.bits import BitReader, corrupt, fixed

MAX_LENGTH = 15
_SYMBOL_BITS = 9
_LENGTH_BITS = 4
MAX_CODE_BITS = 2 * _SYMBOL_BITS + (_LENGTH_BITS << _SYMBOL_BITS)


@dataclass(frozen=True)
class PrefixCode:
    """Words of at most 15 bits for the symbols that occur.

    Attributes:
        first: int. The smallest symbol that occurs; 1 where none does.
        lengths: tuple of int. The length of the word of each symbol from `first` on, 0 for none. A
            lone symbol has a word of one bit.
    """

    first: int
    lengths: tuple[int, ...]

    @classmethod
    def from_counts(cls, counts: NDArray[np.int64]) -> PrefixCode:
        """The best code for symbols that occur `counts[symbol]` times."""
        used = np.flatnonzero(counts)
        if not len(used):
            return cls(1, ())
        lengths = np.zeros(used[-1] - used[0] + 1, np.int64)
        lengths[used - used[0]] = np.maximum(length_limited_lengths(counts[used], MAX_LENGTH), 1)
        return cls(int(used[0]), tuple(lengths.tolist()))

    @classmethod
    def read(cls, reader: BitReader) -> PrefixCode:
        """Reads what `to_bits` wrote; raises `CorruptTableError` where that is no prefix code."""
        first, last = reader.take(_SYMBOL_BITS), reader.take(_SYMBOL_BITS)
        code = cls(first, tuple(reader.take(_LENGTH_BITS) for _ in range(first, last + 1)))
        if sum(1 << (MAX_LENGTH - length) for length in code.lengths if length) > 1 << MAX_LENGTH:
            raise corrupt("the lengths of a prefix code break Kraft's inequality")
        return code

    def to_bits(self) -> str:
        """First and last symbol (9 bits each), then 4 bits per length."""
        ends = (self.first, self.first + len(self.lengths) - 1)
        return "".join(
            [fixed(end, _SYMBOL_BITS) for end in ends]
            + [fixed(length, _LENGTH_BITS) for length in self.lengths]
        )

    @cached_property
    def symbols(self) -> dict[str, int]:
        """Symbol by code word."""
        return {word: symbol for symbol, word in self.words.items()}

    @cached_property
    def words(self) -> dict[int, str]:
        """Code word by symbol: shorter ones first, equal lengths in the order of the symbols."""
        codes = canonical_codes(np.array(self.lengths, np.int64)).tolist()
        return {
            symbol: fixed(code, length)
            for symbol, (code, length) in enumerate(
                zip(codes, self.lengths, strict=True), start=self.first
            )
            if length
        }
