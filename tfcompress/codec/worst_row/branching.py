"""Branch and bound: a prefix code whose worst row costs at most a given number of bits, if any.

The relaxation of a node, with limits on the length of each symbol, either costs more than the
target (then no code within the limits reaches it), or gives average lengths. Rounded, they may be
a code that does; otherwise the symbol whose fraction matters most is split: at most the whole
length below, or at least the one above. The nearer side is looked at first, so that the search
dives. The rows that matter are few, so a relaxation takes some ten milliseconds, and a hundred of
them usually find the code or exclude it.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfcompress.codec.worst_row.relaxation import Relaxation, worst_rows
from tfcompress.codec.worst_row.row_programme import solve_rows
from tfcompress.codec.worst_row.row_source import RowSource

_FIRST_ROWS = 60
_MORE_ROWS = 20
# Digits by which a length may leave the root's: further away no code was ever found.
_WINDOW = 2
_TOLERANCE = 1e-6

IntArray = NDArray[np.int64]


class Outcome(NamedTuple):
    """What a search came to.

    Attributes:
        lengths: int64 array, shape `(S,)`, or None. A code that reaches the target.
        exhausted: bool. True where the target was excluded, near the relaxation's lengths; with
            neither, the nodes ran out.
    """

    lengths: IntArray | None
    exhausted: bool


def reach(
    source: RowSource, relaxation: Relaxation, max_length: int, target: int, max_nodes: int
) -> Outcome:
    """Looks for a code whose worst row takes at most `target` bits.

    Args:
        source: RowSource. The rows.
        relaxation: Relaxation. Solved for `source` and `max_length`.
        max_length: int. The longest word allowed.
        target: int. Bits of the worst row.
        max_nodes: int. Relaxations to solve before giving up.

    Returns:
        Outcome.
    """
    symbols = relaxation.symbols
    full = np.zeros(len(source.totals))
    full[symbols] = relaxation.lengths
    rows = worst_rows(source.costs(full), _FIRST_ROWS)
    counts = source.counts(rows)[:, symbols].astype(np.float64)
    shortest = np.maximum(1, np.floor(relaxation.lengths).astype(np.int64) - _WINDOW)
    longest = np.minimum(max_length, np.ceil(relaxation.lengths).astype(np.int64) + _WINDOW)
    nodes = [(shortest, longest)]
    for _ in range(max_nodes):
        if not nodes:
            return Outcome(None, True)
        shortest, longest = nodes.pop()
        if np.exp2(-longest.astype(np.float64)).sum() > 1:
            continue
        solution = solve_rows(counts, shortest, longest, tolerance=_TOLERANCE)
        if solution.value * (1 - 2 * _TOLERANCE) > target:
            continue
        lengths = solution.lengths
        rounded = np.rint(lengths).astype(np.int64)
        fits = np.exp2(-rounded.astype(np.float64)).sum() <= 1
        if fits and (counts @ rounded).max() <= target:
            full[symbols] = rounded
            costs = source.costs(full)
            if costs.max() <= target:
                return Outcome(rounded, False)
            rows = np.union1d(rows, worst_rows(costs, _MORE_ROWS))
            counts = source.counts(rows)[:, symbols].astype(np.float64)
            nodes.append((shortest, longest))
            continue
        fractions = np.abs(lengths - rounded)
        symbol = int(np.argmax(fractions * (solution.weights @ counts + 1e-3)))
        below = math.floor(lengths[symbol])
        if fractions[symbol] < 1e-9 or below >= longest[symbol]:
            continue
        capped, raised = longest.copy(), shortest.copy()
        capped[symbol], raised[symbol] = below, below + 1
        children = [(shortest, capped), (raised, longest)]
        nodes += children if lengths[symbol] - below > 0.5 else children[::-1]
    return Outcome(None, not nodes)
