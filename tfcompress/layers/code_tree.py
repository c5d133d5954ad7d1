"""The canonical N-ary code of the Huffman embedding, as the number of leaves per length says it.

Ranks take the codes in order: shorter codes first, equal lengths by rank, each code one more than
the last. All else follows: the code of rank r with length l is first_code[l] + r - first_rank[l].
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from keras import ops

from tfcompress.errors import ConfigError
from tfcompress.layers.budget import positive_integer
from tfcompress.layers.lookup import MAX_ID
from tfcompress.layers.tables import Floats

Integers = npt.NDArray[np.int64]


def longest_allowed(arity: int, num_leaves: int) -> int:
    """The most digits L for which the arithmetic of `digit_tables` stays inside int32.

    All digits but the first are those of numbers below arity ** (L - 1) + num_leaves.
    """
    length = 1
    while length < 31 and arity**length + num_leaves <= MAX_ID:
        length += 1
    return length


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
        allowed = longest_allowed(self.arity, self.num_leaves)
        if self.max_length > allowed:
            raise ConfigError(
                f"leaves_per_length has {self.max_length} digits of arity {self.arity}; "
                f"at most {allowed} fit int32"
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
    def level_starts(self) -> Integers:
        """Ids at which the answer to "which length?" changes: the level is how many are <= id, - 1.

        Level 0 is that of ids 0 and 1, whose codes are the last of the longest; levels 1, 2, .. are
        those of the lengths. An id below 0 gets level -1 and one of n or more a level too many, so
        that any table by level is loud for them.
        """
        return np.array([0, 2, *(self.first_rank[1:] + 2), self.num_leaves], np.int64)

    def by_level(self, by_length: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A table with one entry per level from one with an entry per length."""
        return np.concatenate([by_length[-1:], by_length])

    def digit_tables(self) -> tuple[Integers, Integers, Integers]:
        """What turns an id into rows of the table, by level and digit.

        Digit j of id i reads row base + ((i + offset) // divisor) mod N.

        Returns:
            offset (levels, L), divisor (levels, L) and base: (L,) as a rule, (levels, L) where the
            first digit of a code would not fit int32. What they give for digits past the end of a
            code is a row of the table, too, but means nothing.
        """
        shape = (len(self.lengths), self.max_length)
        offset, divisor = np.zeros(shape, np.int64), np.ones(shape, np.int64)
        first_digit = np.zeros(len(self.lengths), np.int64)
        small = self.arity**self.max_length + self.num_leaves <= MAX_ID
        for row, (length, code) in enumerate(
            zip(self.lengths, self.first_code.tolist(), strict=True)
        ):
            for j in range(length):
                divisor[row, j] = step = self.arity ** (length - 1 - j)
                # Only what the division and the modulus leave over; of the first digit, which is
                # where the largest numbers are, not even its own start unless that fits.
                offset[row, j] = code % (step if j == 0 and not small else step * self.arity)
            first_digit[row] = 0 if small else code // self.arity ** (length - 1)
        offset, divisor = (
            self.by_level(offset - self.first_rank[:, None] - 2),
            self.by_level(divisor),
        )
        # Ids 0 and 1: r = (i - 2) mod n.
        offset[0] += 2 if self.num_leaves == 1 else self.num_leaves
        base = np.arange(self.max_length, dtype=np.int64) * self.arity
        if not small:
            base = np.tile(base, (len(offset), 1))
            base[:, 0] = self.by_level(first_digit)
        return offset, divisor, base

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
        level = self._level_by_rank() + 1
        offset, divisor, base = self.digit_tables()
        ids = np.arange(self.num_leaves)[:, None] + 2
        digits = (ids + offset[level]) // divisor[level] % self.arity
        return digits + (base if base.ndim == 1 else base[level])

    def expand(
        self, parts: Sequence[Any], combine: Callable[[Any, Any], Any], axis: int
    ) -> list[Any]:
        """Pools along the tree, level by level, so that shared prefixes are pooled once.

        Three operators a level: a binary code has dozens of levels.

        Args:
            parts: L tensors of three dimensions, one per digit: size 1 along `axis`, N along the
                next.
            combine: callable. Pools two tensors that broadcast.
            axis: int. 0 or 1.

        Returns:
            A list of tensors: the leaves of each length in `lengths`, in the order of their codes,
            along `axis`; size 1 along the next.
        """
        # Inner nodes of each depth: enough for the leaves and inner nodes below them.
        inner = [0] * (self.max_length + 1)
        for depth in range(self.max_length, 0, -1):
            inner[depth - 1] = -(-(self.leaves[depth - 1] + inner[depth]) // self.arity)
        leaves: list[Any] = []
        nodes: Any = None
        for depth, part in enumerate(parts, start=1):
            children = part if nodes is None else combine(nodes, part)
            shape = [-1, *children.shape[1:]]
            shape[axis] = size = self.arity * (1 if nodes is None else inner[depth - 1])
            shape[axis + 1] = 1
            children = ops.reshape(children, shape)
            own = self.leaves[depth - 1]
            cuts = [cut for cut in dict.fromkeys((own, own + inner[depth])) if 0 < cut < size]
            pieces = ops.split(children, cuts, axis=axis) if cuts else [children]
            if own:
                leaves.append(pieces[0])
            nodes = pieces[1 if own else 0] if inner[depth] else None
        return leaves
