"""The canonical N-ary code of the Huffman embedding, as the number of leaves per length says it.

Ranks take the codes in order: shorter codes first, equal lengths by rank, each code one more than
the last. All else follows: the code of rank r with length l is first_code[l] + r - first_rank[l].
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from keras import ops

from tfcompress.errors import ConfigError
from tfcompress.layers.base import Floats
from tfcompress.layers.budget import positive_integer
from tfcompress.layers.lookup import MAX_ID
from tfcompress.prefix_codes import huffman_lengths, length_limited_lengths

Integers = npt.NDArray[np.int64]


def longest_allowed(arity: int) -> int:
    """The most digits whose codes all fit int32."""
    return max(length for length in range(1, 32) if length == 1 or arity**length <= MAX_ID)


@dataclass(frozen=True)
class CodeTree:
    """A prefix code by its leaves.

    Args:
        leaves: tuple of int. Codes with 1, 2, .. L digits; the last is not 0.
        arity: int. N.

    Raises:
        ConfigError: No such code exists, or its codes do not fit int32.
    """

    leaves: tuple[int, ...]
    arity: int

    def __post_init__(self) -> None:
        if positive_integer("arity", self.arity) < 2:
            raise ConfigError(f"arity must be at least 2; received {self.arity}")
        if not self.leaves or min(self.leaves) < 0 or self.leaves[-1] == 0:
            raise ConfigError(
                f"leaves_per_length must end in a positive count; received {self.leaves}"
            )
        if self.max_length > longest_allowed(self.arity):
            raise ConfigError(
                f"leaves_per_length has {self.max_length} digits of arity {self.arity}; "
                f"at most {longest_allowed(self.arity)} fit int32"
            )
        room = 1
        for length, count in enumerate(self.leaves, start=1):
            room = room * self.arity - count
            if room < 0:
                raise ConfigError(
                    f"leaves_per_length is no prefix code of arity {self.arity}: "
                    f"too many codes of {length} digits; received {self.leaves}"
                )

    @property
    def max_length(self) -> int:
        """L."""
        return len(self.leaves)

    @property
    def num_leaves(self) -> int:
        """Codes in all."""
        return sum(self.leaves)

    @property
    def num_rows(self) -> int:
        """N L: rows of the embedding's table."""
        return self.arity * self.max_length

    @cached_property
    def lengths(self) -> list[int]:
        """The lengths that occur, rising; the arrays below have one entry for each."""
        return [length for length, count in enumerate(self.leaves, start=1) if count]

    @cached_property
    def first_rank(self) -> Integers:
        """The first rank of each length."""
        counts = [self.leaves[length - 1] for length in self.lengths]
        return np.cumsum([0, *counts[:-1]], dtype=np.int64)

    @cached_property
    def first_code(self) -> Integers:
        """The first code of each length, as an integer of that many digits."""
        code, first = 0, []
        for count in self.leaves:
            code *= self.arity
            first.append(code)
            code += count
        return np.array([first[length - 1] for length in self.lengths], np.int64)

    @cached_property
    def divisors(self) -> Integers:
        """What a code of each length is divided by for its digits (lengths, L); 1 past the end."""
        exponents = np.array(self.lengths)[:, None] - 1 - np.arange(self.max_length)
        return self.arity ** np.maximum(exponents, 0)

    def weights(self, mean: bool) -> Floats:
        """What each digit of each length counts in a pool (lengths, L): 1 or 1 / length, or 0."""
        lengths = np.array(self.lengths)[:, None]
        used = (np.arange(self.max_length) < lengths).astype(np.float64)
        return used / lengths if mean else used

    def _level_by_rank(self) -> Integers:
        counts = [self.leaves[length - 1] for length in self.lengths]
        return np.repeat(np.arange(len(counts)), counts)

    def weights_by_rank(self, mean: bool) -> Floats:
        """`weights` for every rank (n, L)."""
        return self.weights(mean)[self._level_by_rank()]

    def rows(self) -> Integers:
        """The row of the table that each digit of each rank's code reads (n, L)."""
        level = self._level_by_rank()
        code = np.arange(self.num_leaves) + (self.first_code - self.first_rank)[level]
        digits = code[:, None] // self.divisors[level] % self.arity
        return digits + np.arange(self.max_length) * self.arity

    def expand(self, parts: list[Any], combine: Callable[[Any, Any], Any], axis: int) -> list[Any]:
        """Pools along the tree, level by level, so that shared prefixes are pooled once.

        Args:
            parts: list of L tensors with N entries along `axis`, one per digit.
            combine: callable. Pools two tensors that broadcast.
            axis: int. 0 or 1; the last but one of three dimensions or the last of two.

        Returns:
            A list of tensors: the leaves of each length in `lengths`, in the order of their codes.
        """
        # Inner nodes of each depth: enough for the leaves and inner nodes below them.
        inner = [0] * (self.max_length + 1)
        for depth in range(self.max_length, 0, -1):
            inner[depth - 1] = -(-(self.leaves[depth - 1] + inner[depth]) // self.arity)
        leaves: list[Any] = []
        nodes: Any = None
        for depth, part in enumerate(parts, start=1):
            children = part if nodes is None else _children(nodes, part, combine, axis)
            count = self.leaves[depth - 1]
            if count:
                leaves.append(_cut(children, 0, count, axis))
            nodes = _cut(children, count, count + inner[depth], axis)
        return leaves


def _cut(tensor: Any, start: int, stop: int, axis: int) -> Any:
    return tensor[start:stop] if axis == 0 else tensor[:, start:stop]


def _children(nodes: Any, part: Any, combine: Callable[[Any, Any], Any], axis: int) -> Any:
    pairs = combine(ops.expand_dims(nodes, axis + 1), ops.expand_dims(part, axis))
    count = nodes.shape[axis] * part.shape[axis]
    if axis == 0:
        return ops.reshape(pairs, (count, *part.shape[1:]))
    return ops.reshape(pairs, (-1, count))


def leaves_of_counts(
    counts: npt.NDArray[Any], arity: int, ranks: npt.ArrayLike | None = None
) -> tuple[int, ...]:
    """Leaves per length of the best code for ids that occur `counts` times.

    Args:
        counts: int array (n,). By id; from rank 2 on they must fall.
        arity: int. N.
        ranks: int array (n,) or None. The rank of each id; None is the id itself.

    Returns:
        Tuple of int: codes with 1, 2, .. L digits. A lone id has one digit.
    """
    return _leaves(_by_rank(counts, ranks), positive_integer("arity", arity))


def _by_rank(counts: npt.NDArray[Any], ranks: npt.ArrayLike | None) -> npt.NDArray[Any]:
    if ranks is not None and ranks is not True:
        ordered = np.empty_like(counts)
        ordered[np.asarray(ranks)] = counts
        counts = ordered
    falling = np.diff(counts[2:].astype(np.float64)) <= 0
    if not falling.all():
        rank = int(np.argmin(falling)) + 3
        raise ConfigError(
            f"counts must fall from rank 2 on, rank {rank} has {counts[rank]} after "
            f"{counts[rank - 1]}; rank the ids by frequency or pass ranks"
        )
    return counts


def _leaves(counts: npt.NDArray[Any], arity: int) -> tuple[int, ...]:
    lengths = huffman_lengths(counts, arity)
    limit = longest_allowed(arity)
    if lengths.max() > limit:
        lengths = length_limited_lengths(counts, limit, arity)
    return tuple(np.bincount(np.maximum(lengths, 1))[1:].tolist())


def largest_tree(
    counts: npt.NDArray[Any], num_rows: int, ranks: npt.ArrayLike | None = None
) -> tuple[CodeTree | None, int]:
    """The best code whose table has the most rows N L within `num_rows`.

    For each L the arities whose best code has L digits form an interval (a larger arity never needs
    longer codes), so its largest arity within num_rows / L is found by bisection; among equals the
    shortest codes win.

    Args:
        counts: int array (n,). As for `leaves_of_counts`.
        num_rows: int. Rows allowed.
        ranks: int array (n,) or None.

    Returns:
        The tree, None where even the smallest is too large, and the rows of the smallest.
    """
    ordered = _by_rank(counts, ranks)
    known: dict[int, tuple[int, ...]] = {}

    def leaves(arity: int) -> tuple[int, ...]:
        if arity not in known:
            known[arity] = _leaves(ordered, arity)
        return known[arity]

    best: CodeTree | None = None
    for length in itertools.count(1):
        arity = num_rows // length
        if arity < 2:
            break
        if best is not None and arity * length <= best.num_rows:
            continue
        arity = min(arity, max(2, len(ordered)))
        found = len(leaves(arity))
        if found < length:
            low, high = 1, arity  # more than `found` digits at `low`, `found` at `high`
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if len(leaves(middle)) >= length else (low, middle)
            arity = low
            found = len(leaves(arity)) if arity >= 2 else 0
        if found == length and (best is None or arity * length > best.num_rows):
            best = CodeTree(leaves(arity), arity)
        if length >= 31:
            break
    smallest = min(arity * len(leaves(arity)) for arity in range(2, 9))
    return best, smallest
