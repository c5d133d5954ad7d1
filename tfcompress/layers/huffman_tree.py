"""Which code the Huffman embedding takes: the best for how often ids occur, of so many rows."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tfcompress.errors import ConfigError
from tfcompress.layers.budget import positive_integer
from tfcompress.layers.code_tree import CodeTree, longest_allowed
from tfcompress.prefix_codes import huffman_lengths, length_limited_lengths


def leaves_of_counts(
    counts: npt.NDArray[Any],
    arity: int,
    ranks: npt.ArrayLike | None = None,
    max_length: int | None = None,
) -> tuple[int, ...]:
    """Leaves per length of the best code for ids that occur `counts` times.

    Args:
        counts: int array (n,). By id; from rank 2 on they must fall.
        arity: int. N.
        ranks: int array (n,) or None. The rank of each id; None is the id itself.
        max_length: int or None. The most digits; None is what int32 arithmetic allows.

    Returns:
        Tuple of int: codes with 1, 2, .. L digits. A lone id has one digit.
    """
    positive_integer("arity", arity)
    allowed = longest_allowed(arity, len(counts))
    limit = allowed if max_length is None else min(allowed, max_length)
    lengths = huffman_lengths(_by_rank(counts, ranks), arity)
    if lengths.max() > limit:
        lengths = length_limited_lengths(_by_rank(counts, ranks), limit, arity)
    return tuple(np.bincount(np.maximum(lengths, 1))[1:].tolist())


def _by_rank(counts: npt.NDArray[Any], ranks: npt.ArrayLike | None) -> npt.NDArray[Any]:
    if ranks is not None and not isinstance(ranks, bool):
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


def largest_tree(
    counts: npt.NDArray[Any],
    num_rows: int,
    arity: int | None = None,
    ranks: npt.ArrayLike | None = None,
) -> CodeTree | None:
    """The best code of at most L digits whose table has the most rows N L within `num_rows`.

    Any N and L with N ** L >= n have a code; among tables of the same size the one with the
    shortest codes is taken.

    Args:
        counts: int array (n,). As for `leaves_of_counts`.
        num_rows: int. Rows allowed.
        arity: int or None. Fixes N.
        ranks: int array (n,) or None.

    Returns:
        The tree, or None where no table is that small.
    """
    best: CodeTree | None = None
    for length, digits in shapes_within(len(counts), num_rows, arity):
        if best is not None and length * digits <= best.num_rows:
            continue
        tree = CodeTree(leaves_of_counts(counts, digits, ranks, length), digits)
        if best is None or tree.num_rows > best.num_rows:
            best = tree
    return best


def shapes_within(
    num_leaves: int, num_rows: int, arity: int | None = None
) -> Iterator[tuple[int, int]]:
    """For each L that has one, the largest N such that N L <= num_rows and N ** L >= num_leaves."""
    for length in range(1, 32):
        digits = num_rows // length if arity is None else arity
        digits = min(digits, max(2, num_leaves)) if arity is None else digits
        if digits < 2 or digits * length > num_rows:
            break
        if digits**length >= num_leaves and length <= longest_allowed(digits, num_leaves):
            yield length, digits


def fewest_rows(num_leaves: int, arity: int | None = None) -> int:
    """Rows N L of the smallest table that can tell `num_leaves` ids apart."""
    sizes = []
    for length in range(1, 32):
        digits = max(2, round(num_leaves ** (1 / length))) if arity is None else arity
        while arity is None and digits > 2 and (digits - 1) ** length >= num_leaves:
            digits -= 1
        while arity is None and digits**length < num_leaves:
            digits += 1
        if digits**length >= num_leaves and length <= longest_allowed(digits, num_leaves):
            sizes.append(digits * length)
    return min(sizes)
