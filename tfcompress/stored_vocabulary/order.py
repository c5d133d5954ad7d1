"""Which id the k-th smallest token has: a permutation in about as many bits as it has entropy.

Ids go by frequency and equally frequent tokens in the order of the tokens, so the permutation falls
into few ascending runs of ids whose tokens ascend (one per frequency, at most). The sorted tokens
are what merging these runs gives. A binary tree over the runs says how: each inner node merges the
tokens of its left runs with those of its right ones and keeps one bit per token, which side it came
from. Counting the ones before a bit leads down the tree from a token to its id, searching for the
k-th one leads up from an id to its token. With runs of sizes n_k that is sum n_k log2(n / n_k)
bits and a few more: on real item vocabularies a third of ceil(log2 n) bits a token, and never much
more than that.

Source: J. Barbay and G. Navarro, "On compressing permutations and adaptive sorting", Theoretical
Computer Science 513 (2013), section 3 (runs). The tree splits where the ids do most evenly instead
of being Huffman's, so that it follows from the sizes of the runs alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from tfcompress.stored_vocabulary.bits import corrupt

_SAMPLED_BYTES = 64
"""The reader keeps the number of ones before every so many bytes."""


def ascending_runs(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the ascending runs start, and the number of ids.

    Args:
        ids: int64 array, shape `(n,)`. The id, from 0, of each token in the order of the tokens.

    Returns:
        int64 array, shape `(runs + 1,)`.
    """
    position = np.empty_like(ids)
    position[ids] = np.arange(len(ids))
    descents = np.flatnonzero(np.diff(position) < 0) + 1
    return np.concatenate([[0], descents, [len(ids)]]) if len(ids) else np.zeros(1, np.int64)


def order_bytes(ids: NDArray[np.int64], starts: NDArray[np.int64]) -> bytes:
    """The bits of all inner nodes, a node before its left part and that before its right one."""
    edges: list[int] = starts.tolist()
    parts: list[NDArray[np.bool_]] = []
    pending = [(0, len(edges) - 1, ids)]
    while pending:
        first, last, inside = pending.pop()
        if last - first < 2:
            continue
        middle = split(edges, first, last)
        right = inside >= edges[middle]
        parts.append(right)
        pending += [(middle, last, inside[right]), (first, middle, inside[~right])]
    return np.packbits(np.concatenate(parts)).tobytes() if parts else b""


def split(starts: Sequence[int], first: int, last: int) -> int:
    """The run that begins the right part of the runs first..last-1: the most even cut of ids.

    Where two cuts are as even, the one with fewer ids on the left.
    """
    twice = starts[first] + starts[last]
    right = bisect_left(starts, -(-twice // 2), first + 1, last - 1)
    if right > first + 1 and twice - 2 * starts[right - 1] <= 2 * starts[right] - twice:
        right -= 1
    return right


@dataclass(frozen=True)
class _Node:
    """Ids low..high-1. An inner node cuts them at `middle`; its bits start at bit `at`."""

    low: int
    high: int
    middle: int = 0
    at: int = 0
    parts: tuple[_Node, _Node] | None = None


class Order:
    """The permutation, ready to be asked in both directions.

    Args:
        starts: sequence of int. Where the runs start, and the number of ids.
        content: bytes. Begins with what `order_bytes` wrote.

    Raises:
        CorruptTableError: the bits are no such permutation.
    """

    def __init__(self, starts: Sequence[int], content: bytes) -> None:
        self._starts = starts
        self._content = content
        self._root, num_bits = self._node(0, len(starts) - 1, 0)
        self.num_bytes = -(-num_bits // 8)
        if self.num_bytes > len(content):
            raise corrupt("it is cut off")
        self._ones = [
            0,
            *accumulate(
                int.from_bytes(content[start : start + _SAMPLED_BYTES], "big").bit_count()
                for start in range(0, self.num_bytes, _SAMPLED_BYTES)
            ),
        ]
        self._check(self._root)

    def id_at(self, position: int) -> int:
        """The id, from 0, of the token at a position among the sorted ones."""
        node = self._root
        while node.parts is not None:
            ones = self._rank(node.at + position) - self._rank(node.at)
            side = self._bit(node.at + position)
            node, position = node.parts[side], ones if side else position - ones
        return node.low + position

    def position_of(self, id_: int) -> int:
        """The position among the sorted tokens of the one with an id, from 0."""
        return self._position(self._root, id_)

    def positions(self) -> NDArray[np.int64]:
        """`position_of` of every id: int64 array, shape `(n,)`."""
        places = np.empty(self._root.high, np.int64)
        bits = np.unpackbits(np.frombuffer(self._content, np.uint8, self.num_bytes)).view(np.bool_)
        pending = [(self._root, np.arange(self._root.high))]
        while pending:
            node, inside = pending.pop()
            if node.parts is None:
                places[node.low : node.high] = inside
                continue
            from_right = bits[node.at : node.at + node.high - node.low]
            left, right = node.parts
            pending += [(left, inside[~from_right]), (right, inside[from_right])]
        return places

    def _position(self, node: _Node, id_: int) -> int:
        if node.parts is None:
            return id_ - node.low
        from_right = id_ >= node.middle
        wanted = self._position(node.parts[from_right], id_) + 1
        before = self._rank(node.at)
        # The first position with `wanted` tokens of that side up to and including it.
        low, high = 0, node.high - node.low - 1
        while low < high:
            middle = (low + high) // 2
            ones = self._rank(node.at + middle + 1) - before
            if (ones if from_right else middle + 1 - ones) >= wanted:
                high = middle
            else:
                low = middle + 1
        return low

    def _node(self, first: int, last: int, at: int) -> tuple[_Node, int]:
        """The tree over the runs first..last-1, and where its bits end."""
        low, high = self._starts[first], self._starts[last]
        if last - first < 2:
            return _Node(low, high), at
        middle = split(self._starts, first, last)
        left, end = self._node(first, middle, at + high - low)
        right, end = self._node(middle, last, end)
        return _Node(low, high, self._starts[middle], at, (left, right)), end

    def _check(self, node: _Node) -> None:
        """A node has a one for each token of its right part: then every question has an answer."""
        if node.parts is None:
            return
        ones = self._rank(node.at + node.high - node.low) - self._rank(node.at)
        if ones != node.high - node.middle:
            raise corrupt("the order of its tokens is none")
        for part in node.parts:
            self._check(part)

    def _rank(self, bits: int) -> int:
        """How many of the first `bits` bits are ones."""
        sample, stop = bits // (8 * _SAMPLED_BYTES), -(-bits // 8)
        part = int.from_bytes(self._content[sample * _SAMPLED_BYTES : stop], "big")
        return self._ones[sample] + (part >> (8 * stop - bits)).bit_count()

    def _bit(self, at: int) -> int:
        return self._content[at >> 3] >> (7 - (at & 7)) & 1
