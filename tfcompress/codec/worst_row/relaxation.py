"""The linear relaxation of the best prefix code for the worst row, by cutting planes.

The code minimises the cost of the worst row r, n_r . l, over whole lengths l_s in 1..L under
Kraft's inequality sum 2^-l_s <= 1. Let every symbol mix lengths: its average length l_s then spends
phi(l_s) of Kraft's sum, phi being 2^-l joined by straight lines between whole lengths. With
l_s = 1 + sum_k y_sk, 0 <= y_sk <= 1, each further digit k frees g_k = 2^-(k+1), and what remains is
a linear programme:

    minimise t   with   t >= n_r . l   (multiplier w_r),   sum g_k y_sk >= S/2 - 1   (multiplier mu)

Its multipliers are the row weights and the mu of a `Certificate`: no prefix code gets below its
value. Only few rows matter, so rows are added as they are violated (cutting planes), and each
programme is solved by `row_programme`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfcompress.codec.worst_row.row_programme import solve_rows
from tfcompress.codec.worst_row.row_source import RowSource

FloatArray = NDArray[np.float64]

_FIRST_ROWS = 160
_ROWS_PER_ROUND = 80
_MAX_ROWS = 400
_MAX_ROUNDS = 40
_BLOCK_ROWS = 1 << 20
# Bits of the worst row left between the relaxation over the chosen rows and over all rows.
_TOLERANCE = 0.02


@dataclass(frozen=True)
class Relaxation:
    """Real-valued lengths and the rows that stand in the way of better ones.

    Attributes:
        symbols: int64 array, shape `(S,)`. The symbols that occur.
        lengths: float64 array, shape `(S,)`. Average lengths; the worst row costs `value`.
        rows: int64 array, shape `(R,)`. Rows the solution was found on.
        weights: float64 array, shape `(R,)`. Their multipliers: none negative, sum 1.
        value: float. Bits of the worst row under `lengths`: near a lower bound for every code, but
            rounding and rows left out make it no proof; see `certify`.
    """

    symbols: NDArray[np.int64]
    lengths: FloatArray
    rows: NDArray[np.int64]
    weights: FloatArray
    value: float


def relax(source: RowSource, max_length: int) -> Relaxation:
    """Solves the relaxation over all rows of `source`.

    Args:
        source: RowSource. At least one row and three symbols that occur.
        max_length: int. L, with 2^L at least the number of symbols that occur.

    Returns:
        Relaxation.
    """
    symbols = np.flatnonzero(source.totals)
    lengths = np.clip(-np.log2(source.totals[symbols] / source.totals.sum()), 1, max_length)
    lengths = np.minimum(lengths + 0.5, max_length)
    costs = source.costs(_spread(lengths, symbols, source))
    rows = worst_rows(costs, _FIRST_ROWS)
    shortest = np.ones(len(symbols), np.int64)
    longest = np.full(len(symbols), max_length)
    best: Relaxation | None = None
    for _ in range(_MAX_ROUNDS):
        counts = source.counts(rows)[:, symbols].astype(np.float64)
        solution = solve_rows(counts, shortest, longest)
        costs = source.costs(_spread(solution.lengths, symbols, source))
        value = float(costs.max())
        if best is None or value < best.value:
            best = Relaxation(symbols, solution.lengths, rows, solution.weights, value)
        fresh = np.setdiff1d(worst_rows(costs, _ROWS_PER_ROUND), rows)
        fresh = fresh[costs[fresh] > solution.value + _TOLERANCE]
        if not len(fresh):
            return Relaxation(symbols, solution.lengths, rows, solution.weights, value)
        kept = rows[solution.weights > 1e-7] if len(rows) > _MAX_ROWS else rows
        rows = np.union1d(kept, fresh)
    assert best is not None
    return best


def worst_rows(costs: NDArray[np.floating], count: int) -> NDArray[np.int64]:
    """The rows of the `count` greatest costs, in no order."""
    chosen = np.zeros(0, np.int64)
    # Block by block: to sort tens of millions of costs takes more memory than they do.
    for start in range(0, len(costs), _BLOCK_ROWS):
        block = np.arange(start, min(start + _BLOCK_ROWS, len(costs)))
        chosen = np.concatenate([chosen, block])
        if len(chosen) > count:
            cut = len(chosen) - count
            chosen = chosen[np.argpartition(costs[chosen], cut)[cut:]]
    return chosen


def _spread(lengths: FloatArray, symbols: NDArray[np.int64], source: RowSource) -> FloatArray:
    """Lengths of the symbols that occur, put among zeros for those that do not."""
    full = np.zeros(len(source.totals))
    full[symbols] = lengths
    return full
