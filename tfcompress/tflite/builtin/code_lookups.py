"""Look-ups of a prefix code by the next bits of a row, for the decoder of builtin operators.

Let n be the number of the next bits, as many as the longest word has, read as a signed number and
half its range added: the first bit of every word is stored flipped (`row_bits`), so that n is in
the canonical order, short words first.

| look-ups | length of the word | its values |
| --- | --- | --- |
| whole | lengths[n] | symbols[n] |
| compact | lengths[n >> shift] | symbols[max(n >> shift, n - skip)] |

In compact ones n >> shift, the prefix, tells how long the word is: long words, those of more bits,
fill whole prefixes, which `code_choice` sees to. Words that are not long need nothing but the
prefix. So `symbols` has one entry a prefix of theirs and one for every n behind, which are few, as
long words are rare.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tfcompress.tflite.builtin.row_bits import U8, RowCode


@dataclass(frozen=True)
class CodeLookups:
    """Either kind of look-ups.

    Attributes:
        bits: int. Bits of the longest word.
        shift: int. 0 for whole look-ups.
        lengths: uint8 array (2^(bits - shift),), int32 in wide ones. Bits of the word.
        symbols: uint8 array (2^bits - skip, group). The values it stands for.
    """

    bits: int
    shift: int
    lengths: U8 | NDArray[np.int32]
    symbols: U8

    @property
    def skip(self) -> int:
        """What is taken from the numbers of long words."""
        return (1 << self.bits) - len(self.symbols)

    @property
    def nbytes(self) -> int:
        """Bytes of both arrays."""
        return self.lengths.nbytes + self.symbols.nbytes

    def whole(self) -> "CodeLookups":
        """The whole look-ups of the same code."""
        numbers = np.arange(1 << self.bits)
        prefixes = numbers >> self.shift
        symbols = self.symbols[np.maximum(prefixes, numbers - self.skip)]
        return CodeLookups(self.bits, 0, self.lengths[prefixes], symbols)

    @property
    def is_wide(self) -> bool:
        """Whether lengths are int32, as positions are: no operator has to make them so."""
        return self.lengths.dtype == np.int32

    def wide(self) -> "CodeLookups":
        """The same with lengths as int32."""
        return replace(self, lengths=self.lengths.astype(np.int32))


def whole_lookups(code: RowCode) -> CodeLookups:
    """One entry for every number."""
    order = np.lexsort((np.arange(len(code.lengths)), code.lengths))
    repeats = 1 << (code.bits - code.lengths[order])
    if len(repeats) == 1:  # a lone symbol: either bit means it
        repeats = repeats + 1
    lengths = np.repeat(code.lengths[order], repeats).astype(np.uint8)
    return CodeLookups(code.bits, 0, lengths, np.repeat(code.symbols[order], repeats, axis=0))


def compact_lookups(code: RowCode) -> CodeLookups:
    """The fewest entries; those of whole look-ups where no prefix tells all lengths."""
    whole = whole_lookups(code)
    prefix_bits = _prefix_bits(code.lengths)
    shift = code.bits - prefix_bits
    long = int(np.count_nonzero(whole.lengths <= prefix_bits))
    symbols = np.concatenate([whole.symbols[: long : 1 << shift], whole.symbols[long:]])
    return CodeLookups(code.bits, shift, whole.lengths[:: 1 << shift], symbols)


def whole_bytes(lengths: NDArray[np.int64], group: int) -> int:
    """What the whole look-ups of a code take, from the lengths of its words."""
    return (1 << int(lengths.max())) * (1 + group)


def compact_bytes(lengths: NDArray[np.int64], group: int) -> int:
    """What the compact look-ups of a code take, from the lengths of its words."""
    prefix_bits, bits = _prefix_bits(lengths), int(lengths.max())
    long = lengths[lengths > prefix_bits]
    numbers = int((1 << (bits - long)).sum())
    entries = (1 << prefix_bits) - (numbers >> (bits - prefix_bits)) + numbers
    return (1 << prefix_bits) + entries * group


def _prefix_bits(lengths: NDArray[np.int64]) -> int:
    """The fewest bits that tell how long a word is.

    Those for which words of j bits more come in multiples of 2^j: canonical ones then fill whole
    prefixes.
    """
    words = np.bincount(lengths)
    bits = len(words) - 1
    while bits > 1 and not (words[bits:] % (2 << np.arange(len(words) - bits))).any():
        bits -= 1
    return bits
