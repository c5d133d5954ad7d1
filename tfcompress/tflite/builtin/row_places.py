"""Where rows of words stand in the payload of the decoder of builtin operators.

    row r: from bit 2^unit x (base[r // group_rows] + r x slope + offset[r])

Mode `fixed` has no offset and a base of zeros, whose look-up refuses ids that are far out of range
before r x slope could wrap; those that are near lie behind the payload, which ends with what is
gathered for the last row. In mode `indexed` the offset is a byte, and it refuses all of them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfcompress.tflite.builtin.row_bits import U8

HALFWORD_BITS = 16
_UNITS = range(5)
_GROUP_ROWS = (64, 32, 16, 8)
_FIXED_GROUP_ROWS = 4096


@dataclass(frozen=True)
class RowPlaces:
    """Where rows start.

    Attributes:
        unit: int. Rows start on multiples of 2^unit bits, at most of a halfword.
        group_rows: int. Rows that share a base, a power of two.
        slope: int. Units from row to row.
        base: int32 array (groups,). In units.
        offset: uint8 array (rows,) or None. In units; None for zeros.
        rows: int.
        longest: int. Bits of the longest row.
    """

    unit: int
    group_rows: int
    slope: int
    base: NDArray[np.int32]
    offset: U8 | None
    rows: int
    longest: int

    @property
    def nbytes(self) -> int:
        """Bytes of base and offset."""
        return self.base.nbytes + (0 if self.offset is None else self.offset.nbytes)

    def starts(self) -> NDArray[np.int64]:
        """The first bit of every row."""
        rows = np.arange(self.rows)
        units = self.base[rows // self.group_rows].astype(np.int64) + rows * self.slope
        if self.offset is not None:
            units += self.offset
        return np.asarray(units << self.unit, np.int64)

    def blocks(self, halfwords: int) -> int:
        """Blocks of so many halfwords that a row touches at most."""
        size = halfwords * HALFWORD_BITS
        return -(-(self.longest + size - (1 << self.unit)) // size)

    def payload_bytes(self, halfwords: int) -> int:
        """Bytes up to the last block that is gathered for the last row."""
        last = int(self.starts()[-1]) // (halfwords * HALFWORD_BITS)
        return (last + self.blocks(halfwords)) * halfwords * HALFWORD_BITS // 8


def fixed_places(rows: int, longest: int) -> RowPlaces | None:
    """Places of rows that take as many bits as the longest, a halfword at least.

    With fewer bits the first id out of range could lie in what is gathered for the last row.

    Returns:
        None where no unit reaches that far.
    """
    groups = -(-rows // _FIXED_GROUP_ROWS)
    for unit in _UNITS:
        slope = (max(longest, HALFWORD_BITS) + (1 << unit) - 1) >> unit
        if (groups + 1) * _FIXED_GROUP_ROWS * slope < 2**31:
            base = np.zeros(groups, np.int32)
            return RowPlaces(unit, _FIXED_GROUP_ROWS, slope, base, None, rows, longest)
    return None


def indexed_places(row_bits: NDArray[np.int64]) -> RowPlaces | None:
    """Places of rows one behind the other that take the fewest bytes together with the payload.

    Args:
        row_bits: int64 array (rows,). Bits of each row, one or more rows.

    Returns:
        None where no index of this kind reaches that far or spans rows so different.
    """
    best: tuple[int, RowPlaces] | None = None
    rows = np.arange(len(row_bits))
    for unit in _UNITS:
        units = (row_bits + (1 << unit) - 1) >> unit
        starts = np.cumsum(units) - units
        slope = int(units.mean())
        if starts[-1] + units[-1] >= 2**31 or slope * len(rows) >= 2**31:
            continue
        drift = starts - rows * slope
        for group_rows in _GROUP_ROWS:
            firsts = np.arange(0, len(rows), group_rows)
            base = np.minimum.reduceat(drift, firsts)
            offset = drift - base[rows // group_rows]
            if offset.max() > 255:
                continue
            size = (int(starts[-1] + units[-1]) << unit) // 8 + 4 * len(base) + len(rows)
            if best is None or size < best[0]:
                places = RowPlaces(
                    unit,
                    group_rows,
                    slope,
                    base.astype(np.int32),
                    offset.astype(np.uint8),
                    len(rows),
                    int(row_bits.max()),
                )
                best = size, places
            break  # smaller groups only take more
    return best and best[1]
