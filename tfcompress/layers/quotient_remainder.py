"""Quotient-remainder: two small tables whose pair of rows is unique to the id."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from tfcompress.errors import ConfigError
from tfcompress.layers.base import CompressedEmbedding
from tfcompress.layers.budget import SizeRange, positive_integer
from tfcompress.layers.hash import blocks_of_buckets
from tfcompress.layers.least_squares import fit_sum_of_rows
from tfcompress.layers.lookup import lookup, refuse_above
from tfcompress.layers.products import times_rows
from tfcompress.layers.tables import Floats

OPERATIONS = ("mult", "add", "concat")

# Alternating least squares of the product: rounds at most, and the relative change that ends it.
_ROUNDS = 200
_TOLERANCE = 1e-9


@keras.saving.register_keras_serializable(package="tfcompress")
class QuotientRemainderEmbedding(CompressedEmbedding):
    """A row for the quotient combined with one for the remainder: e_i = Q[i // m] o R[i mod m].

    (ceil(n / m) + m) D parameters, half of that for "concat" (D / 2 columns each). No two ids have
    the same pair of rows.

    Args:
        input_dim: int. Number of ids n.
        output_dim: int. Width D; even for "concat".
        num_buckets: int. Remainders m, at most n.
        operation: str. "mult" (element by element, the paper's best), "add" or "concat".
        **kwargs: The common arguments of `CompressedEmbedding`. Without an initializer "mult"
            starts uniform on (sqrt(1 / n), 1) as the paper's code does, since products of values
            around zero start too close to zero; the others start as Keras' own embedding.

    Example:
    >>> QuotientRemainderEmbedding.from_ratio(100_000, 64, ratio=16).num_buckets
    6233

    References:
        Shi et al. 2019, Compositional Embeddings Using Complementary Partitions, section 3,
        https://arxiv.org/abs/1909.02107
    """

    size_argument = "num_buckets"

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        num_buckets: int,
        operation: str = "mult",
        *,
        embeddings_initializer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            input_dim, output_dim, embeddings_initializer=embeddings_initializer, **kwargs
        )
        self.num_buckets = positive_integer("num_buckets", num_buckets, maximum=self.input_dim)
        self.operation = _checked_operation(operation, self.output_dim)
        self.num_quotients = -(-self.input_dim // self.num_buckets)

    def build_tables(self) -> None:
        """Q (ceil(n / m), D) and R (m, D), each D / 2 wide for "concat"."""
        width = self.output_dim // 2 if self.operation == "concat" else self.output_dim
        start = self.embeddings_initializer
        if start is None and self.operation == "mult":
            start = keras.initializers.RandomUniform(math.sqrt(1 / self.input_dim), 1.0)
        elif start is None:
            start = keras.initializers.get("uniform")
        self.Q = self.add_table("Q", self.num_quotients, width, start)
        self.R = self.add_table("R", self.num_buckets, width, start)

    def embed(self, ranks: Any) -> Any:
        """Q[i // m] o R[i mod m]; the quotient is what an id out of range is loud through."""
        quotient = ops.floor_divide(ranks, self.num_buckets)
        if self.num_quotients * self.num_buckets != self.input_dim:
            quotient = refuse_above(quotient, ranks, self.input_dim)
        remainder = ops.mod(ranks, self.num_buckets)
        if self.operation == "concat":
            # The half that holds the remainder's row is to be loud, too.
            remainder = ops.where(quotient < 0, -1, refuse_above(remainder, ranks, self.input_dim))
        left, right = lookup(self.Q, quotient), lookup(self.R, remainder)
        if self.operation == "mult":
            return left * right
        return left + right if self.operation == "add" else ops.concatenate([left, right], axis=-1)

    def score(self, h: Any) -> Any:
        """Scores of all pairs (quotient, remainder), flattened and cut to n."""
        Q, R = self.dense(self.Q), self.dense(self.R)
        if self.operation == "mult":
            # h . (q * r) = (h * q) . r
            pairs = times_rows(h[:, None, :] * Q, R)  # (batch, quotients, m)
        else:
            half = self.output_dim // 2
            left, right = (h[:, :half], h[:, half:]) if self.operation == "concat" else (h, h)
            pairs = times_rows(left, Q)[:, :, None] + times_rows(right, R)[:, None, :]
        flat = ops.reshape(pairs, (-1, self.num_quotients * self.num_buckets))
        return flat[:, : self.input_dim]

    def solve(self, matrix: Floats) -> dict[str, Floats]:
        """Least squares for "add" and "concat"; alternating least squares for "mult"."""
        ids = np.arange(self.input_dim)
        quotients, remainders = np.divmod(ids, self.num_buckets)
        if self.operation == "add":
            rows = np.stack([quotients, remainders + self.num_quotients], axis=1)
            both = fit_sum_of_rows(matrix, rows, self.num_quotients + self.num_buckets)
            return {"Q": both[: self.num_quotients], "R": both[self.num_quotients :]}
        if self.operation == "concat":
            half = self.output_dim // 2
            blocks, counts = blocks_of_buckets(matrix[:, half:], self.num_buckets)
            starts = np.arange(0, self.input_dim, self.num_buckets)
            sums = np.add.reduceat(matrix[:, :half], starts, axis=0)
            return {
                "Q": sums / np.bincount(quotients)[:, None],
                "R": blocks.sum(axis=1) / counts[:, None],
            }
        return self._solve_product(matrix)

    def _solve_product(self, matrix: Floats) -> dict[str, Floats]:
        # Column d of the table, written as a matrix (quotients, m), is to have rank 1.
        m, count, width = self.num_buckets, self.num_quotients, self.output_dim
        padded = np.zeros((count * m, width))
        padded[: self.input_dim] = matrix
        target: Floats = padded.reshape(count, m, width)
        present = (np.arange(count * m) < self.input_dim).reshape(count, m).astype(np.float64)
        # The start is the quotient with the most energy, column by column.
        strongest = (target**2).sum(axis=1).argmax(axis=0)
        R: Floats = target[strongest, :, np.arange(width)].T + 1e-12
        error = math.inf
        for _ in range(_ROUNDS):
            Q = _ratio(np.einsum("qmd,md->qd", target, R), present @ R**2)
            R = _ratio(np.einsum("qmd,qd->md", target, Q), present.T @ Q**2)
            # At a least-squares R the residual is what the projection has not explained.
            last, error = error, float((matrix**2).sum() - ((present.T @ Q**2) * R**2).sum())
            if last - error <= _TOLERANCE * max(error, 1e-30):
                break
        balance: Floats = np.sqrt(_ratio(np.linalg.norm(R, axis=0), np.linalg.norm(Q, axis=0)))
        balance[balance == 0] = 1.0
        return {"Q": Q * balance, "R": R / balance}

    @classmethod
    def sizes(
        cls, input_dim: int, output_dim: int, *, operation: str = "mult", **layer_args: Any
    ) -> SizeRange:
        """Parameters (ceil(n / m) + m) D, from the m where they are fewest (about sqrt(n)) on.

        A smaller m would give the same count with fewer remainders than quotients; the larger of
        the two lets the frequent ids (the first m) have remainders of their own.
        """
        width = output_dim // 2 if operation == "concat" else output_dim
        lowest = math.isqrt(input_dim - 1) + 1
        return SizeRange(lowest, input_dim, lambda m: (-(-input_dim // m) + m) * width)

    def size_arguments(self) -> dict[str, Any]:
        """The number of remainders and how the rows are combined."""
        return {"num_buckets": self.num_buckets, "operation": self.operation}


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _checked_operation(operation: str, output_dim: int) -> str:
    if operation not in OPERATIONS:
        raise ConfigError(f"operation must be one of {', '.join(OPERATIONS)}; got {operation!r}")
    if operation == "concat" and output_dim % 2:
        raise ConfigError(f'output_dim must be even for operation="concat"; received {output_dim}')
    return operation
