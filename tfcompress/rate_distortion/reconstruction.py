"""Where integers are put: what a decoder can be told for nothing once the rounding is done.

Steps, shrink, axes and offset ship anyway, so least squares chooses them for the integers as they
came out. Rounding by cost takes most of the small values to zero, and what is left says something
of what is not: the axes learn it.

Reference:
    Sullivan 1996, "Efficient scalar quantization of exponential and Laplacian random variables",
    section III (reconstruction at centroids).
"""

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

MAX_SHRINK = 0.499
_ROUNDS = 4
_RIDGE = 1e-3
"""Part of the mean energy of a column that holds its axis where it was."""
_UNBIASED = 0.3
_MOST_GAIN = 1.25
"""A table of which hardly anything is left is not blown up."""


def centroids(
    magnitudes: F32, rounded: NDArray[np.uint8], starts: NDArray[np.int64]
) -> tuple[float, F64]:
    """The shrink, and for each class the factor of its step, that bring values nearest.

    Args:
        magnitudes: float32 array, shape `(n, D)`. In units of the steps.
        rounded: uint8 array, shape `(n, D)`.
        starts: int64 array, shape `(classes,)`. First row of each class.

    Returns:
        The shrink, and a float64 array, shape `(classes,)`.
    """
    shrink, gains = 0.0, np.ones(len(starts))
    if not len(rounded):
        return shrink, gains
    present = rounded > 0
    by_row = (
        np.einsum("rc,rc->r", magnitudes, rounded, dtype=np.float64),
        (magnitudes * present).sum(axis=1, dtype=np.float64),
        np.square(rounded, dtype=np.float32).sum(axis=1, dtype=np.float64),
        rounded.sum(axis=1, dtype=np.float64),
        present.sum(axis=1, dtype=np.float64),
    )
    products, values, squares, integers, counts = (np.add.reduceat(own, starts) for own in by_row)
    for _ in range(_ROUNDS):
        weight = (gains**2 * counts).sum()
        if weight:
            shrink = float((gains * (gains * integers - values)).sum() / weight)
            shrink = float(np.float32(min(max(shrink, 0.0), MAX_SHRINK)))
        norms = squares - 2 * shrink * integers + shrink**2 * counts
        np.divide(products - shrink * values, norms, out=gains, where=norms > 0)
    return shrink, gains


def refit_axes(values: F32, target: F32, weights: F32, axes: NDArray[np.floating]) -> F64:
    """Axes that bring the coded values nearest to the table.

    Args:
        values: float32 array, shape `(n, D)`. What integers and steps give.
        target: float32 array, shape `(n, D)`. The table.
        weights: float32 array, shape `(n,)`. What the error of a row counts.
        axes: float array, shape `(D, D)`. The axes that were coded for.

    Returns:
        float64 array, shape `(D, D)`.
    """
    weighted = (values * weights[:, None]).T.astype(np.float64)
    energies = weighted @ values
    held = _RIDGE * np.trace(energies) / max(1, len(energies)) or 1.0
    return np.asarray(
        axes
        + np.linalg.solve(
            energies + held * np.eye(len(energies)), weighted @ (target - values @ axes)
        )
    )


def gain(target: F32, restored: F32, weights: F32) -> float:
    """What to multiply restored rows by: between least squares (1) and no bias.

    A model that adds rows up averages errors away, but not what all of them lack.
    """
    kept = float(weights @ np.einsum("rc,rc->r", target, restored, dtype=np.float64))
    if kept <= 0:
        return 1.0
    energy = float(weights @ np.einsum("rc,rc->r", target, target, dtype=np.float64))
    return min(1 + _UNBIASED * (energy / kept - 1), _MOST_GAIN)
