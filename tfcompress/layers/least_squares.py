"""Least squares for layers whose embedding is a weighted sum of rows of one table."""

import numpy as np
import numpy.typing as npt

from tfcompress.layers.tables import Floats

# The residual, relative to the right-hand side, at which conjugate gradients stop.
_TOLERANCE = 1e-10
_MAX_ROUNDS = 500
# Tables of so few rows (Huffman's) are solved for directly: of many ids, each of many digits, a
# round of conjugate gradients takes longer than that.
_FEW_ROWS = 512
# Of the eigenvalues of their systems, relative to the largest, what counts as none.
_NO_EIGENVALUE = 1e-12


def fit_sum_of_rows(
    matrix: Floats,
    rows: npt.NDArray[np.integer],
    num_rows: int,
    weights: Floats | None = None,
) -> Floats:
    """The table T that minimises || sum_j weights[i, j] T[rows[i, j]] - matrix[i] ||^2 over all i.

    The normal equations, directly where the table has few rows, else by conjugate gradients from
    zero; both end in the solution of least norm where there are several (a constant can move
    between the two tables of a sum, say). Columns are independent problems with one system matrix;
    each keeps its own step sizes.

    Args:
        matrix: float array (n, D). What the sums should be.
        rows: int array (n, k). The rows that id i adds up.
        num_rows: int. Rows of T.
        weights: float array (n, k) or None. None is all ones.

    Returns:
        float64 array (num_rows, D).
    """
    digits = np.ascontiguousarray(rows.T)
    scales = None if weights is None else np.ascontiguousarray(weights.T)

    def sums(table: Floats) -> Floats:
        # (k, n) per column, so that no n x k x D block is ever held.
        total = np.zeros((len(matrix), table.shape[1]))
        for j, digit in enumerate(digits):
            part = table[digit]
            total += part if scales is None else part * scales[j][:, None]
        return total

    def scatter(values: Floats) -> Floats:
        result = np.zeros((num_rows, values.shape[1]))
        for j, digit in enumerate(digits):
            for column in range(values.shape[1]):
                part = values[:, column]
                part = part if scales is None else part * scales[j]
                result[:, column] += np.bincount(digit, part, num_rows)
        return result

    if num_rows <= _FEW_ROWS:
        gram = np.zeros(num_rows * num_rows)
        for j, first in enumerate(digits):
            for k, second in enumerate(digits):
                both = None if scales is None else scales[j] * scales[k]
                gram += np.bincount(first * num_rows + second, both, len(gram))
        system = gram.reshape(num_rows, num_rows)
        return np.linalg.lstsq(system, scatter(matrix), rcond=_NO_EIGENVALUE)[0]

    table = np.zeros((num_rows, matrix.shape[1]))
    residual = matrix.astype(np.float64, copy=True)
    gradient = scatter(residual)
    direction = gradient.copy()
    power = (gradient**2).sum(axis=0)
    goal = _TOLERANCE**2 * power
    for _ in range(_MAX_ROUNDS):
        active = power > goal
        if not active.any():
            break
        change = sums(direction)
        length = (change**2).sum(axis=0)
        step = np.where(active, power / np.where(length > 0, length, 1), 0.0)
        table += step * direction
        residual -= step * change
        gradient = scatter(residual)
        last, power = power, (gradient**2).sum(axis=0)
        direction = gradient + direction * np.where(active, power / np.where(last > 0, last, 1), 0)
    return table
