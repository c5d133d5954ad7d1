"""What the worst row would take under a Huffman code of its own."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.codec.baselines.baseline import Baseline, ByteTable, IntArray
from tfcompress.codec.worst_row.row_source import (
    byte_histograms,
    byte_rows,
    half_histograms,
    row_blocks,
)

_HUFFMAN_BATCH = 512


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
        half = _worst_own_code(half_histograms(rows), half)
        whole = _worst_own_code(byte_histograms(rows), whole)
    columns = data.shape[1]
    return Baseline("row_limit_4bit", half, columns), Baseline("row_limit_8bit", whole, columns)


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
