"""Low rank: a narrow table and one projection, the factorised baseline."""

from typing import Any

import keras
import numpy as np

from tfcompress.layers.base import CompressedEmbedding
from tfcompress.layers.budget import SizeRange, positive_integer
from tfcompress.layers.lookup import lookup
from tfcompress.layers.products import times_columns, times_rows
from tfcompress.layers.tables import Floats


@keras.saving.register_keras_serializable(package="tfcompress")
class LowRankEmbedding(CompressedEmbedding):
    """A narrow row, projected: e_i = P A[i], n r + D r parameters.

    The baseline papers on compressed embeddings tend to omit. P is stored as (D, r), the layout
    that a lookup's FULLY_CONNECTED reads. It starts normal with variance 1 / r, so that the
    embeddings start with the variance of A.

    Args:
        input_dim: int. Number of ids n.
        output_dim: int. Width D.
        rank: int. Width r of the narrow table, at most min(n, D).
        **kwargs: The common arguments of `CompressedEmbedding`; its initializer is that of A.

    Example:
    >>> LowRankEmbedding.from_ratio(100_000, 64, ratio=16).rank
    3

    References:
        Lan et al. 2020, ALBERT, section 3.1 (factorized embedding parameterization),
        https://arxiv.org/abs/1909.11942
    """

    size_argument = "rank"
    embeds_all_from = 1.0

    def __init__(self, input_dim: int, output_dim: int, rank: int, **kwargs: Any) -> None:
        super().__init__(input_dim, output_dim, **kwargs)
        self.rank = positive_integer("rank", rank, maximum=min(self.input_dim, self.output_dim))

    def build_tables(self) -> None:
        """A (n, r) and P (D, r)."""
        self.A = self.add_table("A", self.input_dim, self.rank)
        spread = keras.initializers.RandomNormal(stddev=self.rank**-0.5)
        self.P = self.add_table("P", self.output_dim, self.rank, spread)

    def embed(self, ranks: Any) -> Any:
        """P A[i]."""
        return times_rows(lookup(self.A, ranks), self.P)

    def embed_all(self) -> Any:
        """A P^T."""
        return times_rows(self.dense(self.A), self.dense(self.P))

    def score(self, h: Any) -> Any:
        """(H P) A^T."""
        return times_rows(times_columns(h, self.dense(self.P)), self.dense(self.A))

    def solve(self, matrix: Floats) -> dict[str, Floats]:
        """The first r principal directions (of the rows as they are): least squares.

        From the D x D Gram matrix, so that a million rows cost no decomposition of their own.
        """
        _, directions = np.linalg.eigh(matrix.T @ matrix)
        P = directions[:, ::-1][:, : self.rank]
        return {"A": matrix @ P, "P": P}

    @classmethod
    def sizes(cls, input_dim: int, output_dim: int, **layer_args: Any) -> SizeRange:
        """Parameters (n + D) r for r = 1..min(n, D)."""
        highest = min(input_dim, output_dim)
        return SizeRange(1, highest, lambda rank: (input_dim + output_dim) * rank)

    def size_arguments(self) -> dict[str, Any]:
        """The rank."""
        return {"rank": self.rank}
