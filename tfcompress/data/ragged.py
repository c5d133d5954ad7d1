"""Rows of different lengths in two flat arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Ragged:
    """Integer rows of different lengths: row k is `values[offsets[k]:offsets[k + 1]]`.

    Attributes:
        values: int32 array, shape `(offsets[-1],)`.
        offsets: int64 array, shape `(num_rows + 1,)`, starting at 0, never decreasing.
    """

    values: NDArray[np.int32]
    offsets: NDArray[np.int64]

    @classmethod
    def from_rows(cls, rows: Iterable[Sequence[int]]) -> Ragged:
        """Packs lists (or arrays) of integers."""
        arrays = [np.asarray(row, np.int32) for row in rows]
        lengths = np.array([len(array) for array in arrays], np.int64)
        values = np.concatenate(arrays) if arrays else np.empty(0, np.int32)
        return cls.from_lengths(values, lengths)

    @classmethod
    def from_lengths(cls, values: NDArray[np.int32], lengths: NDArray[np.int64]) -> Ragged:
        """Cuts `values` into consecutive rows of the given lengths."""
        offsets = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        return cls(np.asarray(values, np.int32), offsets)

    def __post_init__(self) -> None:
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.values):
            raise ValueError(
                f"offsets: run from {self.offsets[0]} to {self.offsets[-1]}, but there are "
                f"{len(self.values)} values"
            )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> NDArray[np.int32]:
        if not -len(self) <= row < len(self):
            raise IndexError(f"row {row} of {len(self)} rows")
        row %= len(self)
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def __iter__(self) -> Iterator[NDArray[np.int32]]:
        return (self[row] for row in range(len(self)))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """int64 array, shape `(num_rows,)`."""
        return np.diff(self.offsets)

    def take(self, rows: NDArray[np.int64]) -> Ragged:
        """The given rows, in the given order."""
        starts = self.offsets[:-1][rows]
        lengths = self.offsets[1:][rows] - starts
        offsets = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        # A value moves by as much as the start of its row.
        moved = np.repeat(starts - offsets[:-1], lengths)
        return Ragged(self.values[moved + np.arange(len(moved))], offsets)

    def between(self, start: int, stop: int) -> Ragged:
        """Rows `start` to `stop - 1`; their values are not copied."""
        offsets = self.offsets[start : stop + 1]
        return Ragged(self.values[offsets[0] : offsets[-1]], offsets - offsets[0])

    def where(self, keep: NDArray[np.bool_]) -> Ragged:
        """The same rows with only the values where `keep`, of shape `(len(values),)`, is true."""
        before = np.concatenate([np.zeros(1, np.int64), np.cumsum(keep, dtype=np.int64)])
        return Ragged(self.values[keep], before[self.offsets])

    def append(self, other: Ragged) -> Ragged:
        """Row by row, this one's values and then the other's."""
        if len(self) != len(other):
            raise ValueError(f"other: has {len(other)} rows, this {len(self)}")
        offsets = self.offsets + other.offsets
        values = np.empty(offsets[-1], np.int32)
        for part, starts in ((self, offsets[:-1]), (other, offsets[:-1] + self.lengths)):
            moved = np.repeat(starts - part.offsets[:-1], part.lengths)
            values[moved + np.arange(len(moved))] = part.values
        return Ragged(values, offsets)

    def values_after(self) -> NDArray[np.int64]:
        """How many values follow each one in its row: int64 array, shape `(len(values),)`."""
        return np.repeat(self.offsets[1:], self.lengths) - np.arange(len(self.values)) - 1

    def first(self, length: int) -> Ragged:
        """The first `length` values of each row, all of them where it is shorter."""
        position = np.arange(len(self.values)) - np.repeat(self.offsets[:-1], self.lengths)
        return self.where(position < length)

    def last(self, length: int) -> NDArray[np.int32]:
        """The last `length` values of each row, padded with 0 on the left.

        Returns:
            int32 array, shape `(num_rows, length)`.
        """
        positions = self.offsets[1:, None] - length + np.arange(length)
        inside = positions >= self.offsets[:-1, None]
        if not len(self.values):
            return np.zeros(positions.shape, np.int32)
        return np.where(inside, self.values[np.where(inside, positions, 0)], np.int32(0))

    def row_of_value(self) -> NDArray[np.int64]:
        """The row each value belongs to: int64 array, shape `(len(values),)`."""
        return np.repeat(np.arange(len(self)), self.lengths)
