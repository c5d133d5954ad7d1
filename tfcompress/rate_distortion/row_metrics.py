"""What errors in each row of a table do to a model, where rows differ in that.

Scores are taken against the rows of items: an error in the row of an item harms along the vectors
of those who are likely to be shown it, and these are others for every item. A metric of the whole
table knows nothing of it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfcompress.errors import ConfigError

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


@dataclass(frozen=True)
class RowMetrics:
    """The error e of row r harms by e M e^T: M is weights[r] * shared, and some rows add their own.

    Attributes:
        shared: float32 array, shape `(D, D)`, symmetric, positive semidefinite.
        weights: float64 array, shape `(n,)`, none negative. Rows of weight 0 are rounded as without
            a metric of theirs.
        rows: int64 array, shape `(k,)`, ascending. Rows with matrices of their own.
        own: float32 array, shape `(k, D, D)`, each symmetric, positive semidefinite.

    Raises:
        ConfigError: Shapes do not go together, or a number is not finite.
    """

    shared: F32
    weights: F64
    rows: NDArray[np.int64]
    own: F32

    def __post_init__(self) -> None:
        """Checks that the parts go together."""
        columns = len(self.shared)
        if self.shared.shape != (columns, columns):
            raise ConfigError(f"shared: got shape {self.shared.shape}, expected (D, D)")
        if self.own.shape != (len(self.rows), columns, columns):
            raise ConfigError(
                f"own: got shape {self.own.shape}, expected {(len(self.rows), columns, columns)}"
            )
        ascending = bool((np.diff(self.rows) > 0).all())
        if len(self.rows) and not (ascending and 0 <= self.rows[0] <= self.rows[-1] < self.count):
            raise ConfigError(f"rows: got {self.rows}, expected ascending, all < {self.count}")
        if not all(np.isfinite(part).all() for part in (self.shared, self.weights, self.own)):
            raise ConfigError("row metrics: got NaN or infinity, expected finite numbers")

    @property
    def count(self) -> int:
        """Rows of the table."""
        return len(self.weights)

    def between(self, start: int, end: int) -> F32:
        """The matrices of the rows from `start` to before `end`: `(end - start, D, D)`."""
        weights = self.weights[start:end].astype(np.float32)
        result: F32 = weights[:, None, None] * self.shared
        first, last = np.searchsorted(self.rows, (start, end))
        result[self.rows[first:last] - start] += self.own[first:last]
        return result

    def traces(self, basis: NDArray[np.floating]) -> F64:
        """Traces of the matrices in another basis, B M B^T: `(n,)`."""
        squares = (basis.T @ basis).astype(np.float32)
        result = self.weights * float(np.vdot(self.shared, squares))
        result[self.rows] += np.einsum("kab,ab->k", self.own, squares)
        return result


def check_row_metrics(metrics: RowMetrics | None, table: F32) -> RowMetrics | None:
    """The metrics; raises `ConfigError` where they are not those of a table like this."""
    if metrics is not None and (metrics.count, len(metrics.shared)) != table.shape:
        raise ConfigError(
            f"row_metrics: got {metrics.count:,} rows of {len(metrics.shared)} columns, expected "
            f"those of the table, {table.shape[0]:,} of {table.shape[1]}"
        )
    return metrics
