"""The linear programme of `relaxation` on some rows, by an interior-point method.

    minimise t   with   t >= n_r . l   (multiplier w_r),   sum g_k y_sk >= S/2 - 1   (multiplier mu)

over 0 <= y_sk <= 1, l_s = 1 + sum_k y_sk, is solved by Mehrotra's predictor-corrector method. The
Newton system of R rows and S symbols shrinks to (R + 2) x (R + 2), because all digits of a symbol
share one column of counts. Limits on single lengths (for branching on them) only leave out digits.

Source: S. Mehrotra, "On the implementation of a primal-dual interior point method", SIAM Journal on
Optimization 2 (1992).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_MAX_STEPS = 80


class RowSolution(NamedTuple):
    """The relaxation solved on some rows: see `relaxation.Relaxation` for the fields."""

    lengths: FloatArray
    weights: FloatArray
    value: float


def solve_rows(
    counts: FloatArray,
    shortest: IntArray,
    longest: IntArray,
    *,
    tolerance: float = 1e-8,
) -> RowSolution:
    """Solves the relaxation for the rows given, each symbol's length within limits of its own.

    Args:
        counts: float64 array, shape `(R, S)`. Not all rows zero.
        shortest: int64 array, shape `(S,)`. Least length of each symbol, 1 or more.
        longest: int64 array, shape `(S,)`. Greatest length; words of these satisfy Kraft's
            inequality, and where they fill it there is no choice.
        tolerance: float. Relative gap between cost and bound at which to stop.

    Returns:
        RowSolution. Short of the optimum where rounding ends the walk early; its weights still
        prove a bound, if a weaker one.
    """
    room = 1 - np.exp2(-longest.astype(np.float64)).sum()
    scale = counts.sum(axis=1).max()
    if room <= 0 or (shortest == longest).all():
        # Nothing to choose, and no interior to walk in.
        costs = counts @ longest
        weights = np.zeros(len(counts))
        weights[costs.argmax()] = 1
        return RowSolution(longest.astype(np.float64), weights, float(costs.max()))
    programme = _Programme(counts / scale, shortest, longest)
    point = programme.start()
    for _ in range(_MAX_STEPS):
        gap = programme.gap(point)
        if gap < tolerance * point.value:
            break
        try:
            following = programme.step(point, gap)
        except np.linalg.LinAlgError:
            break
        if not all(np.isfinite(part).all() for part in following):
            break
        point = following
    weights = np.maximum(point.weights, 0)
    lengths = np.clip(shortest + programme.by_symbol(point.digits), shortest, longest)
    return RowSolution(lengths, weights / weights.sum(), float((counts @ lengths).max()))


class _Point(NamedTuple):
    """Primal and dual variables; also a direction in them. J digits, R rows."""

    digits: FloatArray  # y (J,)
    row_slack: FloatArray  # z (R,)
    kraft_slack: float
    value: float  # t
    weights: FloatArray  # w (R,), the multipliers of z >= 0
    mu: float  # of kraft_slack >= 0
    lower: FloatArray  # (J,), of y >= 0
    upper: FloatArray  # (J,), of y <= 1

    def moved(self, by: "_Point", primal: float, dual: float) -> "_Point":
        """This point after a step along `by`, of one length for each side."""
        return _Point(
            self.digits + primal * by.digits,
            self.row_slack + primal * by.row_slack,
            self.kraft_slack + primal * by.kraft_slack,
            self.value + primal * by.value,
            self.weights + dual * by.weights,
            self.mu + dual * by.mu,
            self.lower + dual * by.lower,
            self.upper + dual * by.upper,
        )


class _Programme:
    """The linear programme on `rows` (R, S), and one step of the predictor-corrector method."""

    def __init__(self, rows: FloatArray, shortest: IntArray, longest: IntArray) -> None:
        self.rows = rows
        free = longest - shortest
        # The digits that may be added, one after another: whose they are, and g.
        self.owner = np.repeat(np.arange(len(free)), free)
        first = np.repeat(np.cumsum(free) - free, free)
        self.digit = np.arange(len(self.owner)) - first
        self.gains: FloatArray = np.exp2(-1.0 - shortest[self.owner] - self.digit)
        self.least_costs: FloatArray = rows @ shortest
        self.to_free = float(np.exp2(-shortest.astype(np.float64)).sum()) - 1

    def by_symbol(self, values: FloatArray) -> FloatArray:
        """Sums over the digits of each symbol: `(J,)` to `(S,)`."""
        sums: FloatArray = np.bincount(self.owner, values, self.rows.shape[1]).astype(np.float64)
        return sums

    def start(self) -> _Point:
        """A point inside all bounds; the equations need not hold yet."""
        num_rows, num_symbols = self.rows.shape
        digits = np.clip(np.log2(num_symbols) - self.digit, 0.05, 0.95)
        value = 1.05 * float((self.least_costs + self.rows @ self.by_symbol(digits)).max())
        weights = np.full(num_rows, 1 / num_rows)
        mu = 0.7 * value
        # The cheapest multipliers of the bounds that satisfy the dual equations, moved inside.
        slope = (weights @ self.rows)[self.owner] - mu * self.gains
        margin = 0.01 * value / num_symbols + 1e-3
        return _Point(
            digits,
            np.full(num_rows, 0.1 * value),
            max(float(digits @ self.gains) - self.to_free, 0.1),
            value,
            weights,
            mu,
            np.maximum(slope, 0) + margin,
            np.maximum(-slope, 0) + margin,
        )

    def gap(self, point: _Point) -> float:
        """The sum of all products that are zero at the optimum."""
        return float(
            point.lower @ point.digits
            + point.upper @ (1 - point.digits)
            + point.weights @ point.row_slack
            + point.mu * point.kraft_slack
        )

    def step(self, point: _Point, gap: float) -> _Point:
        """One predictor and corrector step."""
        num_products = 2 * len(point.digits) + len(point.weights) + 1
        predictor = self._direction(point, 0, None)
        ahead = self.gap(point.moved(predictor, *self._reach(point, predictor)))
        centre = gap / num_products * (ahead / gap) ** 3
        corrector = self._direction(point, centre, predictor)
        primal, dual = self._reach(point, corrector)
        # Stay strictly inside, or the next system is singular.
        return point.moved(corrector, 0.9995 * primal, 0.9995 * dual)

    def _direction(self, point: _Point, centre: float, predictor: _Point | None) -> _Point:
        """Newton's direction to products equal to `centre`, with second-order terms if given."""
        y, z, kappa, t, w, mu, lower, upper = point
        g = self.gains
        to_lower, to_upper, to_slack, to_kappa = np.full(4, centre)
        if predictor is not None:
            to_lower = centre - predictor.lower * predictor.digits
            to_upper = centre + predictor.upper * predictor.digits
            to_slack = centre - predictor.weights * predictor.row_slack
            to_kappa = centre - predictor.mu * predictor.kraft_slack
        # What each equation still lacks.
        lack_digits = -(w @ self.rows)[self.owner] + mu * g + lower - upper
        lack_rows = self.least_costs + self.rows @ self.by_symbol(y) - t + z
        lack_kraft = self.to_free - float(y @ g) + kappa
        # Digits and bounds are eliminated: dy = (pull - rows^T dw + g dmu) / curvature.
        inverse = 1 / (lower / y + upper / (1 - y))
        pull = lack_digits + to_lower / y - lower - to_upper / (1 - y) + upper
        count = len(w)
        system = np.zeros((count + 2, count + 2))
        system[:count, :count] = (self.rows * self.by_symbol(inverse)) @ self.rows.T
        system[np.arange(count), np.arange(count)] += z / w
        coupling = -(self.rows @ self.by_symbol(inverse * g))
        system[:count, count] = system[count, :count] = coupling
        system[count, count] = float(inverse @ (g * g)) + kappa / mu
        system[:count, count + 1] = system[count + 1, :count] = 1
        right = np.empty(count + 2)
        right[:count] = lack_rows + to_slack / w - z + self.rows @ self.by_symbol(pull * inverse)
        right[count] = lack_kraft + to_kappa / mu - kappa - float((pull * inverse) @ g)
        right[count + 1] = 1 - w.sum()
        solution: FloatArray = np.linalg.solve(system, right).astype(np.float64)
        dw, dmu, dt = solution[:count], float(solution[count]), float(solution[count + 1])
        dy = inverse * (pull - (dw @ self.rows)[self.owner] + g * dmu)
        return _Point(
            dy,
            to_slack / w - z - z / w * dw,
            float(to_kappa / mu - kappa - kappa / mu * dmu),
            dt,
            dw,
            dmu,
            to_lower / y - lower - lower / y * dy,
            to_upper / (1 - y) - upper + upper / (1 - y) * dy,
        )

    @staticmethod
    def _reach(point: _Point, by: _Point) -> tuple[float, float]:
        """How far primal and dual variables can go along `by` before one is zero; at most 1."""

        def limit(*pairs: tuple[FloatArray | float, FloatArray | float]) -> float:
            speed = max(float(np.max(-np.asarray(dx) / x)) for x, dx in pairs)
            return 1.0 if speed <= 1 else 1 / speed

        primal = limit(
            (point.digits, by.digits),
            (1 - point.digits, -by.digits),
            (point.row_slack, by.row_slack),
            (point.kraft_slack, by.kraft_slack),
        )
        dual = limit(
            (point.lower, by.lower),
            (point.upper, by.upper),
            (point.weights, by.weights),
            (point.mu, by.mu),
        )
        return primal, dual
