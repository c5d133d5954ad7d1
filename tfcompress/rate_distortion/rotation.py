"""Principal axes: the rotation of the columns that gathers a table's energy in few of them."""

import numpy as np
from numpy.typing import NDArray


def principal_axes(table: NDArray[np.float32]) -> NDArray[np.float64]:
    """Orthogonal axes by falling energy, about the origin.

    Args:
        table: float32 array, shape `(n, D)`. Rows as they are to count.

    Returns:
        float64 array, shape `(D, D)`, an axis in each row; the sign makes its largest entry
        positive, so that the same table gives the same axes everywhere.
    """
    energies = table.astype(np.float64).T @ table
    _, axes = np.linalg.eigh(energies)
    axes = axes.T[::-1]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return np.asarray(axes * np.where(largest < 0, -1.0, 1.0))


def store(axes: NDArray[np.float64]) -> tuple[NDArray[np.int8], float]:
    """Axes as int8 multiples of one scale, which float32 holds exactly."""
    scale = float(np.float32(np.abs(axes).max(initial=0) / 127)) or 1.0
    return np.rint(axes / scale).astype(np.int8), scale
