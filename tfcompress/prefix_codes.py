"""Prefix codes of any arity: Huffman, length-limited, canonical.

A code is an array of lengths, one per symbol; 0 means that the symbol has no code word. Canonical
code words follow from the lengths alone: shorter first, equal lengths in symbol order, each word
one more than the last. The row codec stores lengths (arity 2); the Huffman embedding layer stores
the number of leaves per length (any arity). A lone symbol needs no digits: its length is 0 too.

Sources: D. A. Huffman, "A Method for the Construction of Minimum-Redundancy Codes", Proc. IRE 40
(1952); L. L. Larmore and D. S. Hirschberg, "A fast algorithm for optimal length-limited Huffman
codes", J. ACM 37 (1990), section 3 (package-merge).
"""

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfcompress.errors import ConfigError

MAX_LENGTH = 62
"""The longest code word `canonical_codes` can put into an int64."""


def huffman_lengths(counts: ArrayLike, arity: int = 2) -> NDArray[np.int64]:
    """Lengths of an optimal code for symbols that occur `counts` times.

    Every symbol gets a code word, those with count zero too (the longest): leave out what needs no
    code. Where (symbols - 1) is not a multiple of (arity - 1), leaves of count zero fill up the
    deepest node. Among the optimal codes this is the one whose longest word is shortest.

    All nodes no heavier than the first node about to be made are merged at once: the new nodes
    are at least as heavy, so that the order is the one of merging singly, in a few dozen rounds.

    Args:
        counts: integer or float array, shape `(n,)`, none negative. Integers are added exactly and
            their sum must stay below 2^63.
        arity: int. Number of digits, 2 or more.

    Returns:
        int64 array, shape `(n,)`. 0 for a lone symbol.

    Raises:
        ConfigError: `counts` is not one-dimensional, negative or not finite, or `arity` is below 2.
    """
    weights = _check_counts(counts, arity)
    if len(weights) < 2:
        return np.zeros(len(weights), np.int64)
    order = np.argsort(weights, kind="stable")
    padding = -(len(weights) - 1) % (arity - 1)
    leaves = np.concatenate([np.zeros(padding, weights.dtype), weights[order]])
    num_leaves = len(leaves)
    num_nodes = (num_leaves - 1) // (arity - 1)
    nodes = np.zeros(num_nodes, weights.dtype)
    # Leaves are numbered from 0 by weight, inner nodes after them in the order they are made.
    parent = np.zeros(num_leaves + num_nodes, np.int64)
    rounds = [0]
    next_leaf = next_node = made = 0
    while made < num_nodes:
        head = np.sort(
            np.concatenate([leaves[next_leaf : next_leaf + arity], nodes[next_node:made][:arity]])
        )
        limit = head[:arity].sum()
        ready_leaves = next_leaf + np.searchsorted(leaves[next_leaf:], limit, side="right")
        ready_nodes = next_node + np.searchsorted(nodes[next_node:made], limit, side="right")
        ready = np.concatenate([leaves[next_leaf:ready_leaves], nodes[next_node:ready_nodes]])
        numbers = np.concatenate(
            [np.arange(next_leaf, ready_leaves), num_leaves + np.arange(next_node, ready_nodes)]
        )
        merged = len(ready) // arity
        chosen = np.argsort(ready, kind="stable")[: merged * arity]
        nodes[made : made + merged] = ready[chosen].reshape(merged, arity).sum(axis=1)
        parent[numbers[chosen]] = num_leaves + made + np.repeat(np.arange(merged), arity)
        taken_leaves = int(np.count_nonzero(numbers[chosen] < num_leaves))
        next_leaf += taken_leaves
        next_node += merged * arity - taken_leaves
        made += merged
        rounds.append(made)

    depth = np.zeros(num_leaves + num_nodes, np.int64)
    # The root is the last node; parents always stand in a later round than their children.
    for start, stop in zip(rounds[-3::-1], rounds[-2:0:-1], strict=True):
        inner = slice(num_leaves + start, num_leaves + stop)
        depth[inner] = depth[parent[inner]] + 1
    lengths = np.empty(len(weights), np.int64)
    lengths[order] = depth[parent[padding:num_leaves]] + 1
    return lengths


def length_limited_lengths(counts: ArrayLike, max_length: int, arity: int = 2) -> NDArray[np.int64]:
    """Lengths of the best code whose words have at most `max_length` digits (package-merge).

    Args:
        counts: As for `huffman_lengths`.
        max_length: int. At least log(n) to the base `arity`.
        arity: int. Number of digits, 2 or more.

    Returns:
        int64 array, shape `(n,)`. 0 for a lone symbol.

    Raises:
        ConfigError: As `huffman_lengths`, or `max_length` digits cannot tell n symbols apart.
    """
    weights = _check_counts(counts, arity)
    count = len(weights)
    if count < 2:
        return np.zeros(count, np.int64)
    if max_length < 1 or arity**max_length < count:
        raise ConfigError(
            f"max_length: {max_length} digits of arity {arity} cannot tell {count} symbols apart"
        )
    lengths = huffman_lengths(weights, arity)
    if lengths.max() <= max_length:
        return lengths
    order = np.argsort(weights, kind="stable")
    padding = -(count - 1) % (arity - 1)
    leaves = np.concatenate([np.zeros(padding, weights.dtype), weights[order]])
    # Level 0 has the bare leaves; each later level has the leaves and packages of the one before.
    items = leaves
    levels = [np.ones(len(leaves), np.bool_)]
    for _ in range(max_length - 1):
        whole = len(items) // arity * arity
        packages = items[:whole].reshape(-1, arity).sum(axis=1)
        items = np.sort(np.concatenate([leaves, packages]))
        levels.append(_mark_leaves(leaves, items))
    taken = arity * (len(leaves) - 1) // (arity - 1)
    digits = np.zeros(len(leaves) + 1, np.int64)
    for is_leaf in reversed(levels):
        num_leaves = int(np.count_nonzero(is_leaf[:taken]))
        digits[num_leaves] += 1
        taken = (taken - num_leaves) * arity
    # digits[k] levels took the first k leaves: leaf i has one digit per level with k > i.
    sorted_lengths = np.cumsum(digits[::-1])[::-1][1:]
    result = np.empty(count, np.int64)
    result[order] = sorted_lengths[padding:]
    return result


