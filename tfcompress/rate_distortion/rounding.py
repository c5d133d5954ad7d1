"""Rounding by what integers cost: the distortion of a value plus what its bits weigh.

A value a goes to the magnitude m that minimises (a - (m - shrink))^2 + rate_weight * bits(m), in
units of the step. For fixed bits that is a lower envelope of parabolas, so every context has
thresholds: all magnitudes compete, not only neighbours, and rounding is a few comparisons a value.

Reference:
    Sullivan and Wiegand 1998, "Rate-distortion optimization for video compression".
"""

import numpy as np
from numpy.typing import NDArray

from tfcompress.native import _native

F32 = NDArray[np.float32]

MAX_MAGNITUDE = 127


def thresholds(bits: F32, points: NDArray[np.float64], rate_weight: float) -> F32:
    """Above which value each magnitude of each context is reached.

    Args:
        bits: float32 array, shape `(contexts, magnitudes)`. What magnitude 0, 1, .. cost.
        points: float64 array, shape `(magnitudes,)`. Where values of a magnitude are put, rising.
        rate_weight: float. What a bit weighs against squared distortion.

    Returns:
        float32 array, shape `(contexts, magnitudes - 1)`, rising in each row: magnitude m is taken
        above entry m - 1. A magnitude that never pays shares the threshold of the next.
    """
    heights = points**2 + rate_weight * bits.astype(np.float64)
    return _native.lower_envelopes(heights, np.ascontiguousarray(points))


def round_to(magnitudes: F32, limits: F32) -> NDArray[np.uint8]:
    """How many thresholds of their column values lie above.

    Args:
        magnitudes: float32 array, shape `(rows, columns)`, none negative.
        limits: float32 array, shape `(columns, thresholds)`.
    """
    result = np.zeros(magnitudes.shape, np.uint8)
    for limit in np.ascontiguousarray(limits.T):
        above = magnitudes > limit
        if not above.any():
            break
        result += above
    return result
