"""MEmCom: a shared row per bucket, scaled (and shifted) by numbers of the id's own."""

from typing import Any

import keras
import numpy as np
from keras import ops

from tfcompress.layers.base import CompressedEmbedding
from tfcompress.layers.budget import SizeRange, positive_integer
from tfcompress.layers.hash import blocks_of_buckets, repeat_scores
from tfcompress.layers.lookup import lookup
from tfcompress.layers.products import times_rows
from tfcompress.layers.tables import Floats

# Where v starts for all but the most frequent id of a bucket; 0.3 did less well.
_TAIL_SCALE = 0.1
# Bytes of float64 blocks decomposed at a time.
_BATCH_BYTES = 64 << 20


@keras.saving.register_keras_serializable(package="tfcompress")
class MEmComEmbedding(CompressedEmbedding):
    """A shared row with a scale of one's own: e_i = U[i mod m] v_i (+ w_i).

    v and w are one number per id, so ids that share a row still differ; m D + n parameters, with
    bias m D + 2 n. The ratio is bounded by D (D / 2 with bias), and the embeddings of a bucket are
    collinear: all that separates them is what training makes of v. U starts uniform in
    (-0.05, 0.05), w at 0, and v at 1 for the most frequent id of a bucket and 0.1 for the others:
    so a row is its head's from the start. (With 1 for all, as in the paper, rare ids first pass for
    the frequent one they share a row with; on amazon_games_seq at 16x that costs 14 % of nDCG@10.)

    Args:
        input_dim: int. Number of ids n.
        output_dim: int. Width D.
        num_buckets: int. Rows m of the shared table, at most n.
        use_bias: bool. Whether each id also has an offset w_i, added to all columns.
        scale_initializer: Keras initializer or None. Start of v; None for the start above.
        bias_initializer: Keras initializer. Start of w.
        **kwargs: The common arguments of `CompressedEmbedding`; its initializer is that of U.

    Example:
    >>> layer = MEmComEmbedding.from_ratio(100_000, 64, ratio=16)
    >>> layer.num_buckets
    4687

    References:
        Pansare et al. 2022, Learning Compressed Embeddings for On-Device Inference, sections 3-4,
        https://arxiv.org/abs/2203.10135
    """

    size_argument = "num_buckets"

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        num_buckets: int,
        *,
        use_bias: bool = False,
        scale_initializer: Any = None,
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        # Keras would call it m_em_com_embedding.
        number = "" if kwargs.get("name") else keras.backend.get_uid("memcom_embedding")
        kwargs["name"] = kwargs.get("name") or f"memcom_embedding_{number}"
        super().__init__(input_dim, output_dim, **kwargs)
        self.num_buckets = positive_integer("num_buckets", num_buckets, maximum=self.input_dim)
        self.use_bias = bool(use_bias)
        self.scale_initializer = keras.initializers.get(scale_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build_tables(self) -> None:
        """U (m, D), v (n, 1) and w (n, 1)."""
        n = self.input_dim
        self.U = self.add_table("U", self.num_buckets, self.output_dim)
        scale = self.scale_initializer or self._head_first
        self.v = self.add_table("v", n, 1, scale, regularized=False)
        if self.use_bias:
            self.w = self.add_table("w", n, 1, self.bias_initializer, regularized=False)

    def _head_first(self, shape: Any, dtype: Any = None) -> Any:
        """1 for the most frequent id of each bucket, `_TAIL_SCALE` for the others."""
        scale = np.full(shape, _TAIL_SCALE)
        scale[: self.num_buckets] = 1.0
        return ops.convert_to_tensor(scale, dtype=dtype)

    def embed(self, ranks: Any) -> Any:
        """U[i mod m] v_i (+ w_i); the lookup of v is what an id out of range is loud through."""
        rows = lookup(self.U, ops.mod(ranks, self.num_buckets)) * lookup(self.v, ranks)
        return rows + lookup(self.w, ranks) if self.use_bias else rows

    def score(self, h: Any) -> Any:
        """(H U^T, repeated) v^T (+ the sum of h times w^T)."""
        shared = repeat_scores(times_rows(h, self.dense(self.U)), self.input_dim)
        scores = shared * ops.reshape(self.dense(self.v), (self.input_dim,))
        if not self.use_bias:
            return scores
        total = ops.sum(h, axis=-1, keepdims=True)
        return scores + total * ops.reshape(self.dense(self.w), (self.input_dim,))

    def solve(self, matrix: Floats) -> dict[str, Floats]:
        """The best rank-1 approximation of each bucket (with bias: of its centred rows).

        With bias, w_i takes the component of a row along the ones vector whatever U and v are, so
        U v has only the rest to approximate. Scaled so that v has root mean square 1 in a bucket.
        """
        tables: dict[str, Floats] = {}
        if self.use_bias:
            means = matrix.mean(axis=1, keepdims=True)
            tables["w"] = means
            matrix = matrix - means
        blocks, counts = blocks_of_buckets(matrix, self.num_buckets)
        depth = blocks.shape[1]
        U = np.zeros((self.num_buckets, self.output_dim))
        v = np.ones((self.num_buckets, depth))
        step = max(1, _BATCH_BYTES // (8 * depth * self.output_dim))
        for start in range(0, self.num_buckets, step):
            part = slice(start, start + step)
            left, strength, right = np.linalg.svd(blocks[part], full_matrices=False)
            root = np.sqrt(counts[part])
            sign = np.where(left[:, :, 0].sum(axis=1) < 0, -1.0, 1.0)
            U[part] = right[:, 0] * (sign * strength[:, 0] / root)[:, None]
            v[part] = left[:, :, 0] * (sign * root)[:, None]
        # A bucket of zeros has no direction: any v will do.
        v[~np.any(U, axis=1)] = 1.0
        tables["U"] = U
        tables["v"] = v.T.reshape(-1, 1)[: self.input_dim]
        return tables

    @classmethod
    def sizes(
        cls, input_dim: int, output_dim: int, *, use_bias: bool = False, **layer_args: Any
    ) -> SizeRange:
        """Parameters m D + n (+ n) for m = 1..n."""
        scalars = input_dim * (2 if use_bias else 1)
        return SizeRange(1, input_dim, lambda m: m * output_dim + scalars)

    def size_arguments(self) -> dict[str, Any]:
        """The number of buckets and whether there is a bias."""
        return {"num_buckets": self.num_buckets, "use_bias": self.use_bias}

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "scale_initializer": keras.initializers.serialize(self.scale_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
