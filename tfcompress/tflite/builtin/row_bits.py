"""Rows of symbols as bits for the decoder of builtin operators, and back.

The layout is not that of `codec/FORMAT.md`, whose two directions, checksums and packed lengths
would cost operators. Here a row is its words one behind the other, the first bit of a word first,
bits counted from the most significant of a byte. A word stands for `group` neighbouring columns.
Words are canonical but for their first bit, which is flipped: bits read as a signed number then
have the order of the words. Where rows start is up to `row_places`. Values are one byte each
(`row_values`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.prefix_codes import canonical_codes

U8 = NDArray[np.uint8]
MAX_LOOKUP_BITS = 13
"""The decoder's look-ups go by so many bits at most, and a code has 2^13 symbols at most."""
MAX_CODE_BITS = 16
"""The longest word where look-ups are compact: a decoder sees 17 bits."""
_CHUNK_VALUES = 1 << 21
"""Values, or bits, that are worked on at a time; a value takes some 40 bytes meanwhile."""


@dataclass(frozen=True)
class RowCode:
    """A prefix code for groups of values.

    Attributes:
        symbols: uint8 array (count, group). The values of each symbol.
        lengths: int64 array (count,). Bits of its word, 1..16. Kraft's sum is 1, but that a
            lone symbol takes one bit.
    """

    symbols: U8
    lengths: NDArray[np.int64]

    @property
    def group(self) -> int:
        """Columns that a word stands for."""
        return int(self.symbols.shape[1])

    @property
    def bits(self) -> int:
        """Bits of the longest word."""
        return int(self.lengths.max())


class RowCoder:
    """Turns rows of values into bits under one code.

    Args:
        code: RowCode. Its symbols sorted by `keys`.
    """

    def __init__(self, code: RowCode) -> None:
        self.code = code
        self._keys = keys(code.symbols)
        self._number_of_key = None
        if code.group <= 2:
            self._number_of_key = np.zeros(1 << 8 * code.group, np.int64)
            self._number_of_key[self._keys] = np.arange(len(self._keys))
        self._words = canonical_codes(code.lengths) ^ (1 << (code.lengths - 1))

    def row_bits(self, values: U8) -> NDArray[np.int64]:
        """Bits of each row, `(n,)`, of values `(n, D)`."""
        result = np.empty(len(values), np.int64)
        for rows in _chunks(*values.shape):
            lengths = self.code.lengths[self.numbers(values[rows])]
            result[rows] = lengths.sum(axis=1)
        return result

    def encode(self, values: U8, starts: NDArray[np.int64], size: int) -> U8:
        """Rows that start at bits `starts` (n,), ascending from 0, in `size` bytes."""
        room = np.diff(starts, append=starts[-1] + self.row_bits(values[-1:])[0])
        longest = int(room.max())
        parts, carried = [], np.empty(0, np.uint8)
        for rows in _chunks(len(values), longest):
            bits = np.unpackbits(self._encode(values[rows], longest // 8 + 3), axis=1)
            kept = bits[np.arange(bits.shape[1]) < room[rows][:, None]]
            kept = np.concatenate([carried, kept])
            whole = len(kept) // 8 * 8
            parts.append(np.packbits(kept[:whole]))
            carried = kept[whole:]
        parts.append(np.packbits(carried))
        joined = np.concatenate(parts)
        result = np.zeros(size, np.uint8)
        result[: len(joined)] = joined
        return result

    def numbers(self, values: U8) -> NDArray[np.int64]:
        """The symbol's number of every group of rows `(n, D)`: `(n, steps)`."""
        found = keys(grouped(values, self.code.group))
        if self._number_of_key is not None:
            return np.asarray(self._number_of_key[found])
        return np.searchsorted(self._keys, found)

    def _encode(self, values: U8, size: int) -> U8:
        """Rows as bits from the first byte on, zeros behind them: `(n, size)`."""
        numbers = self.numbers(values)
        count = len(values)
        # A word touches three bytes at most: 7 bits before it and 16 of its own.
        result = np.zeros((count, size + 3), np.uint8)
        row, position = np.arange(count), np.zeros(count, np.int64)
        for step in range(numbers.shape[1]):
            length = self.code.lengths[numbers[:, step]]
            word = self._words[numbers[:, step]] << (24 - length - (position & 7))
            byte = position >> 3
            for k in range(3):
                result[row, byte + k] |= (word >> (16 - 8 * k) & 255).astype(np.uint8)
            position += length
        return result[:, :size]


def decode(
    payload: U8, starts: NDArray[np.int64], lengths: NDArray[Any], symbols: U8, steps: int
) -> U8:
    """The values of rows that start at given bits: `(n, steps x group)`, the inverse of a coder.

    Args:
        payload: uint8 array, flat.
        starts: int64 array (n,). First bit of each row.
        lengths: int array (2^bits,). By the next bits as a signed number, half its range added:
            how long the word is that they start with.
        symbols: uint8 array (2^bits, group). The values it stands for.
        steps: int. Words of a row.
    """
    bits = len(lengths).bit_length() - 1
    padded = np.concatenate([payload, np.zeros(3, np.uint8)])
    result = np.empty((len(starts), steps, symbols.shape[1]), np.uint8)
    for rows in _chunks(len(starts), steps):
        position = starts[rows].copy()
        for step in range(steps):
            byte = np.minimum(position >> 3, len(payload))
            window = np.zeros(len(position), np.int64)
            for k in range(3):
                window = window << 8 | padded[byte + k]
            window = window >> (24 - bits - (position & 7)) & ((1 << bits) - 1)
            window ^= 1 << (bits - 1)
            result[rows, step] = symbols[window]
            position += lengths[window]
    return result.reshape(len(starts), -1)


def keys(symbols: U8) -> NDArray[Any]:
    """Groups of 1 to 8 values as one number each: `(..., group)` to `(...)`."""
    group = symbols.shape[-1]
    size = 1 << (group - 1).bit_length()
    if size > group:
        padded = np.zeros((*symbols.shape[:-1], size), np.uint8)
        padded[..., :group] = symbols
        symbols = padded
    return np.ascontiguousarray(symbols).view(f"<u{size}")[..., 0]


def groups_of(numbers: NDArray[Any], group: int) -> U8:
    """The inverse of `keys`: `(n,)` to `(n, group)`."""
    return np.ascontiguousarray(numbers)[:, None].view(np.uint8)[:, :group]


def grouped(values: U8, group: int) -> U8:
    """`(n, D)` values as `(n, ceil(D / group), group)`, zeros behind the last column."""
    missing = -values.shape[1] % group
    padded = np.pad(values, ((0, 0), (0, missing))) if missing else values
    return np.ascontiguousarray(padded).reshape(len(values), -1, group)


def _chunks(rows: int, values: int) -> Iterator[slice]:
    """Runs of rows of so many values each."""
    size = max(1, _CHUNK_VALUES // max(1, values))
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))
