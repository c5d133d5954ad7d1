"""FPD: sums of products of two tables, projected."""

import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from tfcompress.errors import ConfigError
from tfcompress.layers.base import CompressedEmbedding
from tfcompress.layers.budget import SizeRange, positive_integer
from tfcompress.layers.lookup import lookup, refuse_above
from tfcompress.layers.products import times_columns, times_rows
from tfcompress.layers.tables import Floats
from tfcompress.layers.tensor_train import DEFAULT_STDDEV

# Alternating least squares of `fit_table`: rounds at most, and the relative change that ends it.
_ROUNDS = 40
_TOLERANCE = 1e-4
# Added to the diagonal of its linear problems, as a share of the diagonal's mean.
_RIDGE = 1e-10
# Multiplications `fit_table` spends at most beyond its first two rounds, and bytes of float64 rows
# it works on at a time.
_WORK = 3e11
_PART_BYTES = 64 << 20


def side_of(input_dim: int) -> int:
    """M = 8 ceil(sqrt(n) / 8): rows of each of the two factor tables."""
    root = math.isqrt(input_dim - 1) + 1
    return 8 * -(-root // 8)


@keras.saving.register_keras_serializable(package="tfcompress")
class FPDEmbedding(CompressedEmbedding):
    """A projected sum of products: e_i = C^T sum over k < p of A_k[i // M] * B_k[i mod M].

    r D + 2 p r M parameters with M = 8 ceil(sqrt(n) / 8). A and B hold their p terms side by side,
    (M, p r); C is stored as (D, r), the layout that a lookup's FULLY_CONNECTED reads.

    The starts match a table of variance s^2: var C = 1 / r, var A = var B = s / sqrt(p).

    Args:
        input_dim: int. Number of ids n.
        output_dim: int. Width D.
        rank: int. r.
        num_terms: int. p.
        stddev: float or None. s; None is that of Keras' own embedding, 0.05 / sqrt(3).
        **kwargs: The common arguments of `CompressedEmbedding`.

    Example:
    >>> FPDEmbedding.suggest(7_912_889, 128)
    [(24, 1), (32, 1), (16, 2), (8, 4)]
    >>> FPDEmbedding(7_912_889, 128, *FPDEmbedding.suggest(7_912_889, 128)[2]).num_parameters
    182272

    References:
        Hajgato et al., review of embedding compression for recommenders (r and p are theirs). No
        code was published: the formula is reconstructed from the sizes it reports.
    """

    size_argument = "rank"
    flat_ids = True
    embeds_all_from = 1.0

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        rank: int,
        num_terms: int = 1,
        *,
        stddev: float | None = None,
        embeddings_initializer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            input_dim, output_dim, embeddings_initializer=embeddings_initializer, **kwargs
        )
        self.rank = positive_integer("rank", rank)
        self.num_terms = positive_integer("num_terms", num_terms)
        if stddev is not None and not stddev > 0:
            raise ConfigError(f"stddev must be positive; received {stddev!r}")
        self.stddev = stddev
        self.side = side_of(self.input_dim)

    @staticmethod
    def suggest(input_dim: int, output_dim: int) -> list[tuple[int, int]]:
        """Good pairs (r, p), smallest layer first within a number of terms: r p near D / 4.

        The review's heuristic, (24, 1), (32, 1), (16, 2), (8, 4) at D = 128, scaled to D.

        Args:
            input_dim: int. Number of ids; the pairs do not depend on it.
            output_dim: int. D.
        """
        positive_integer("input_dim", input_dim)
        quarter = positive_integer("output_dim", output_dim) / 4
        pairs = [(0.75 * quarter, 1), (quarter, 1), (quarter / 2, 2), (quarter / 4, 4)]
        return list(dict.fromkeys((max(1, round(rank)), terms) for rank, terms in pairs))

    def build_tables(self) -> None:
        """A (M, p r), B (M, p r) and C (D, r)."""
        normal = keras.initializers.RandomNormal
        target = DEFAULT_STDDEV if self.stddev is None else self.stddev
        factors = self.embeddings_initializer or normal(
            stddev=math.sqrt(target / math.sqrt(self.num_terms))
        )
        spread = self.embeddings_initializer or normal(stddev=self.rank**-0.5)
        width = self.num_terms * self.rank
        self.A = self.add_table("A", self.side, width, factors)
        self.B = self.add_table("B", self.side, width, factors)
        self.C = self.add_table("C", self.output_dim, self.rank, spread)

    def embed(self, ranks: Any) -> Any:
        """C^T sum of A[i // M] * B[i mod M]."""
        quotient = refuse_above(ops.floor_divide(ranks, self.side), ranks, self.input_dim)
        terms = lookup(self.A, quotient) * lookup(self.B, ops.mod(ranks, self.side))
        if self.num_terms > 1:
            terms = ops.sum(ops.reshape(terms, (-1, self.num_terms, self.rank)), axis=1)
        return times_rows(terms, self.C)

    def embed_all(self) -> Any:
        """B times (A^T, each of its rows times one of C^T, once per term): one product.

        The width comes last throughout: laid out otherwise, the gradient takes XLA half as long
        again at high ranks.
        """
        C = ops.transpose(ops.tile(self.dense(self.C), [1, self.num_terms]))  # (p r, D)
        right = ops.transpose(self.dense(self.A))[:, :, None] * C[:, None, :]  # (p r, M, D)
        width = self.side * self.output_dim
        pairs = ops.matmul(self.dense(self.B), ops.reshape(right, (-1, width)))  # (M, M D)
        pairs = ops.reshape(pairs, (self.side, self.side, self.output_dim))
        rows = ops.reshape(ops.transpose(pairs, (1, 0, 2)), (-1, self.output_dim))
        return rows[: self.input_dim]

    def score(self, h: Any) -> Any:
        """(H C^T, once per term, times A) B^T, flattened and cut to n."""
        projected = times_columns(h, self.dense(self.C))  # (batch, r)
        if self.num_terms > 1:
            projected = ops.tile(projected, [1, self.num_terms])
        left = projected[:, None, :] * self.dense(self.A)  # (batch, M, p r)
        pairs = times_rows(left, self.dense(self.B))  # (batch, M, M)
        return ops.reshape(pairs, (-1, self.side**2))[:, : self.input_dim]

    def solve(self, matrix: Floats) -> dict[str, Floats]:
        """Alternating least squares over A, B and C, from the principal directions of the rows.

        Each of the three is a linear problem given the other two. Iterative: a local minimum.
        """
        M, r, p, n = self.side, self.rank, self.num_terms, self.input_dim
        used = -(-n // M)
        padded = np.zeros((used * M, self.output_dim))
        padded[:n] = matrix
        blocks: Floats = padded.reshape(used, M, self.output_dim)
        present = (np.arange(used * M) < n).reshape(used, M).astype(np.float64)
        A, B, C = _spectral_start(blocks, r, p)
        energy = error = float((matrix**2).sum())
        work = 4.0 * n * r * (p * self.output_dim + r)
        for _ in range(int(np.clip(_WORK / work, 2, _ROUNDS))):
            gram = np.tile(C @ C.T, (p, p))
            right = np.zeros_like(A)
            for part, projected in _projections(blocks, C):
                right[part] = np.einsum("ijr,jpr->ipr", projected, B.reshape(M, p, r)).reshape(
                    -1, p * r
                )
            A = _solve_factor(right, present, B, gram)
            right = np.zeros_like(B)
            for part, projected in _projections(blocks, C):
                terms = A[part].reshape(-1, p, r)
                right += np.einsum("ijr,ipr->jpr", projected, terms).reshape(M, p * r)
            B = _solve_factor(right, present.T, A, gram)
            C, left = _solve_projection(blocks, present, A, B.reshape(M, p, r))
            last, error = error, energy + left
            if last - error <= _TOLERANCE * max(error, 1e-30):
                break
        whole = np.zeros((M, p * r))
        whole[:used] = A
        return {"A": whole, "B": B, "C": C.T}

    @classmethod
    def sizes(
        cls, input_dim: int, output_dim: int, *, num_terms: int = 1, **layer_args: Any
    ) -> SizeRange:
        """Parameters r (D + 2 p M) for r = 1, 2, .. up to those of the full table."""
        per_rank = output_dim + 2 * positive_integer("num_terms", num_terms) * side_of(input_dim)
        highest = max(1, input_dim * output_dim // per_rank)
        return SizeRange(1, highest, lambda rank: rank * per_rank)

    def size_arguments(self) -> dict[str, Any]:
        """The rank and the number of terms."""
        return {"rank": self.rank, "num_terms": self.num_terms}

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "stddev": self.stddev}


def _spectral_start(blocks: Floats, rank: int, terms: int) -> tuple[Floats, Floats, Floats]:
    """Factors of each principal component of the rows, as a matrix (quotients, remainders).

    What the components leave over is small noise: no term may start at zero on both sides, it
    would stay there.
    """
    used, side, width = blocks.shape
    flat = blocks.reshape(-1, width)
    _, directions = np.linalg.eigh(flat.T @ flat)
    rng = np.random.default_rng(0)
    C = directions[:, ::-1].T[:rank]
    if rank > width:
        C = np.concatenate([C, rng.standard_normal((rank - width, width)) / math.sqrt(width)])
    A = np.zeros((used, terms, rank))
    B = np.zeros((side, terms, rank))
    for component in range(min(rank, width)):
        left, strength, right = np.linalg.svd(blocks @ C[component], full_matrices=False)
        kept = min(terms, len(strength))
        root = np.sqrt(strength[:kept])
        A[:, :kept, component] = left[:, :kept] * root
        B[:, :kept, component] = right[:kept].T * root
    scale = 1e-3 * (np.abs(B).mean() or 1.0)
    B += rng.standard_normal(B.shape) * scale
    return A.reshape(used, -1), B.reshape(side, -1), C


def _parts(blocks: Floats, rank: int) -> Iterator[slice]:
    """Quotients whose rows, projected, take so many bytes and no more."""
    step = max(1, _PART_BYTES // (8 * blocks.shape[1] * rank))
    for start in range(0, len(blocks), step):
        yield slice(start, start + step)


def _projections(blocks: Floats, C: Floats) -> Iterator[tuple[slice, Floats]]:
    """The rows projected by C (quotients, remainders, r), part by part."""
    for part in _parts(blocks, len(C)):
        yield part, blocks[part] @ C.T


def _solve(system: Floats, right: Floats) -> Floats:
    """Solves normal equations (k, k) and (k, columns), singular ones too: with a small ridge."""
    ridge = _RIDGE * float(np.trace(system) / len(system) or 1.0)
    solution: Floats = np.linalg.solve(system + ridge * np.eye(len(system)), right)
    return solution


def _solve_factor(right: Floats, present: Floats, other: Floats, gram: Floats) -> Floats:
    """One factor table, given the other and the projection: normal equations row by row.

    Args:
        right: float array (rows, p r). The table's rows projected by C, times the other factor.
        present: float array (rows, others). 1 where the id exists.
        other: float array (others, p r).
        gram: float array (p r, p r). C C^T, repeated over the terms.
    """
    result: Floats = np.empty_like(right)
    # Rows with the same ids present share their system; all do but those at the end of the table.
    patterns, which = np.unique(present, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        chosen = which.ravel() == number
        system = (other.T * pattern) @ other * gram
        result[chosen] = _solve(system, right[chosen].T).T
    return result


def _solve_projection(
    blocks: Floats, present: Floats, A: Floats, second: Floats
) -> tuple[Floats, float]:
    """C (r, D), given A (M, p r) and B (M, p, r); the squared error less the rows' energy."""
    width, (_, num_terms, rank) = blocks.shape[2], second.shape
    system, right = np.zeros((rank, rank)), np.zeros((rank, width))
    for part in _parts(blocks, rank):
        first = A[part].reshape(-1, num_terms, rank)
        terms = np.einsum("ipr,jpr->ijr", first, second) * present[part][:, :, None]
        flat = terms.reshape(-1, rank)
        system += flat.T @ flat
        right += flat.T @ blocks[part].reshape(-1, width)
    C = _solve(system, right)
    return C, float((C * (system @ C - 2 * right)).sum())
