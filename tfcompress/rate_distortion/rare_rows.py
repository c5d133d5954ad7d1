"""Rare rows drawn to the mean row: what a few examples have taught is mostly noise.

A row that training has met w times becomes mean + (row - mean) * w / (w + strength), the posterior
mean of a row that is the mean row plus a part of its own, seen w times through noise. It costs no
byte, makes rare rows cheaper to code, and by itself often makes the model better.

Reference:
    Efron and Morris 1973, "Stein's estimation rule and its competitors - an empirical Bayes
    approach", section 2.
"""

import numpy as np
from numpy.typing import NDArray

from tfcompress.rate_distortion.row_classes import uncounted


def shrink_rare(
    table: NDArray[np.float32], weights: NDArray[np.float64], strength: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draws rows to the mean row, the more the less they are read.

    `uncounted` rows (padding, out of vocabulary) are left alone.

    Args:
        table: float32 array, shape `(n, D)`.
        weights: float64 array, shape `(n,)`. How often training has read each row.
        strength: float, positive. Reads that count as much as the mean row does.

    Returns:
        float32 array, shape `(n, D)`: the rows less the mean row; and the mean row of those that
        are read, float32, shape `(D,)`.
    """
    read = weights > 0
    if not read.any():
        return table, np.zeros(table.shape[1], np.float32)
    mean = table[read].mean(axis=0, dtype=np.float64).astype(np.float32)
    kept = (weights / (weights + strength)).astype(np.float32)
    first, end = uncounted(weights)
    kept[:first] = kept[end:] = 1
    return (table - mean) * kept[:, None], mean
