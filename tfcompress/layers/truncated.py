"""Truncation: the most frequent ids keep a row, all others share one."""

from typing import Any

import keras
import numpy as np
from keras import ops

from tfcompress.errors import ConfigError
from tfcompress.layers.base import CompressedEmbedding
from tfcompress.layers.budget import SizeRange, positive_integer
from tfcompress.layers.lookup import lookup, refuse_above
from tfcompress.layers.products import times_rows
from tfcompress.layers.tables import Floats


@keras.saving.register_keras_serializable(package="tfcompress")
class TruncatedEmbedding(CompressedEmbedding):
    """Own rows for the head, one row for the tail: e_i = E[min(i, k)], (k + 1) D parameters.

    The baseline that drops the rare ids: what a vocabulary cut to k entries does.

    Args:
        input_dim: int. Number of ids n.
        output_dim: int. Width D.
        num_kept: int. Ids of rank below k = num_kept have a row of their own; 0..n-1.
        **kwargs: The common arguments of `CompressedEmbedding`.

    Example:
    >>> TruncatedEmbedding.from_ratio(100_000, 64, ratio=16).num_kept
    6249

    References:
        The "truncate rare" baseline of Pansare et al. 2022, section 5,
        https://arxiv.org/abs/2203.10135
    """

    size_argument = "num_kept"

    def __init__(self, input_dim: int, output_dim: int, num_kept: int, **kwargs: Any) -> None:
        super().__init__(input_dim, output_dim, **kwargs)
        is_zero = isinstance(num_kept, int) and num_kept == 0 and num_kept is not False
        self.num_kept = 0 if is_zero else positive_integer("num_kept", num_kept)
        if self.num_kept >= self.input_dim:
            raise ConfigError(f"num_kept must be below {self.input_dim}; received {num_kept}")

    def build_tables(self) -> None:
        """E (k + 1, D), the shared row last."""
        self.embeddings = self.add_table("embeddings", self.num_kept + 1, self.output_dim)

    def embed(self, ranks: Any) -> Any:
        """E[min(i, k)]."""
        return lookup(
            self.embeddings,
            refuse_above(ops.minimum(ranks, self.num_kept), ranks, self.input_dim),
        )

    def score(self, h: Any) -> Any:
        """H E^T, its last column repeated."""
        scores = times_rows(h, self.dense(self.embeddings))
        copies = self.input_dim - self.num_kept
        if copies == 1:
            return scores
        shared = ops.tile(scores[:, self.num_kept :], [1, copies])
        return ops.concatenate([scores[:, : self.num_kept], shared], axis=-1)

    def solve(self, matrix: Floats) -> dict[str, Floats]:
        """The rows of the head and the mean of the tail: least squares."""
        tail = matrix[self.num_kept :].mean(axis=0, keepdims=True)
        return {"embeddings": np.concatenate([matrix[: self.num_kept], tail])}

    @classmethod
    def sizes(cls, input_dim: int, output_dim: int, **layer_args: Any) -> SizeRange:
        """Parameters (k + 1) D for k = 0..n-1."""
        return SizeRange(0, input_dim - 1, lambda k: (k + 1) * output_dim)

    def size_arguments(self) -> dict[str, Any]:
        """The number of rows kept."""
        return {"num_kept": self.num_kept}
