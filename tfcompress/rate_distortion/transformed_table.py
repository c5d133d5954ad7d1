"""The one stored form of a table in few bytes: integers, row classes, a rotation, an offset."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tfcompress.codec import PackedTable, pack
from tfcompress.codec.layout import MAX_SEGMENTS
from tfcompress.codec.rate_fit import half_octaves
from tfcompress.errors import ConfigError

NUMBER_BYTES = 4
"""Of each first row, step, rotation scale and shrink."""


@dataclass(frozen=True)
class TransformedTable:
    """A table as integers behind a rotation of the columns.

        values of row r = (q_r - shrink * clip(q_r, -1, 1)) * step of r's class + offset
        row r of the table ~ values @ rotation

    Attributes:
        integers: int8 array, shape `(n, D)`, values within +-127.
        class_starts: int64 array, shape `(classes,)`. First row of each row class, the first one 0,
            ascending: a class is a run of rows.
        steps: float32 array, shape `(classes,)`, positive.
        shrink: float in [0, 0.5). How much nearer to zero than its integer a value lies.
        rotation: int8 array, shape `(D, D)`, or None for none.
        rotation_scale: float. What the integers of `rotation` are multiples of; 1 without one.
        snr_db: float. Signal-to-noise ratio of `dequantize()`, every row counting alike; `inf` when
            exact.
        offset: float32 array, shape `(D,)`, or None for none. Added to the values of every row,
            before the rotation, so that the rotation still folds into a linear layer.
    """

    integers: NDArray[np.int8]
    class_starts: NDArray[np.int64]
    steps: NDArray[np.float32]
    shrink: float
    rotation: NDArray[np.int8] | None
    rotation_scale: float
    snr_db: float
    offset: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        """Checks that the parts go together."""
        starts, rows = self.class_starts, len(self.integers)
        if self.integers.dtype != np.int8 or self.integers.ndim != 2:
            raise ConfigError(
                f"integers: got {self.integers.dtype} {self.integers.shape}, expected int8 (n, D)"
            )
        ascending = len(starts) > 0 and starts[0] == 0 and bool((np.diff(starts) > 0).all())
        if not ascending or (rows and starts[-1] >= rows):
            raise ConfigError(
                f"class_starts: got {starts}, expected 0 first, ascending, all < {rows}"
            )
        if self.steps.shape != starts.shape or not (self.steps > 0).all():
            raise ConfigError(f"steps: got {self.steps}, expected {len(starts)} positive numbers")
        if not 0 <= self.shrink < 0.5:
            raise ConfigError(f"shrink: got {self.shrink}, expected a number in [0, 0.5)")
        columns = self.integers.shape[1]
        if self.rotation is not None and self.rotation.shape != (columns, columns):
            raise ConfigError(
                f"rotation: got shape {self.rotation.shape}, expected {(columns, columns)}"
            )

        if self.offset is not None and self.offset.shape != (columns,):
            raise ConfigError(f"offset: got shape {self.offset.shape}, expected {(columns,)}")

    @property
    def row_classes(self) -> NDArray[np.int64]:
        """Class of every row: int64 array, shape `(n,)`."""
        ends = np.append(self.class_starts[1:], len(self.integers))
        return np.repeat(np.arange(len(self.class_starts)), ends - self.class_starts)

    @property
    def nbytes(self) -> int:
        """Bytes of all its parts by themselves, the integers packed in mode "rate".

        In a file they depend on what reads the table: `search.shipped_bytes` counts those.
        """
        offset = 0 if self.offset is None else self.offset.nbytes
        rotation = 0 if self.rotation is None else self.rotation.nbytes + NUMBER_BYTES
        classes = 2 * NUMBER_BYTES * len(self.steps)
        return self.pack().nbytes + classes + NUMBER_BYTES + rotation + offset

    def matrix(self) -> NDArray[np.float32] | None:
        """The rotation as floats, shape `(D, D)`, or None."""
        if self.rotation is None:
            return None
        return self.rotation.astype(np.float32) * np.float32(self.rotation_scale)

    def dequantize(self) -> NDArray[np.float32]:
        """The table as the model reads it: float32, shape `(n, D)`."""
        values = self.integers.astype(np.float32)
        values -= np.float32(self.shrink) * np.clip(values, -1, 1)
        values *= self.steps[self.row_classes][:, None]
        if self.offset is not None:
            values += self.offset
        matrix = self.matrix()
        return values if matrix is None else values @ matrix

    def pack(self) -> PackedTable:
        """The integers in the codec's mode "rate"; packed once."""
        return self._packed

    @cached_property
    def _packed(self) -> PackedTable:
        return pack(
            self.integers, "rate", row_classes=row_bands(self.class_starts, len(self.integers))
        )


def row_bands(class_starts: NDArray[np.int64], rows: int) -> NDArray[np.int64]:
    """The bands of rows that the codec is told of: step classes, cut at half-octaves of the rank.

    Within a class of many rows (all of them, without row steps) magnitudes still fall with rank.

    Args:
        class_starts: int64 array. First row of each class.
        rows: int. Number of rows.

    Returns:
        int64 array, shape `(rows,)`: number of each row's band.
    """
    starts = np.union1d(class_starts, half_octaves(rows))
    if len(starts) > MAX_SEGMENTS:
        starts = class_starts
    marks = np.zeros(rows, np.int64)
    marks[starts[(starts > 0) & (starts < rows)]] = 1
    return np.cumsum(marks)
