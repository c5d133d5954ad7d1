"""The hashing trick, single and double: ids share the rows of a smaller table."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from tfcompress.layers.base import CompressedEmbedding
from tfcompress.layers.budget import SizeRange, positive_integer
from tfcompress.layers.least_squares import fit_sum_of_rows
from tfcompress.layers.lookup import lookup
from tfcompress.layers.products import times_rows
from tfcompress.layers.tables import Floats


def bucket_of(ids: Any, num_buckets: int) -> Any:
    """Bucket i mod m of int32 ids >= 0; a negative id stays negative, so its lookup is loud."""
    # mod floors: -1 mod m is m - 1, a valid row. The minimum gives the negative id back.
    return ops.minimum(ids, ops.mod(ids, num_buckets))


def repeat_scores(scores: Any, input_dim: int) -> Any:
    """Scores (..., n) of all ids from scores (..., m) of buckets, id i taking bucket i mod m.

    Tiled and cut: `take(scores, arange(n) % m)` would ship n integers after constant folding.
    """
    num_buckets = scores.shape[-1]
    copies = -(-input_dim // num_buckets)
    if copies > 1:
        scores = ops.tile(scores, [1] * (len(scores.shape) - 1) + [copies])
    return scores[..., :input_dim]


def blocks_of_buckets(matrix: Floats, num_buckets: int) -> tuple[Floats, Floats]:
    """Rows of a table grouped by bucket.

    Args:
        matrix: float array (n, D).
        num_buckets: int. m.

    Returns:
        Blocks (m, ceil(n / m), D), where blocks[b, k] is row k m + b or zeros past the end, and
        the number of rows in each bucket (m,).
    """
    rows, width = matrix.shape
    depth = -(-rows // num_buckets)
    padded = np.zeros((depth * num_buckets, width), matrix.dtype)
    padded[:rows] = matrix
    counts = np.bincount(np.arange(rows) % num_buckets, minlength=num_buckets)
    blocks = padded.reshape(depth, num_buckets, width).transpose(1, 0, 2)
    return blocks, counts.astype(np.float64)


def second_hash(input_dim: int, num_buckets: int) -> tuple[int, int]:
    """The factor a and the offset b of the second hash, h(i) = (i mod m + a (i // m) + b) mod m.

    A member of the universal family that takes the digits of i in base m times random factors; the
    last digit's factor is 1, so that every product stays inside int32 (a (i // m) < 2^31). From
    the golden ratio on, the first a and b such that, where m is large enough,

    - a is coprime to m: ids that share their first bucket differ in the second;
    - b avoids every swap: no two ids have each other's pair, which would sum to the same row, and
      no id has the same bucket twice.

    Args:
        input_dim: int. n.
        num_buckets: int. m.

    Returns:
        a and b, in 0..m-1.
    """
    m = num_buckets
    blocks = -(-input_dim // m)
    # About a third of m: `reverse` builds blocks of m + a scores.
    a = next(k for k in range(int(m * 0.381966) + 1, 2 * m + 1) if math.gcd(k, m) == 1) % m
    taken = np.unique(np.arange(min(2 * blocks - 1, m), dtype=np.int64) * a % m)
    first = int(m * 0.618034)
    offsets = np.roll(np.arange(m, dtype=np.int64), -first)
    free = ~np.isin(-2 * offsets % m, taken)
    return a, int(offsets[np.argmax(free)])


@keras.saving.register_keras_serializable(package="tfcompress")
class HashEmbedding(CompressedEmbedding):
    """Ids share rows: e_i = U[i mod m], m D parameters; with two hashes U[i mod m] + U[h(i)].

    Every non-negative int32 id is accepted by nature, also above `input_dim` (which only sets how
    many ids `reverse` scores); a negative one is as loud as anywhere. With two hashes no two ids
    below `input_dim` share both rows as long as there are more than 2 n / m buckets.

    Args:
        input_dim: int. Number of ids n.
        output_dim: int. Width D.
        num_buckets: int. Rows m of the shared table, at most n.
        num_hashes: int. 1, or 2 for the sum of two rows.
        **kwargs: The common arguments of `CompressedEmbedding`.

    Example:
    >>> layer = HashEmbedding.from_ratio(100_000, 64, ratio=16)
    >>> layer.num_buckets
    6250

    References:
        Weinberger et al. 2009, Feature Hashing for Large Scale Multitask Learning,
        https://arxiv.org/abs/0902.2206. Two hashes: Zhang et al. 2020, Model Size Reduction Using
        Frequency Based Double Hashing for Recommender Systems, https://arxiv.org/abs/2007.14523
    """

    size_argument = "num_buckets"

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        num_buckets: int,
        num_hashes: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(input_dim, output_dim, **kwargs)
        self.num_buckets = positive_integer("num_buckets", num_buckets, maximum=self.input_dim)
        self.num_hashes = positive_integer("num_hashes", num_hashes, maximum=2)
        if self.num_hashes == 2:
            self._factor, self._offset = second_hash(self.input_dim, self.num_buckets)

    def build_tables(self) -> None:
        """U (m, D)."""
        self.U = self.add_table("U", self.num_buckets, self.output_dim)

    def embed(self, ranks: Any) -> Any:
        """U[i mod m] (+ U[h(i)])."""
        m = self.num_buckets
        rows = lookup(self.U, bucket_of(ranks, m))
        if self.num_hashes == 1:
            return rows
        turns = ops.mod(ops.floor_divide(ranks, m) * self._factor, m)
        second = ops.mod(ops.mod(ranks, m) + turns + self._offset, m)
        return rows + lookup(self.U, second)

    def score(self, h: Any) -> Any:
        """H U^T repeated (+ H U^T repeated, each repetition turned by a more)."""
        n, m = self.input_dim, self.num_buckets
        shared = times_rows(h, self.dense(self.U))
        scores = repeat_scores(shared, n)
        if self.num_hashes == 1:
            return scores
        # Cut into rows of m + a, what repeats every m is turned by a from row to row.
        blocks, stride = -(-n // m), m + self._factor
        long = repeat_scores(shared, self._offset + blocks * stride)[:, self._offset :]
        turned = ops.reshape(long, (-1, blocks, stride))[:, :, :m]
        return scores + ops.reshape(turned, (-1, blocks * m))[:, :n]

    def solve(self, matrix: Floats) -> dict[str, Floats]:
        """Least squares: the mean of each bucket; with two hashes by conjugate gradients."""
        m = self.num_buckets
        if self.num_hashes == 1:
            blocks, counts = blocks_of_buckets(matrix, m)
            return {"U": blocks.sum(axis=1) / counts[:, None]}
        return {"U": fit_sum_of_rows(matrix, self.buckets(), m)}

    def buckets(self) -> NDArray[np.int64]:
        """The rows of U that each id reads: int64 array (n, num_hashes)."""
        m = self.num_buckets
        quotients, first = np.divmod(np.arange(self.input_dim, dtype=np.int64), m)
        if self.num_hashes == 1:
            return first[:, None]
        second = (first + quotients * self._factor + self._offset) % m
        return np.stack([first, second], axis=1)

    @classmethod
    def sizes(cls, input_dim: int, output_dim: int, **layer_args: Any) -> SizeRange:
        """Parameters m D for m = 1..n."""
        return SizeRange(1, input_dim, lambda m: m * output_dim)

    def size_arguments(self) -> dict[str, Any]:
        """The number of buckets and of hashes."""
        return {"num_buckets": self.num_buckets, "num_hashes": self.num_hashes}
