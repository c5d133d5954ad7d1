"""Sets of ids, one for every row: a sorted array of (row, id) pairs, each one integer.

Unions and differences for all rows at once are then those of two sorted arrays.
"""

import numpy as np
from numpy.typing import NDArray

from tfcompress.data.ragged import Ragged
from tfcompress.vocabulary import FIRST_ID


def keys_of(rows: NDArray[np.int64], ids: NDArray[np.int32]) -> NDArray[np.int64]:
    """(row, id) as one integer; the arguments broadcast."""
    return (rows << 32) | ids.astype(np.int64)


def row_keys(rows: Ragged) -> NDArray[np.int64]:
    """Keys of all values, in their order: int64 array, shape `(len(values),)`."""
    return keys_of(rows.row_of_value(), rows.values)


def sorted_keys(rows: Ragged) -> NDArray[np.int64]:
    """Keys of the items in the vocabulary, each once, ascending."""
    return np.unique(row_keys(rows)[rows.values >= FIRST_ID])


def from_keys(keys: NDArray[np.int64], num_rows: int) -> Ragged:
    """The sets of ascending keys, as `num_rows` rows."""
    lengths = np.bincount(keys >> 32, minlength=num_rows)
    return Ragged.from_lengths((keys & 0xFFFFFFFF).astype(np.int32), lengths)
