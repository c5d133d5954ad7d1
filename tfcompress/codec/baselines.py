"""The published row codes of fixed stride, under their own names, and what each row could do alone.

The method that stride codes are compared with has two forms: two trees over 4-bit halves of the
values, with a few rows given the second tree, and one tree over whole 8-bit values found by
simulated annealing. Both hand out their lengths in order of frequency over the whole table. The
row limits need no common code at all: the worst row is coded with a Huffman code of its own, whose
cost in bytes is left out. All strides are bits of the worst row, and ratios are taken in bits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tfcompress.codec.relaxation import worst_rows
from tfcompress.codec.row_source import TableRows, byte_histograms, byte_rows, row_blocks
from tfcompress.errors import ConfigError
from tfcompress.prefix_codes import huffman_lengths

ByteTable = NDArray[np.int8] | NDArray[np.uint8]
IntArray = NDArray[np.int64]

_ANNEALING_ROUNDS = 3
_ANNEALING_MOVES = 6_000
_ANNEALING_ROWS = 800
# Temperatures as a share of the columns, from the first move to the last.
_HOT, _COLD = 0.02, 0.0005
_DEEPEST = 64
_SECOND_TREE_PATIENCE = 12
_FITTING_ROUNDS = 8
_HUFFMAN_BATCH = 512


@dataclass(frozen=True)
class Baseline:
    """What a method of fixed stride reaches on a table.

    Attributes:
        name: str. The method.
        stride: int. Bits of the worst row.
        columns: int. Values in a row.
    """

    name: str
    stride: int
    columns: int

    @property
    def saved(self) -> float:
        """The share of 8 bits a value that the stride saves."""
        return 1 - self.stride / (8 * self.columns) if self.columns else 0.0


def two_tree_4bit(table: ByteTable) -> Baseline:
    """Two trees over half values; every row takes the one that suits it.

    Every shape of a tree with 16 leaves is tried for the first tree; then, for the m worst rows
    under it, every shape for a second tree of their own, as m grows while that helps. At last both
    trees are fitted to the rows that take them, in turns, while that helps.

    Args:
        table: int8 or uint8 array, shape `(n, D)`.

    Raises:
        ConfigError: `table` is not of bytes.
    """
    data = byte_rows(table)
    counts = np.concatenate(
        [_half_histograms(rows) for rows in row_blocks(data)] or [np.zeros((0, 16), np.int64)]
    )
    if not counts.any():
        return Baseline("two_tree_4bit", 0, data.shape[1])
    best, first = _best_tree(counts)
    costs = counts @ first
    order = np.argsort(-costs, kind="stable")
    second, best_size = first, 0
    for size in _second_tree_sizes(len(order)):
        stride, lengths = _best_tree(counts[order[:size]])
        rest = int(costs[order[size]]) if size < len(order) else 0
        if max(stride, rest) < best or size == 1:
            second, best_size = lengths, size
            best = min(best, max(stride, rest))
        elif size > best_size + _SECOND_TREE_PATIENCE and stride >= best:
            # More rows can only make the second tree's worst row worse.
            break
    for _ in range(_FITTING_ROUNDS):
        takes_second = counts @ second < counts @ first
        if takes_second.all() or not takes_second.any():
            break
        first = _best_tree(counts[~takes_second])[1]
        second = _best_tree(counts[takes_second])[1]
        stride = int(np.minimum(counts @ first, counts @ second).max())
        if stride >= best:
            break
        best = stride
    return Baseline("two_tree_4bit", best, data.shape[1])


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


def row_limits(table: ByteTable) -> tuple[Baseline, Baseline]:
    """The worst row under a Huffman code of its own: over 4-bit halves, and over whole values.

    Args:
        table: int8 or uint8 array, shape `(n, D)`.

    Returns:
        Two Baselines, "row_limit_4bit" and "row_limit_8bit".

    Raises:
        ConfigError: `table` is not of bytes.
    """
    data = byte_rows(table)
    half = whole = 0
    for rows in row_blocks(data):
        half = _worst_own_code(_half_histograms(rows), half)
        whole = _worst_own_code(byte_histograms(rows), whole)
    columns = data.shape[1]
    return Baseline("row_limit_4bit", half, columns), Baseline("row_limit_8bit", whole, columns)


def _half_histograms(rows: NDArray[np.uint8]) -> IntArray:
    """Counts of the 16 half values, both halves of every byte, in each row: int64 `(n, 16)`."""
    grid = byte_histograms(rows).reshape(-1, 16, 16)
    halves: IntArray = grid.sum(axis=1) + grid.sum(axis=2)
    return halves


def _second_tree_sizes(num_rows: int) -> Iterator[int]:
    """1, 2, 3, ... and from 64 on about a tenth more each time, up to all rows."""
    size = 1
    while size < num_rows:
        yield size
        size = max(size + 1, size * 11 // 10) if size >= 64 else size + 1
    yield num_rows


@cache
def _tree_shapes(num_leaves: int) -> NDArray[np.int64]:
    """Depths of the leaves, ascending, of every full binary tree: int64 `(shapes, num_leaves)`."""

    def grow(depth: int, open_nodes: int, left: int) -> Iterator[tuple[int, ...]]:
        # Of the open nodes at this depth some are leaves; the others have two children each.
        if open_nodes == left:
            yield (depth,) * left
            return
        for leaves in range(open_nodes):
            inner = open_nodes - leaves
            if 2 * inner <= left - leaves:
                for rest in grow(depth + 1, 2 * inner, left - leaves):
                    yield (depth,) * leaves + rest

    return np.array(list(grow(0, 1, num_leaves)), np.int64)


def _best_tree(counts: IntArray) -> tuple[int, IntArray]:
    """The worst row under the best shape of tree, and its lengths, for counts `(n, 16)`."""
    order = np.argsort(-counts.sum(axis=0), kind="stable")
    shapes = _tree_shapes(counts.shape[1])
    worst = np.zeros(len(shapes))
    columns = shapes.T.astype(np.float64)
    for start in range(0, len(counts), 4096):
        costs = counts[start : start + 4096, order].astype(np.float64) @ columns
        np.maximum(worst, costs.max(axis=0), out=worst)
    shape = int(worst.argmin())
    lengths = np.empty(counts.shape[1], np.int64)
    lengths[order] = shapes[shape]
    return int(worst[shape]), lengths


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


def _worst_own_code(counts: IntArray, floor: int) -> int:
    """The greatest cost of a row under its own Huffman code, or `floor` where that is greater.

    A Huffman code costs at least the entropy and at most 0.086 + the largest share (or 1) bits a
    value more (R. G. Gallager, "Variations on a theme by Huffman", 1978, section II), so most rows
    need no code.
    """
    totals = counts.sum(axis=1)
    shares = counts / np.maximum(totals, 1)[:, None]
    logs = np.log2(np.maximum(shares, np.finfo(np.float64).tiny))
    entropies = -(shares * logs).sum(axis=1)
    ceilings = totals * (entropies + np.minimum(1.0, shares.max(axis=1, initial=0) + 0.0861))
    order = np.argsort(-entropies, kind="stable")
    for start in range(0, len(order), _HUFFMAN_BATCH):
        rows = order[start : start + _HUFFMAN_BATCH]
        rows = rows[ceilings[rows] > floor]
        if len(rows):
            floor = max(floor, int(own_code_costs(counts[rows]).max()))
    return floor


def own_code_costs(counts: NDArray[np.integer[Any]]) -> IntArray:
    """Bits of each row under a Huffman code of its own, all rows at once.

    Huffman's two queues (leaves by weight, and nodes in the order they are made), one merge of
    every row at a time; the cost of a code is the sum of its inner nodes. Symbols that do not occur
    have no word, and a row of one symbol costs nothing.

    Args:
        counts: integer array, shape `(n, S)`.

    Returns:
        int64 array, shape `(n,)`.
    """
    num_rows, num_symbols = counts.shape
    infinite = np.iinfo(np.int64).max // 4
    leaves = np.full((num_rows, num_symbols + 1), infinite, np.int64)
    leaves[:, :-1] = np.where(counts > 0, counts, infinite)
    leaves.sort(axis=1)
    nodes = np.full((num_rows, num_symbols + 1), infinite, np.int64)
    merges = np.count_nonzero(counts, axis=1) - 1
    next_leaf = np.zeros(num_rows, np.int64)
    next_node = np.zeros(num_rows, np.int64)
    merged = np.zeros(num_rows, np.int64)
    costs = np.zeros(num_rows, np.int64)
    for made in range(int(merges.max(initial=0))):
        rows = np.flatnonzero(made < merges)
        for _ in range(2):
            leaf, node = leaves[rows, next_leaf[rows]], nodes[rows, next_node[rows]]
            is_leaf = leaf <= node
            merged[rows] += np.where(is_leaf, leaf, node)
            next_leaf[rows] += is_leaf
            next_node[rows] += ~is_leaf
        nodes[rows, made] = merged[rows]
        costs[rows] += merged[rows]
        merged[rows] = 0
    return costs
