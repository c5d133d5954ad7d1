"""One tree over whole 8-bit values, its shape found by simulated annealing on the worst row."""

from typing import Literal

import numpy as np

from tfcompress.codec.baselines.baseline import Baseline, ByteTable, IntArray
from tfcompress.codec.worst_row.relaxation import worst_rows
from tfcompress.codec.worst_row.row_source import TableRows
from tfcompress.errors import ConfigError
from tfcompress.prefix_codes import huffman_lengths

_ANNEALING_ROUNDS = 3
_ANNEALING_MOVES = 6_000
_ANNEALING_ROWS = 800
# Temperatures as a share of the columns, from the first move to the last.
_HOT, _COLD = 0.02, 0.0005
_DEEPEST = 64


def annealed_8bit(
    table: ByteTable,
    start: Literal["balanced", "huffman"] = "balanced",
    seed: int = 0,
    *,
    moves: int = _ANNEALING_MOVES,
) -> Baseline:
    """One tree over whole values, its shape found by simulated annealing on the worst row.

    The state is the number of leaves at each depth; the most frequent values take the shortest
    words. A move makes two leaves of one depth into one leaf above, and another leaf into two below
    it. Moves are judged on the rows that were worst so far, and all rows are looked at between
    rounds.

    Args:
        table: int8 or uint8 array, shape `(n, D)`.
        start: str. "balanced" (all words within one bit) or "huffman" (best for the mean row).
        seed: int. The same seed gives the same tree.
        moves: int. Moves to try in each of three rounds.

    Raises:
        ConfigError: `table` is not of bytes, or `start` is neither.
    """
    if start not in ("balanced", "huffman"):
        raise ConfigError(f"start: got {start!r}, expected 'balanced' or 'huffman'")
    source = TableRows(table)
    name = f"annealed_8bit ({start} start)"
    columns = table.shape[1]
    symbols = np.flatnonzero(source.totals)
    symbols = symbols[np.argsort(-source.totals[symbols], kind="stable")]
    if len(symbols) < 2:
        return Baseline(name, 0, columns)
    if start == "huffman":
        lengths = np.sort(huffman_lengths(source.totals[symbols]))
    else:
        lengths = _balanced_lengths(len(symbols))
    generator = np.random.default_rng(seed)
    full = np.zeros(256, np.int64)
    full[symbols] = lengths
    costs = source.costs(full)
    best = int(costs.max())
    rows = np.zeros(0, np.int64)
    for _ in range(_ANNEALING_ROUNDS):
        rows = np.union1d(rows, worst_rows(costs, _ANNEALING_ROWS))
        found = _anneal(source.counts(rows)[:, symbols], lengths, moves, generator)
        full[symbols] = found
        costs = source.costs(full)
        if int(costs.max()) < best:
            best, lengths = int(costs.max()), found
    return Baseline(name, best, columns)


def _balanced_lengths(num_symbols: int) -> IntArray:
    """Words within one bit of each other that fill Kraft's sum, shortest first."""
    longest = (num_symbols - 1).bit_length()
    num_short = (1 << longest) - num_symbols
    return np.repeat([longest - 1, longest], [num_short, num_symbols - num_short]).astype(np.int64)


def _anneal(
    counts: IntArray, lengths: IntArray, moves: int, generator: np.random.Generator
) -> IntArray:
    """One annealing run on rows of `counts` (n, S), symbols in the order of `lengths` (S,).

    With ends[k] leaves of depth k or less and the symbols in order, a row of D values costs
    sum_k (D - values among the first ends[k] symbols), so a move changes a few terms only.
    """
    depths = max(_DEEPEST, int(lengths[-1]) + 2)
    among_first = np.zeros((len(lengths) + 1, len(counts)), np.int64)
    np.cumsum(counts.T, axis=0, out=among_first[1:])
    ends = np.cumsum(np.bincount(lengths, minlength=depths))
    costs = counts @ lengths
    current = best = int(costs.max())
    best_ends = ends.copy()
    hot = counts[0].sum() * _HOT
    temperatures = hot * (_COLD / _HOT) ** (np.arange(moves) / moves)
    # Metropolis: accept a loss with probability exp(-loss / temperature).
    allowed = temperatures * generator.exponential(size=moves)
    for allowance, choice in zip(
        allowed.tolist(), generator.random((moves, 2)).tolist(), strict=True
    ):
        leaves = np.diff(ends, prepend=0)
        can_merge = np.flatnonzero(leaves >= 2)
        can_split = np.flatnonzero(leaves[:-1])
        merge = can_merge[int(choice[0] * len(can_merge))]
        split = can_split[int(choice[1] * len(can_split))]
        if split == merge - 1 or (split == merge and leaves[merge] < 3):
            continue
        moved = ends.copy()
        moved[merge - 1] += 1
        moved[merge:] -= 1
        moved[split] -= 1
        moved[split + 1 :] += 1
        changed = np.flatnonzero(moved != ends)
        new_costs = costs + (among_first[ends[changed]] - among_first[moved[changed]]).sum(axis=0)
        worst = int(new_costs.max())
        if worst - current <= allowance:
            costs, current, ends = new_costs, worst, moved
            if current < best:
                best, best_ends = current, ends
    found: IntArray = np.repeat(np.arange(depths), np.diff(best_ends, prepend=0))
    return found
