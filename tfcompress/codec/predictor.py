"""A linear predictor across columns in integers, fitted to what it saves in bits.

    x_j = r_j + clip((bias_j + sum over k < min(j, pivots) of w_jk x_k) >> shift_j)

in stream order: pivots first, then the other columns as they stand in the table. The fit is least
squares in which a row weighs as much as its residuals are small, so that the many quiet rows count
as the few loud ones do; that is what the code length asks for, and worth up to 0.1 bits a value
over plain least squares. Weights are rounded to the step at which finer ones would cost more bytes
than they save.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfcompress.codec.frequencies import pack_bytes
from tfcompress.native import _native

U8 = NDArray[np.uint8]
Moments = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Mean of each column, covariance of each two."""

BIAS_BITS = 3
MAX_SHIFT = 12
MAX_PREDICTED = 4096

_NOISE = 1 / 12
"""Variance that rounding to integers adds: no column is known better."""
_ROUNDS = 2
_WEIGHED_VALUES = 1 << 22
_WEIGHING_PIVOTS = 128
_CHUNK_VALUES = 1 << 20


@dataclass(frozen=True)
class Predictor:
    """An integer predictor.

    Attributes:
        order: int64 array, shape `(columns,)`. Column of the table at each place of the stream.
        pivots: int. How many columns others are predicted from.
        weights: int8 array, shape `(columns, pivots)`, zero from column j of row j on.
        stored_bias: int16 array, shape `(columns,)`, in 1/8.
        shift: uint8 array, shape `(columns,)`.
        limit: int. Predictions are clipped to -limit..limit - 1.
    """

    order: NDArray[np.int64]
    pivots: int
    weights: NDArray[np.int8]
    stored_bias: NDArray[np.int16]
    shift: U8
    limit: int

    @property
    def bias(self) -> NDArray[np.int32]:
        """What the sums start from: the stored bias at each column's shift, half for rounding."""
        shift = self.shift.astype(np.int32)
        half = np.where(shift > 0, 1 << np.maximum(shift - 1, 0), 0)
        return ((self.stored_bias.astype(np.int32) << shift >> BIAS_BITS) + half).astype(np.int32)

    def residuals(self, symbols: U8) -> U8:
        """Residuals of rows in stream order: uint8, shape `(rows, columns)`."""
        ordered = np.ascontiguousarray(symbols[:, self.order])
        return _native.predict_rows(ordered, self.weights, self.bias, self.shift, self.limit)

    def to_bytes(self) -> bytes:
        """The predictor as the model stores it; the number of pivots stands before the tables."""
        columns = len(self.order)
        pivots = b""
        if self.pivots < columns:
            pivots = self.order[: self.pivots].astype("<u2").tobytes()
        used = [self.weights[j, : min(j, self.pivots)] for j in range(columns)]
        flat = np.concatenate(used) if used else np.empty(0, np.int8)
        bias = self.stored_bias.astype("<i2").view(np.uint8).reshape(-1, 2)
        return b"".join(
            [
                pivots,
                pack_bytes(self.shift),
                pack_bytes(np.ascontiguousarray(bias[:, 0])),
                pack_bytes(np.ascontiguousarray(bias[:, 1])),
                pack_bytes(flat.view(np.uint8)),
            ]
        )


def nothing_predicted(columns: int, limit: int) -> Predictor:
    """The predictor of tables that have no, or too few values to fit one to."""
    return Predictor(
        np.arange(columns),
        0,
        np.zeros((columns, 0), np.int8),
        np.zeros(columns, np.int16),
        np.zeros(columns, np.uint8),
        limit,
    )


