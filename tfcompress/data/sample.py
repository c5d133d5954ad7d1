"""Some rows for all of them, where all would take too long."""

import numpy as np
from numpy.typing import NDArray

from tfcompress.data.ragged import Ragged


def spread_rows(num_rows: int, count: int) -> NDArray[np.int64]:
    """At most `count` row numbers, ascending and evenly spread: rows may be sorted by anything.

    Args:
        num_rows: int. Rows that there are.
        count: int. Rows to take.

    Returns:
        int64 array, shape `(min(num_rows, count),)`.
    """
    return np.linspace(0, num_rows - 1, min(num_rows, count)).astype(np.int64)


def padded(rows: Ragged, length: int, most: int | None) -> NDArray[np.int32]:
    """The last `length` values of at most `most` rows (None means all), as `Ragged.last`."""
    if most is not None and most < len(rows):
        rows = rows.take(spread_rows(len(rows), most))
    return rows.last(length)
