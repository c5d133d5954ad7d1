"""Two trees over the 4-bit halves of values; every row takes one of them."""

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tfcompress.codec.baselines.baseline import Baseline, ByteTable, IntArray
from tfcompress.codec.worst_row.row_source import byte_rows, half_histograms, row_blocks

_SECOND_TREE_PATIENCE = 12
_FITTING_ROUNDS = 8


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
        [half_histograms(rows) for rows in row_blocks(data)] or [np.zeros((0, 16), np.int64)]
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