class PredictorFit:
    """Moments of a sample of rows, from which predictors of any number of pivots follow.

    Args:
        symbols: uint8 array, shape `(rows, columns)`.
        limit: int. Values lie in -limit..limit - 1.
        total_rows: int. Rows of the whole table: the more there are, the finer the weights.
        max_pivots: int. The most pivots that will be asked for.
    """

    def __init__(self, symbols: U8, limit: int, total_rows: int, max_pivots: int):
        self._limit = limit
        self._total_rows = total_rows
        self._columns = symbols.shape[1]
        few = symbols[:: max(1, symbols.size // _WEIGHED_VALUES)]
        moments = _moments(few, None)
        for _ in range(_ROUNDS):
            moments = _moments(few, _Weighing.fit(few, moments, max_pivots))
        weighing = _Weighing.fit(few, moments, max_pivots)
        self._mean, self._covariance = _moments(symbols, weighing)
        self._order = _pivot_order(self._covariance, min(max_pivots, self._columns - 1, 256))

    def predictor(self, pivots: int) -> Predictor:
        """The predictor with the given number of pivots (all columns: the table's own order)."""
        columns = self._columns
        order = (
            np.arange(columns) if pivots >= columns else _complete(self._order[:pivots], columns)
        )
        pivots = min(pivots, columns)
        covariance = self._covariance[np.ix_(order, order)]
        mean = self._mean[order]
        coefficients = _solve(covariance, pivots)
        shift = self._shifts(covariance, coefficients, pivots)
        scale = 2.0 ** shift.astype(np.float64)
        rounded = np.clip(np.rint(coefficients * scale[:, None]), -127, 127)
        bias = mean - (rounded / scale[:, None]) @ mean[:pivots]
        limits = np.iinfo(np.int16)
        stored = np.clip(np.rint(bias * 2**BIAS_BITS), limits.min, limits.max).astype(np.int16)
        return Predictor(order, pivots, rounded.astype(np.int8), stored, shift, self._limit)

    def _shifts(
        self, covariance: NDArray[np.float64], coefficients: NDArray[np.float64], pivots: int
    ) -> U8:
        """Fractional bits of each column's weights.

        A rounding error of uniform size s in a weight adds s^2 / 12 var(x_k) to the residual's
        variance, n / (2 ln 2) of that relative to it in bits; a bit less precision saves a bit.
        The two balance at s^2 = 12 / n var(r_j) / var(x_k). Weights must also fit int8.
        """
        if not pivots:
            return np.zeros(len(covariance), np.uint8)
        variances = np.diag(covariance)
        products = coefficients * covariance[:, :pivots]
        residual = np.maximum(variances - products.sum(axis=1), _NOISE)
        step = np.sqrt(12 / max(1, self._total_rows) * residual / variances[:pivots].mean())
        largest = np.maximum(np.abs(coefficients).max(axis=1), 1e-6)
        shift = np.minimum(np.rint(-np.log2(step)), np.floor(np.log2(127 / largest)))
        return np.asarray(np.clip(shift, 0, MAX_SHIFT), np.uint8)


@dataclass(frozen=True)
class _Weighing:
    """How much a row counts: as much as what a rough predictor leaves of it is small."""

    order: NDArray[np.int64]
    mean: NDArray[np.float32]
    coefficients: NDArray[np.float32]
    noise: NDArray[np.float32]

    @classmethod
    def fit(cls, symbols: U8, moments: Moments, max_pivots: int) -> "_Weighing":
        """From the moments of the rows so far."""
        mean, covariance = moments
        pivots = min(max_pivots, len(mean), _WEIGHING_PIVOTS)
        order = np.arange(len(mean))
        if pivots < len(mean):
            order = _complete(_pivot_order(covariance, pivots), len(mean))
        ordered = covariance[np.ix_(order, order)]
        coefficients = _solve(ordered, pivots)
        noise = np.diag(ordered) - (coefficients * ordered[:, :pivots]).sum(axis=1)
        return cls(
            order,
            mean[order].astype(np.float32),
            coefficients.astype(np.float32),
            np.maximum(noise, _NOISE).astype(np.float32),
        )

    def weights(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """One weight for each row."""
        centred = values[:, self.order] - self.mean
        errors = centred - centred[:, : self.coefficients.shape[1]] @ self.coefficients.T
        return np.asarray(1 / ((np.square(errors) @ (1 / self.noise)) / len(self.mean) + 0.01))


def _moments(symbols: U8, weighing: _Weighing | None) -> Moments:
    """Weighted mean and covariance of the columns, with the variance of rounding added."""
    columns = symbols.shape[1]
    total = 0.0
    sums = np.zeros(columns)
    products = np.zeros((columns, columns))
    # Moments about the first rows' mean: float32 products then lose nothing to cancellation.
    centre = symbols[:4096].view(np.int8).mean(axis=0, dtype=np.float32)
    rows = max(1, _CHUNK_VALUES // columns)
    for start in range(0, len(symbols), rows):
        values = symbols[start : start + rows].view(np.int8).astype(np.float32)
        weights = np.ones(len(values), np.float32) if weighing is None else weighing.weights(values)
        values -= centre
        scaled = values * weights[:, None]
        total += float(weights.sum(dtype=np.float64))
        sums += scaled.sum(axis=0, dtype=np.float64)
        products += scaled.T @ values
    mean = sums / total
    covariance = products / total - np.outer(mean, mean)
    covariance[np.diag_indices(columns)] += _NOISE
    return mean + centre, covariance


def _pivot_order(covariance: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Columns, each the one that takes most bits off the others given those before it."""
    left = covariance.copy()
    order = np.zeros(count, np.int64)
    free = np.ones(len(left), np.bool_)
    for k in range(count):
        diagonal = np.maximum(np.diag(left), 1e-9)
        explained = np.square(left) / diagonal[:, None] / diagonal
        np.minimum(explained, 1 - 1e-9, out=explained)
        gain = -np.log1p(-explained)[:, free].sum(axis=1)
        gain[~free] = -np.inf
        best = int(np.argmax(gain))
        order[k] = best
        free[best] = False
        left -= np.outer(left[:, best], left[best]) / diagonal[best]
        left[best], left[:, best] = 0, 0
        left[np.diag_indices(len(left))] = np.maximum(np.diag(left), 1e-9)
    return order


def _complete(pivots: NDArray[np.int64], columns: int) -> NDArray[np.int64]:
    return np.concatenate([pivots, np.setdiff1d(np.arange(columns), pivots)])


def _solve(covariance: NDArray[np.float64], pivots: int) -> NDArray[np.float64]:
    """Regression of each column on the pivots before it: shape `(columns, pivots)`."""
    columns = len(covariance)
    result = np.zeros((columns, pivots))
    if not pivots:
        return result
    triangle = np.linalg.cholesky(covariance[:pivots, :pivots])
    inverse = np.linalg.inv(triangle)
    result[:pivots] = np.eye(pivots) - np.diag(triangle)[:, None] * inverse
    result[:pivots] = np.tril(result[:pivots], -1)
    result[pivots:] = np.linalg.solve(covariance[:pivots, :pivots], covariance[:pivots, pivots:]).T
    return result
