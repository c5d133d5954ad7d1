"""The uncompressed table, with loud ids and tied outputs like the rest."""

from typing import Any

import keras

from tfcompress.layers.base import CompressedEmbedding
from tfcompress.layers.budget import SizeRange
from tfcompress.layers.lookup import lookup
from tfcompress.layers.products import times_rows
from tfcompress.layers.tables import Floats


@keras.saving.register_keras_serializable(package="tfcompress")
class FullEmbedding(CompressedEmbedding):
    """One row of its own for every id: e_i = E[i], n D parameters.

    The table every other layer is measured against.

    Args:
        input_dim: int. Number of ids n.
        output_dim: int. Width D.
        **kwargs: The common arguments of `CompressedEmbedding`.

    Example:
    >>> layer = FullEmbedding(1000, 16)
    >>> tuple(layer(np.array([[1, 2, 3]])).shape)
    (1, 3, 16)
    """

    def build_tables(self) -> None:
        """E (n, D)."""
        self.embeddings = self.add_table("embeddings", self.input_dim, self.output_dim)

    def embed(self, ranks: Any) -> Any:
        """E[i]."""
        return lookup(self.embeddings, ranks)

    def score(self, h: Any) -> Any:
        """H E^T."""
        return times_rows(h, self.dense(self.embeddings))

    def solve(self, matrix: Floats) -> dict[str, Floats]:
        """The matrix itself."""
        return {"embeddings": matrix}

    @classmethod
    def sizes(cls, input_dim: int, output_dim: int, **layer_args: Any) -> SizeRange:
        """One size only: ratio 1."""
        return SizeRange(1, 1, lambda _: input_dim * output_dim)
