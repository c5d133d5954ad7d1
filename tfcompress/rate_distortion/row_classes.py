"""Row classes: runs of rows that are read about equally often, and so share one step."""

import numpy as np
from numpy.typing import NDArray

from tfcompress.errors import ConfigError
from tfcompress.vocabulary import FIRST_ID

CLASSES_PER_OCTAVE = 2
MAX_CLASSES = 64
ZIPF_SHIFT = 8.0
_GRID = 512
"""Runs of rows that are told apart."""


def zipf_weights(rows: int) -> NDArray[np.float64]:
    """How often rows are read where only their rank is known: 1 / (rank + 8).

    Zipf's law with Mandelbrot's shift, which keeps the first few rows from standing for everything.

    Args:
        rows: int. Number of rows, the most frequent first.

    Returns:
        float64 array, shape `(rows,)`.
    """
    return np.asarray(1.0 / (np.arange(rows) + ZIPF_SHIFT), np.float64)


def check_weights(weights: NDArray[np.number], rows: int, name: str) -> NDArray[np.float64]:
    """Weights as floats.

    Raises:
        ConfigError: Not one finite number of at least 0 for each row.
    """
    given = np.asarray(weights)
    if given.shape != (rows,) or not np.issubdtype(given.dtype, np.number):
        raise ConfigError(
            f"weights: got {given.dtype} {given.shape} for {name}, expected numbers ({rows},)"
        )
    result = given.astype(np.float64)
    bad = ~(np.isfinite(result) & (result >= 0))
    if bad.any():
        row = int(np.argmax(bad))
        raise ConfigError(f"weights: got {given[row]} for row {row} of {name}, expected 0 or more")
    return result


def decreasing(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest weights that never rise with the row: the least concave majorant of their sums.

    Rows sorted by frequency keep theirs, rows in any order all get the mean, so that classes of
    such rows are runs whatever the order is.

    Reference:
        Barlow et al. 1972, "Statistical inference under order restrictions", section 1.2.
    """
    rows = len(weights)
    # Runs grow with the row, since frequencies fall by ratios.
    grid = np.unique(np.rint(np.geomspace(1, rows + 1, _GRID)).astype(np.int64)) - 1
    sums = np.append(0.0, np.cumsum(weights))[grid]
    hull = [0]
    for k in range(1, len(grid)):
        while len(hull) > 1:
            a, b = hull[-2], hull[-1]
            if (sums[b] - sums[a]) * (grid[k] - grid[b]) > (sums[k] - sums[b]) * (
                grid[b] - grid[a]
            ):
                break
            hull.pop()
        hull.append(k)
    sizes = np.diff(grid[hull])
    return np.repeat(np.diff(sums[hull]) / np.maximum(sizes, 1), sizes)


def uncounted(weights: NDArray[np.float64]) -> tuple[int, int]:
    """The rows in front and at the end that counts do not speak of: padding, out of vocabulary.

    They stand before the first row that is ever read or, where a permutation by rank has put them
    there, are the last two at most: more unread rows at the end were not met in training.

    Args:
        weights: float64 array, shape `(rows,)`.

    Returns:
        First row that is counted, and the one after the last.
    """
    read = np.flatnonzero(weights)
    if not len(read):
        return 0, len(weights)
    end = int(read[-1]) + 1
    return int(read[0]), end if len(weights) - end <= FIRST_ID else len(weights)


def class_starts(weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """First rows of classes of half an octave of frequency each.

    `uncounted` rows are classes apart: what nobody trained may be of any size.

    Args:
        weights: float64 array, shape `(rows,)`.

    Returns:
        int64 array, the first one 0.
    """
    if not weights.any():
        return np.zeros(1, np.int64)
    first, end = uncounted(weights)
    smooth = decreasing(weights[first:end])
    least = smooth[smooth > 0].min(initial=np.inf)
    levels = np.rint(CLASSES_PER_OCTAVE * np.log2(np.maximum(smooth, least) / least))
    levels = np.maximum(levels, levels.max(initial=0) - (MAX_CLASSES - 3))
    starts = first + np.append(0, np.flatnonzero(np.diff(levels)) + 1)
    starts = np.unique(np.concatenate([[0], starts, [end]]))
    return starts[starts < len(weights)].astype(np.int64)


def class_scales(
    weights: NDArray[np.float64], starts: NDArray[np.int64], exponent: float
) -> NDArray[np.float32]:
    """What a class's step is to others': mean weight^-exponent, 1 for the mean of all rows.

    A class of rows that are never read has the step of the class that is read most.

    Args:
        weights: float64 array, shape `(rows,)`.
        starts: int64 array, shape `(classes,)`. First row of each class.
        exponent: float.

    Returns:
        float32 array, shape `(classes,)`.
    """
    if not weights.any():
        return np.ones(len(starts), np.float32)
    means = np.add.reduceat(weights, starts) / np.diff(np.append(starts, len(weights)))
    means = np.where(means > 0, means, means.max())
    return np.asarray((means / weights.mean()) ** -exponent, np.float32)
