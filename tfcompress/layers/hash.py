"""The hashing trick: ids share the rows of a smaller table."""

from typing import Any

import keras
import numpy as np
from keras import ops

from tfcompress.layers.base import CompressedEmbedding, Floats
from tfcompress.layers.budget import SizeRange, positive_integer
from tfcompress.layers.full import scores_of_rows
from tfcompress.layers.lookup import lookup


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


@keras.saving.register_keras_serializable(package="tfcompress")
class HashEmbedding(CompressedEmbedding):
    """Ids share rows: e_i = U[i mod m], m D parameters.

    Every non-negative int32 id is accepted by nature, also above `input_dim` (which only sets how
    many ids `reverse` scores); a negative one is as loud as anywhere.

    Args:
        input_dim: int. Number of ids n.
        output_dim: int. Width D.
        num_buckets: int. Rows m of the shared table, at most n.
        **kwargs: The common arguments of `CompressedEmbedding`.

    Example:
    >>> layer = HashEmbedding.from_ratio(100_000, 64, ratio=16)
    >>> layer.num_buckets
    6250

    References:
        Weinberger et al. 2009, Feature Hashing for Large Scale Multitask Learning,
        https://arxiv.org/abs/0902.2206
    """

    def __init__(self, input_dim: int, output_dim: int, num_buckets: int, **kwargs: Any) -> None:
        super().__init__(input_dim, output_dim, **kwargs)
        self.num_buckets = positive_integer("num_buckets", num_buckets, maximum=self.input_dim)

    def build_tables(self) -> None:
        """U (m, D)."""
        self.U = self.add_table("U", self.num_buckets, self.output_dim)

    def embed(self, ranks: Any) -> Any:
        """U[i mod m]."""
        return lookup(self.U, bucket_of(ranks, self.num_buckets))

    def score(self, h: Any) -> Any:
        """H U^T, repeated."""
        return repeat_scores(scores_of_rows(h, self.dense(self.U)), self.input_dim)

    def solve(self, matrix: Floats) -> dict[str, Floats]:
        """The mean of each bucket: least squares."""
        blocks, counts = blocks_of_buckets(matrix, self.num_buckets)
        return {"U": blocks.sum(axis=1) / counts[:, None]}

    @classmethod
    def sizes(cls, input_dim: int, output_dim: int, **layer_args: Any) -> SizeRange:
        """Parameters m D for m = 1..n."""
        return SizeRange("num_buckets", 1, input_dim, lambda m: m * output_dim)

    def size_arguments(self) -> dict[str, Any]:
        """The number of buckets."""
        return {"num_buckets": self.num_buckets}
