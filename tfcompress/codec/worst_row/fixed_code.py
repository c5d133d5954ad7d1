"""The one prefix code that makes the worst row of a table as short as it can be.

With a fixed stride every row takes the room of the worst one, so the code that is best on average
is the wrong one: what counts is the maximum over rows of n_r . l. The search has these steps:

1. The linear relaxation (`relaxation`) finds the few rows that matter and their weights.
2. The optimal length-limited code of the weighted rows is a start, a handful of bits from the
   bound.
3. Local search on the rows that matter, with the maximum softened to tau log sum_r exp(c_r / tau)
   and tau falling. Moves keep Kraft's sum: two words of neighbouring lengths swap them; one word
   loses a digit while two of the same length gain one; or the reverse. With p_r = exp(c_r / tau)
   and E = exp(n / tau) the softened cost after any swap of a and b is sum_r p_r E_ra / E_rb, so one
   matrix product gives the whole neighbourhood, and the best move is taken.

Rows left out are looked at after each descent; the search ends early at the proven bound. Where
bits are left to it, branch and bound (`branching`) looks for them, and finds them or, as a rule,
shows that there is nothing to find.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tfcompress.codec.worst_row.branching import reach
from tfcompress.codec.worst_row.certify import check_max_length
from tfcompress.codec.worst_row.relaxation import relax, worst_rows
from tfcompress.codec.worst_row.row_source import HistogramRows, RowSource
from tfcompress.prefix_codes import fill_code, length_limited_lengths

_ACTIVE_ROWS = 300
_FRESH_ROWS = 200
_MAX_ACTIVE_ROWS = 800
_MAX_ROUNDS = 8
# Rounds without a better code after which to stop.
_PATIENCE = 1
# Relaxations that branching may solve for a target: fewer for few rows, where a bit is worth less.
_FEWEST_NODES, _MOST_NODES, _ROWS_PER_NODE = 10, 150, 4
_MAX_TARGETS = 6
_STEPS_PER_TEMPERATURE = 60
# Words that are tried as the single one of a two-against-one move, per length and step.
_SINGLES = 6
# In bits of row cost, per row of up to `_HOT_COLUMNS` values: from what many rows feel down to what
# only the worst does.
_HOT, _COLD, _NUM_TEMPERATURES = 4.0, 0.3, 16
_HOT_COLUMNS = 1024

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


def search_fixed_code(
    histograms: NDArray[np.integer[Any]] | RowSource, max_length: int = 12, seed: int = 0
) -> NDArray[np.uint8]:
    """Finds code lengths whose worst row is as short as possible.

    Args:
        histograms: integer array, shape `(rows, symbols)`, how often each symbol occurs in each
            row; or a `RowSource`, such as `TableRows(table)` for a table larger than memory.
        max_length: int. The longest word allowed, 1 to 48.
        seed: int. The same seed gives the same code.

    Returns:
        uint8 array, shape `(symbols,)`. 0 for symbols that do not occur, and for a lone symbol;
        otherwise the lengths fill Kraft's sum, that is, they leave no word unused.

    Raises:
        ConfigError: `histograms` is not an array of counts, or words of `max_length` cannot tell
            its symbols apart.
    """
    source = HistogramRows(histograms) if isinstance(histograms, np.ndarray) else histograms
    symbols = np.flatnonzero(source.totals)
    check_max_length(max_length, len(symbols))
    lengths = np.zeros(len(source.totals), np.uint8)
    if len(symbols) == 2:
        lengths[symbols] = 1
    elif len(symbols) > 2:
        # Small matrices: threads of BLAS would only wait for each other.
        with threadpool_limits(1, "blas"):
            lengths[symbols] = _search(source, symbols, max_length, np.random.default_rng(seed))
    return lengths


def _search(
    source: RowSource, symbols: IntArray, max_length: int, generator: np.random.Generator
) -> IntArray:
    relaxation = relax(source, max_length)
    masses = relaxation.weights @ source.counts(relaxation.rows)[:, symbols]
    best = length_limited_lengths(masses, max_length)
    # No code costs the weighted rows less than their own; a hair off for rounding.
    bound = float(np.ceil(masses @ best - 1e-4))

    full = np.zeros(len(source.totals))
    full[symbols] = relaxation.lengths
    rows = worst_rows(source.costs(full), _ACTIVE_ROWS)
    full[symbols] = best
    costs = source.costs(full)
    best_cost = float(costs.max())
    start = best
    improved = -1
    for number in range(_MAX_ROUNDS):
        if best_cost <= bound or number - improved > _PATIENCE:
            break
        rows = np.union1d(rows, worst_rows(costs, _FRESH_ROWS))
        if len(rows) > _MAX_ACTIVE_ROWS:
            rows = rows[np.argsort(costs[rows])[-_MAX_ACTIVE_ROWS:]]
        counts = np.unique(source.counts(rows)[:, symbols], axis=0)
        # A product past the range of floats is a move that no one wants.
        with np.errstate(over="ignore"):
            found = _Descent(counts, max_length, generator).run(start, bound)
        full[symbols] = found
        costs = source.costs(full)
        if (cost := float(costs.max())) < best_cost:
            best, best_cost, improved = found, cost, number
        # Later rounds start from other codes that are nearly optimal for the weighted rows.
        noise = generator.normal(0, 0.02 * number, len(masses))
        start = (
            best if number % 2 == 0 else length_limited_lengths(masses * np.exp(noise), max_length)
        )
    # Rows of many thousands of values leave a gap of many bits: then in a few strides.
    step = max(1, round(best_cost - bound) // _MAX_TARGETS)
    max_nodes = min(_MOST_NODES, _FEWEST_NODES + source.num_rows // _ROWS_PER_NODE)
    for target in range(int(bound), int(best_cost), step):
        outcome = reach(source, relaxation, max_length, target, max_nodes)
        if outcome.lengths is not None:
            return fill_code(outcome.lengths)
    return best


class _Descent:
    """Steepest descent on the softened maximum over the rows of `counts`, as tau falls."""

    def __init__(self, counts: IntArray, max_length: int, generator: np.random.Generator) -> None:
        self.counts = counts.astype(np.float64)
        self.max_length = max_length
        self.generator = generator

    def run(self, lengths: IntArray, bound: float) -> IntArray:
        """The lengths of the least maximum met on the way; stops at `bound`."""
        lengths = lengths.copy()
        costs = self.counts @ lengths
        best, best_cost = lengths.copy(), float(costs.max())
        centre = self.counts.mean(axis=0)
        wide = max(1.0, float(self.counts.sum(axis=1).max()) / _HOT_COLUMNS)
        for tau in np.geomspace(_HOT * wide, _COLD * wide, _NUM_TEMPERATURES):
            # Deviations from the mean row stay small, so their exponentials stay in range; the
            # mean's own factor is one number per symbol.
            self.longer = np.exp(
                np.clip((self.counts - centre) / tau, -200, 200) + np.clip(centre / tau, 0, 100)
            )
            self.shorter = 1 / self.longer
            for _ in range(_STEPS_PER_TEMPERATURE):
                heat = np.exp((costs - costs.max()) / tau)
                value, move = self._best_move(lengths, heat)
                if value >= heat.sum() * (1 - 1e-9):
                    break
                for symbol, change in move:
                    lengths[symbol] += change
                    costs += change * self.counts[:, symbol]
                if costs.max() < best_cost:
                    best, best_cost = lengths.copy(), float(costs.max())
                    if best_cost <= bound:
                        return best
        return best

    def _best_move(
        self, lengths: IntArray, heat: FloatArray
    ) -> tuple[float, list[tuple[int, int]]]:
        """The move of the least softened cost: (symbol, change of its length) pairs."""
        best: tuple[float, list[tuple[int, int]]] = (np.inf, [])
        words = [np.flatnonzero(lengths == length) for length in range(self.max_length + 2)]
        for length in range(1, self.max_length):
            here, next_, last = words[length], words[length + 1], words[length - 1]
            if len(here) and len(next_):
                values = (self.longer[:, here] * heat[:, None]).T @ self.shorter[:, next_]
                row, column = np.unravel_index(values.argmin(), values.shape)
                if values[row, column] < best[0]:
                    best = (values[row, column], [(int(here[row]), 1), (int(next_[column]), -1)])
            if length > 1:
                best = min(
                    best,
                    self._pair_move(here, here, heat, 1),
                    self._pair_move(last, next_, heat, -1),
                    key=lambda move: move[0],
                )
        return best

    def _pair_move(
        self, singles: IntArray, others: IntArray, heat: FloatArray, change: int
    ) -> tuple[float, list[tuple[int, int]]]:
        """The best move of two of `others` by `change` against one of `singles` by -`change`."""
        best: tuple[float, list[tuple[int, int]]] = (np.inf, [])
        pair, single = (self.longer, self.shorter) if change > 0 else (self.shorter, self.longer)
        if len(singles) > _SINGLES:
            singles = self.generator.choice(singles, _SINGLES, replace=False)
        for symbol in singles:
            partners = others[others != symbol]
            if len(partners) < 2:
                continue
            factors = pair[:, partners]
            values = (factors * (heat * single[:, symbol])[:, None]).T @ factors
            np.fill_diagonal(values, np.inf)
            row, column = np.unravel_index(values.argmin(), values.shape)
            if values[row, column] < best[0]:
                moves = [
                    (int(symbol), -change),
                    (int(partners[row]), change),
                    (int(partners[column]), change),
                ]
                best = (values[row, column], moves)
        return best