def canonical_codes(lengths: ArrayLike, arity: int = 2) -> NDArray[np.int64]:
    """Code words as integers whose base-`arity` digits, first digit most significant, are the word.

    Args:
        lengths: integer array, shape `(n,)`. 0 for symbols without a code word.
        arity: int. Number of digits, 2 or more.

    Returns:
        int64 array, shape `(n,)`. 0 for symbols without a code word.

    Raises:
        ConfigError: The lengths break Kraft's inequality, or a word does not fit int64.
    """
    sizes = _check_lengths(lengths, arity)
    longest = int(sizes.max(initial=0))
    if arity**longest > 2**MAX_LENGTH:
        raise ConfigError(f"lengths: {longest} digits of arity {arity} do not fit int64")
    if kraft_sum(sizes, arity) > 1:
        raise ConfigError("lengths: Kraft's inequality does not hold, no prefix code has them")
    leaves = np.bincount(sizes, minlength=longest + 1)
    first_code = 0
    codes = np.zeros(len(sizes), np.int64)
    for length in range(1, longest + 1):
        first_code *= arity
        codes[sizes == length] = first_code + np.arange(leaves[length])
        first_code += int(leaves[length])
    return codes


def kraft_sum(lengths: ArrayLike, arity: int = 2) -> Fraction:
    """The exact sum of arity^-length over the symbols that have a code word.

    A prefix code with these lengths exists where it is at most 1; at 1 no digit is wasted.
    """
    sizes = _check_lengths(lengths, arity)
    leaves = np.bincount(sizes)
    leaves[:1] = 0
    longest = len(leaves) - 1
    total = sum(count * arity ** (longest - k) for k, count in enumerate(leaves.tolist()))
    return Fraction(total, arity ** max(longest, 0))


def fill_code(lengths: ArrayLike) -> NDArray[np.int64]:
    """Shortens the longest words of a binary code until Kraft's sum is exactly 1.

    Every sequence of digits then decodes to something, and no word got longer.

    Args:
        lengths: integer array, shape `(n,)`. Two or more symbols with a code word.

    Returns:
        int64 array, shape `(n,)`.

    Raises:
        ConfigError: The lengths break Kraft's inequality, or fewer than two symbols have a word.
    """
    sizes = _check_lengths(lengths, 2).copy()
    if np.count_nonzero(sizes) < 2:
        raise ConfigError("lengths: expected two or more symbols with a code word")
    slack = 1 - kraft_sum(sizes)
    if slack < 0:
        raise ConfigError("lengths: Kraft's inequality does not hold, no prefix code has them")
    while slack:
        # The sum is a multiple of 2^-longest, so taking one digit off such a word always fits.
        longest = int(sizes.max())
        symbol = int(np.argmax(sizes))
        sizes[symbol] -= 1
        slack -= Fraction(1, 2**longest)
    return sizes


def _check_counts(counts: ArrayLike, arity: int) -> NDArray[Any]:
    weights = np.asarray(counts)
    if weights.ndim != 1:
        raise ConfigError(f"counts: got shape {weights.shape}, expected (symbols,)")
    if arity < 2:
        raise ConfigError(f"arity: got {arity}, expected 2 or more")
    is_integer = np.issubdtype(weights.dtype, np.integer) or not len(weights)
    weights = weights.astype(np.int64 if is_integer else np.float64)
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        symbol = int(np.argmax(bad))
        raise ConfigError(f"counts: symbol {symbol} has {weights[symbol]}, expected 0 or more")
    if is_integer and float(weights.sum(dtype=np.float64)) >= 2**63:
        raise ConfigError("counts: the sum does not fit int64; scale the counts down")
    return weights


def _check_lengths(lengths: ArrayLike, arity: int) -> NDArray[np.int64]:
    sizes = np.asarray(lengths)
    if sizes.ndim != 1 or not (np.issubdtype(sizes.dtype, np.integer) or not len(sizes)):
        raise ConfigError(f"lengths: got {sizes.dtype} {sizes.shape}, expected integers (symbols,)")
    if arity < 2:
        raise ConfigError(f"arity: got {arity}, expected 2 or more")
    sizes = sizes.astype(np.int64)
    if (sizes < 0).any():
        raise ConfigError(f"lengths: got {sizes.min()}, expected 0 or more")
    return sizes


def _mark_leaves(leaves: NDArray[Any], items: NDArray[Any]) -> NDArray[np.bool_]:
    """Which of the sorted `items` are leaves, where leaves win ties against packages."""
    first = np.searchsorted(items, leaves, side="left")
    run = np.arange(len(leaves)) - np.searchsorted(leaves, leaves, side="left")
    is_leaf = np.zeros(len(items), np.bool_)
    is_leaf[first + run] = True
    return is_leaf
