"""HuffmanEmbed: an embedding pooled over the digits of the id's Huffman code."""

import math
from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from tfcompress.errors import ConfigError
from tfcompress.layers.base import CompressedEmbedding
from tfcompress.layers.budget import out_of_reach, parameter_budget, positive_integer
from tfcompress.layers.code_tree import CodeTree
from tfcompress.layers.huffman_tree import fewest_rows, largest_tree, leaves_of_counts
from tfcompress.layers.least_squares import fit_sum_of_rows
from tfcompress.layers.lookup import MAX_ID, lookup, still_loud
from tfcompress.layers.products import times_rows
from tfcompress.layers.ranks import parameters_of
from tfcompress.layers.tables import Floats

POOLINGS = ("sum", "mean", "max")

# Alternating assignment of the maxima when a table is fitted with max pooling.
_MAX_POOLING_ROUNDS = 30


@keras.saving.register_keras_serializable(package="tfcompress")
class HuffmanEmbedding(CompressedEmbedding):
    """Pools one row per digit of the id's code: e_i = pool over j < len(code_i) of T_j[code_i[j]].

    N L D parameters for arity N and codes of at most L digits; T_j is rows j N..j N + N - 1 of T.
    The codes are canonical over the frequency rank r = (i - 2) mod n (ids 0 and 1, padding and
    out-of-vocabulary, count zero and take the longest codes), so that they follow from the number
    of leaves per length by arithmetic: nothing is stored per id. Frequent ids have short codes,
    with one digit a row of their own.

    Codes are prefix-free, which makes the sums (and means) of different ids differ for generic
    weights. Maxima can collide: a row that is nowhere the largest leaves no trace. Max pooling also
    needs the whole table to score (`reverse`).

    A lookup's graph grows with the arity's digits by 0.3 KB, that of tied scores by 1.2 KB (mean:
    1.5 KB) for each of the L digits: 35 KB for a binary code of 23 digits, 9 KB for two digits.

    Args:
        input_dim: int. Number of ids n; also the sum of `leaves_per_length`.
        output_dim: int. Width D.
        leaves_per_length: sequence of int. How many codes have 1, 2, .. L digits.
        arity: int. Digits N, 2 or more; N ** (L - 1) + n must stay below 2 ** 31.
        pooling: str. "sum", "mean" or "max".
        **kwargs: The common arguments of `CompressedEmbedding`.

    Example:
    >>> layer = HuffmanEmbedding.from_counts([0, 0, 50, 20, 10, 5, 5, 1], 16, arity=2)
    >>> layer.leaves_per_length, layer.max_length
    ((1, 1, 1, 1, 1, 1, 2), 7)
    >>> layer.mean_length([0, 0, 50, 20, 10, 5, 5, 1])
    1.879120879120879

    References:
        HuffmanEmbed (University of Southern California): an N-ary Huffman tree over item
        frequencies, a table per level, pooled. Canonical codes: Schwartz and Kallick 1964.
    """

    size_argument = "leaves_per_length"
    needs_counts = True

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        leaves_per_length: Sequence[int],
        arity: int = 2,
        pooling: str = "sum",
        **kwargs: Any,
    ) -> None:
        super().__init__(input_dim, output_dim, **kwargs)
        self._tree = CodeTree(tuple(int(count) for count in leaves_per_length), arity)
        if self._tree.num_leaves != self.input_dim:
            raise ConfigError(
                f"leaves_per_length must sum to input_dim={self.input_dim}; "
                f"received {self._tree.num_leaves}"
            )
        if pooling not in POOLINGS:
            raise ConfigError(f"pooling must be one of {', '.join(POOLINGS)}; got {pooling!r}")
        self.pooling = pooling
        self.embeds_all_from = None if pooling == "max" else 1.0

    @classmethod
    def from_counts(
        cls, counts: npt.ArrayLike, output_dim: int, *, arity: int = 2, **layer_args: Any
    ) -> Self:
        """The layer of the best code for ids that occur `counts` times.

        Args:
            counts: int array (n,). Occurrences by id, falling from id 2 on (or by the rank that
                `ranks` gives each id).
            output_dim: int. Width D.
            arity: int. Digits N. Where the longest code would not fit int32, the best code of
                limited length is taken.
            **layer_args: Further arguments of the class.

        Raises:
            ConfigError: The counts do not fall with the rank.
        """
        array = np.asarray(counts)
        leaves = leaves_of_counts(array, arity, layer_args.get("ranks"))
        return cls(len(array), output_dim, leaves, arity, **layer_args)

    @classmethod
    def from_ratio(
        cls,
        input_dim: int,
        output_dim: int,
        ratio: float,
        *,
        counts: npt.ArrayLike | None = None,
        arity: int | None = None,
        **layer_args: Any,
    ) -> Self:
        """The layer of the largest N L within the budget; see `CompressedEmbedding.from_ratio`.

        Codes are limited to L digits where that is what fits.

        Args:
            input_dim: int. Number of ids.
            output_dim: int. Width of an embedding.
            ratio: float. How many times smaller than the full float32 table.
            counts: int array (input_dim,). Needed.
            arity: int or None. Fixes N; None takes the N of the most rows.
            **layer_args: Further arguments of the class.
        """
        input_dim = positive_integer("input_dim", input_dim, maximum=MAX_ID)
        output_dim = positive_integer("output_dim", output_dim)
        budget = parameter_budget(input_dim, output_dim, ratio)
        if counts is None:
            raise ConfigError("counts are needed by a Huffman embedding; pass how often ids occur")
        array = np.asarray(counts)
        if array.shape != (input_dim,):
            raise ConfigError(f"counts must have shape ({input_dim},); received {array.shape}")
        ranks = layer_args.get("ranks")
        fixed = parameters_of(ranks, input_dim)
        tree = largest_tree(array, (budget - fixed) // output_dim, arity, ranks)
        if tree is None:
            parameters = fewest_rows(input_dim, arity) * output_dim + fixed
            raise out_of_reach(cls.__name__, input_dim, output_dim, ratio, parameters)
        return cls(input_dim, output_dim, tree.leaves, tree.arity, **layer_args)

    @property
    def leaves_per_length(self) -> tuple[int, ...]:
        """How many codes have 1, 2, .. L digits."""
        return self._tree.leaves

    @property
    def arity(self) -> int:
        """Digits N."""
        return self._tree.arity

    @property
    def max_length(self) -> int:
        """Digits L of the longest code."""
        return self._tree.max_length

    def mean_length(self, counts: npt.ArrayLike) -> float:
        """Digits of a code, averaged over ids that occur `counts` (n,) times."""
        lengths = np.roll(np.repeat(np.arange(self.max_length) + 1, self.leaves_per_length), 2)
        weights = np.asarray(counts, np.float64)
        if self.ranks is not None:
            lengths = lengths[ops.convert_to_numpy(self.ranks)]
        return float(weights @ lengths / weights.sum())

    def build_tables(self) -> None:
        """T (L N, D)."""
        self.T = self.add_table("T", self._tree.num_rows, self.output_dim)

    def embed(self, ranks: Any) -> Any:
        """The rows of the digits, pooled."""
        tree = self._tree
        starts = ops.convert_to_tensor(tree.level_starts, dtype="int32")
        reached = ops.cast(ops.expand_dims(ranks, -1) >= starts, "int32")
        level = ops.sum(reached, axis=-1) - 1  # loud in the lookups below where out of range
        offset, divisor, base = (table.astype(np.int32) for table in tree.digit_tables())
        shifted = ops.expand_dims(ranks, -1) + lookup(offset, level)  # (..., L)
        digits = ops.mod(ops.floor_divide(shifted, lookup(divisor, level)), tree.arity)
        rows = lookup(self.T, digits + (base if base.ndim == 1 else lookup(base, level)))
        weights = tree.by_level(tree.weights(self.pooling == "mean")).astype(np.float32)
        if self.pooling == "max":
            # Digits past the end of the code are below every maximum. (Without `initial` Keras
            # refuses an empty batch.)
            past = np.where(weights > 0, 0, np.inf).astype(np.float32)
            below = ops.cast(lookup(past, level), rows.dtype)
            counted = rows - ops.expand_dims(below, -1)
            return still_loud(ops.max(counted, axis=-2, initial=-math.inf), counted)
        used = ops.cast(lookup(weights, level), rows.dtype)
        return ops.sum(rows * ops.expand_dims(used, -1), axis=-2)

    def score(self, h: Any) -> Any:
        """Scores of the digits, added up along the tree; for max pooling H times all maxima."""
        tree, table = self._tree, self.dense(self.T)
        length, arity = tree.max_length, tree.arity
        if self.pooling == "max":
            # The minimum is 0 whatever the batch; it keeps the converter from folding n rows of
            # constants into the file.
            table = table + ops.cast(ops.minimum(ops.shape(h)[0], 0), table.dtype)
            digits = ops.reshape(table, (length, arity, self.output_dim))
            leaves = tree.expand(ops.split(digits, length, axis=0), ops.maximum, axis=0)
            scores = times_rows(h, ops.concatenate(leaves, axis=0)[:, 0])
        else:
            digits = ops.reshape(times_rows(h, table), (-1, length, arity))
            leaves = tree.expand(ops.split(digits, length, axis=1), ops.add, axis=1)
            if self.pooling == "mean":
                leaves = [part / n for part, n in zip(leaves, tree.lengths, strict=True)]
            scores = ops.concatenate(leaves, axis=1)[:, :, 0]
        if self.input_dim <= 2:
            return ops.roll(scores, 2, axis=-1)
        # Rank r = (i - 2) mod n: the last two ranks are ids 0 and 1.
        return ops.concatenate([scores[:, -2:], scores[:, :-2]], axis=1)

    def solve(self, matrix: Floats) -> dict[str, Floats]:
        """Least squares for sum and mean; for max pooling a fit to whichever digit leads."""
        tree = self._tree
        rows = np.roll(tree.rows(), 2, axis=0)  # by id
        weights = np.roll(tree.weights_by_rank(self.pooling != "sum"), 2, axis=0)
        T = fit_sum_of_rows(matrix, rows, tree.num_rows, weights)
        if self.pooling != "max":
            return {"T": T}
        # Each value is explained by the digit that is largest there: average, then reassign.
        best, least = T, np.inf
        for _ in range(_MAX_POOLING_ROUNDS):
            largest = T[rows[:, 0]]
            leads = np.repeat(rows[:, :1], self.output_dim, axis=1)  # (n, D)
            for j in range(1, tree.max_length):
                values = np.where(weights[:, j : j + 1] > 0, T[rows[:, j]], -np.inf)
                leads = np.where(values > largest, rows[:, j : j + 1], leads)
                largest = np.maximum(largest, values)
            error = float(((largest - matrix) ** 2).sum())
            if error < least:
                best, least = T, error
            flat = (leads * self.output_dim + np.arange(self.output_dim)).ravel()
            total = np.bincount(flat, matrix.ravel(), T.size)
            count = np.bincount(flat, minlength=T.size)
            mean = np.where(count > 0, total / np.maximum(count, 1), T.ravel() - 1e-3)
            T = mean.reshape(T.shape)
        return {"T": best}

    def size_arguments(self) -> dict[str, Any]:
        """The shape of the code and the pooling."""
        return {
            "leaves_per_length": self.leaves_per_length,
            "arity": self.arity,
            "pooling": self.pooling,
        }
