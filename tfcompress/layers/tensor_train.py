"""Tensor train: the table as a product of small cores."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tfcompress.errors import ConfigError
from tfcompress.layers.base import CompressedEmbedding
from tfcompress.layers.budget import SizeRange, positive_integer
from tfcompress.layers.lookup import lookup, refuse_above
from tfcompress.layers.products import times_rows
from tfcompress.layers.tables import Floats
from tfcompress.layers.tensor_train_svd import tensor_train_svd

DISTRIBUTIONS = ("normal", "tails")
# Keras starts embeddings uniform in (-0.05, 0.05); a drop-in starts with the same variance.
DEFAULT_STDDEV = 0.05 / math.sqrt(3)
# TT-Rec draws from a normal and rejects what lies within this many deviations of zero.
_TAIL = 2.0

Shapes = tuple[tuple[int, ...], tuple[int, ...]]


def balanced_rows(input_dim: int, num_cores: int) -> tuple[int, ...]:
    """Factors whose product is at least `input_dim`, nearly equal, the smallest in the middle.

    The cores in the middle have two ranks, so a row costs most there.
    """
    factors: list[int] = []
    left = input_dim
    for cores_left in range(num_cores, 0, -1):
        factor = max(1, round(left ** (1 / cores_left)))
        while factor**cores_left < left:
            factor += 1
        factors.append(factor)
        left = -(-left // factor)
    rising = sorted(factors)
    return (*rising[1::2][::-1], *rising[::2])[::-1]


def balanced_columns(output_dim: int, num_cores: int) -> tuple[int, ...]:
    """Factors whose product is `output_dim`, small in the middle: (8, 2, 4) for 64.

    The least sum in which a column of a core in the middle counts three times. At equal parameters
    a trained table is fitted as well as with equal factors (within 1 % of the error), and a lookup
    takes about half the time.
    """

    def splits(number: int, count: int) -> list[tuple[int, ...]]:
        if count == 1:
            return [(number,)]
        return [
            (factor, *rest)
            for factor in range(1, number + 1)
            if number % factor == 0
            for rest in splits(number // factor, count - 1)
        ]

    def cost(factors: tuple[int, ...]) -> tuple[int, int]:
        # Among equals the first core is the widest: its product is the faster one.
        return factors[0] + factors[-1] + 3 * sum(factors[1:-1]), -factors[0]

    return min(splits(output_dim, num_cores), key=cost)


@keras.saving.register_keras_serializable(package="tfcompress")
class TensorTrainEmbedding(CompressedEmbedding):
    """A product of cores chosen by the digits of the id: e_i = G_1[i_1] .. G_k[i_k].

    sum over k of r_{k-1} n_k d_k r_k parameters, where n_1 .. n_k >= n are the bases of the digits,
    d_1 .. d_k = D, and r_0 = r_k = 1, all other ranks r. The digits are those of i in the mixed
    base n_1 .. n_k, most significant first. A core is stored as (n_k, r_k d_k r_{k-1}), the order
    in which both the lookup and the scores read it without a transposed copy; element j of an
    embedding is (j_k, .., j_1) in the base (d_k, .., d_1).

    Args:
        input_dim: int. Number of ids n.
        output_dim: int. Width D.
        rank: int. r.
        num_cores: int or None. k, 2 or more. None: as many as `shapes` gives, or 3.
        shapes: pair of sequences of int, or None. (n_1 .. n_k) and (d_1 .. d_k). None balances
            them.
        distribution: str. How the cores start, unless an initializer is passed: "normal", or
            "tails" (a normal without its middle, so that products of a few values come closer to
            a normal).
        stddev: float or None. Standard deviation of the embedding's values that the cores are
            scaled for. None is that of Keras' own embedding, 0.05 / sqrt(3); Khrulkov et al. use
            Glorot's sqrt(2 / (n + D)), TT-Rec sqrt(1 / (3 n)).
        **kwargs: The common arguments of `CompressedEmbedding`.

    Example:
    >>> layer = TensorTrainEmbedding(100_000, 64, rank=16)
    >>> layer.shapes, layer.num_parameters
    (((47, 46, 47), (8, 2, 4)), 32576)

    References:
        Khrulkov et al. 2019, Tensorized Embedding Layers, sections 3-4 (core scaling),
        https://arxiv.org/abs/1901.10787. Yin et al. 2021, TT-Rec, section 3 (weights drawn from
        the tails), https://arxiv.org/abs/2101.11714
    """

    size_argument = "rank"
    flat_ids = True
    embeds_all_from = 1 / 8

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        rank: int,
        num_cores: int | None = None,
        shapes: Sequence[Sequence[int]] | None = None,
        *,
        distribution: str = "normal",
        stddev: float | None = None,
        embeddings_initializer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            input_dim, output_dim, embeddings_initializer=embeddings_initializer, **kwargs
        )
        self.rank = positive_integer("rank", rank)
        self.shapes = _checked_shapes(self.input_dim, self.output_dim, num_cores, shapes)
        self.num_cores = len(self.shapes[0])
        self.ranks_of_cores = (1, *[self.rank] * (self.num_cores - 1), 1)
        if distribution not in DISTRIBUTIONS:
            raise ConfigError(
                f"distribution must be one of {', '.join(DISTRIBUTIONS)}; got {distribution!r}"
            )
        if stddev is not None and not stddev > 0:
            raise ConfigError(f"stddev must be positive; received {stddev!r}")
        self.distribution, self.stddev = distribution, stddev

    def build_tables(self) -> None:
        """G1 .. Gk, core k as (n_k, r_k d_k r_{k-1})."""
        start = self.embeddings_initializer or self._scaled_start()
        ranks = self.ranks_of_cores
        self.cores = [
            self.add_table(f"G{k + 1}", rows, ranks[k + 1] * columns * ranks[k], start)
            for k, (rows, columns) in enumerate(zip(*self.shapes, strict=True))
        ]

    def _scaled_start(self) -> Any:
        # The variance of a sum over all ranks of products of one value per core.
        paths = self.rank ** (self.num_cores - 1)
        target = DEFAULT_STDDEV if self.stddev is None else self.stddev
        spread = (target**2 / paths) ** (1 / (2 * self.num_cores))
        if self.distribution == "normal":
            return keras.initializers.RandomNormal(stddev=spread)
        return lambda shape, dtype: tails_of_normal(shape, spread, dtype)

    def embed(self, ranks: Any) -> Any:
        """The chosen slices multiplied, from the last core to the first."""
        rows, columns = self.shapes
        digits = []
        rest = ranks
        for count in reversed(rows[1:]):
            digits.append(ops.mod(rest, count))
            rest = ops.floor_divide(rest, count)
        # Only the first digit of an id out of range is out of range, if all combinations are ids.
        if math.prod(rows) != self.input_dim:
            rest = refuse_above(rest, ranks, self.input_dim)
        digits.append(rest)
        product: Any = None
        for k in range(self.num_cores - 1, -1, -1):
            below, above = self.ranks_of_cores[k], self.ranks_of_cores[k + 1]
            part = lookup(self.cores[k], digits[self.num_cores - 1 - k])
            if product is None:
                product = ops.reshape(part, (-1, columns[k], below))
                continue
            part = ops.reshape(part, (-1, above, columns[k] * below))
            product = ops.matmul(product, part)  # (batch, columns so far, d_k r_{k-1})
            product = ops.reshape(product, (-1, math.prod(columns[k:]), below))
        return ops.reshape(product, (-1, self.output_dim))

    def embed_all(self) -> Any:
        """The cores multiplied, from the first to the last: one product and one transpose each."""
        rows, columns = self.shapes
        state, ids, width = ops.ones((1, 1), self.compute_dtype), 1, 1  # (r_k, ids so far x width)
        for k in range(self.num_cores):
            below, above = self.ranks_of_cores[k], self.ranks_of_cores[k + 1]
            core = ops.reshape(self.dense(self.cores[k]), (-1, below))
            state = ops.reshape(ops.matmul(core, state), (rows[k], above, columns[k], ids, width))
            ids, width = ids * rows[k], width * columns[k]
            state = ops.reshape(ops.transpose(state, (1, 3, 0, 2, 4)), (above, ids * width))
        return ops.reshape(state, (ids, width))[: self.input_dim]

    def score(self, h: Any) -> Any:
        """H contracted with one core after the other; largest about n^(1 - 1/k) D / d_1 r wide."""
        rows, columns = self.shapes
        state = ops.reshape(h, (-1, math.prod(columns[1:]), 1, columns[0]))
        for k in range(self.num_cores):
            below, above = self.ranks_of_cores[k], self.ranks_of_cores[k + 1]
            # (batch, columns to come, rows so far, d_k r_{k-1})
            core = ops.reshape(self.dense(self.cores[k]), (rows[k] * above, columns[k] * below))
            ids, to_come = math.prod(rows[:k]), math.prod(columns[k + 1 :])
            state = times_rows(ops.reshape(state, (-1, columns[k] * below)), core)
            if k + 1 == self.num_cores:
                break
            ids *= rows[k]
            state = ops.reshape(state, (-1, columns[k + 1], ids, above))
            state = ops.reshape(
                ops.transpose(state, (0, 2, 1, 3)),
                (-1, to_come // columns[k + 1], ids, columns[k + 1] * above),
            )
        return ops.reshape(state, (-1, math.prod(rows)))[:, : self.input_dim]

    def solve(self, matrix: Floats) -> dict[str, Floats]:
        """TT-SVD: truncated decompositions, one bond after the other (quasi-optimal)."""
        cores = tensor_train_svd(matrix, self.shapes, self.rank)
        return {f"G{k + 1}": core for k, core in enumerate(cores)}

    @classmethod
    def sizes(
        cls,
        input_dim: int,
        output_dim: int,
        *,
        num_cores: int | None = None,
        shapes: Sequence[Sequence[int]] | None = None,
        **layer_args: Any,
    ) -> SizeRange:
        """Parameters for r = 1 .. the largest rank a bond between two cores can have."""
        rows, columns = _checked_shapes(input_dim, output_dim, num_cores, shapes)
        cells = [n * d for n, d in zip(rows, columns, strict=True)]
        bonds = range(1, len(cells))
        highest = max(min(math.prod(cells[:k]), math.prod(cells[k:])) for k in bonds)

        def parameters(rank: int) -> int:
            ranks = (1, *[rank] * (len(cells) - 1), 1)
            return sum(ranks[k] * cell * ranks[k + 1] for k, cell in enumerate(cells))

        return SizeRange(1, highest, parameters)

    def size_arguments(self) -> dict[str, Any]:
        """The rank and the shapes of the cores."""
        return {"rank": self.rank, "num_cores": self.num_cores, "shapes": self.shapes}

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        start = {"distribution": self.distribution, "stddev": self.stddev}
        return {**super().get_config(), **start}


def tails_of_normal(shape: Any, stddev: float, dtype: Any) -> Any:
    """Draws from a normal without its middle, scaled to `stddev`."""
    lowest = math.erf(_TAIL / math.sqrt(2))
    density = math.exp(-(_TAIL**2) / 2) / math.sqrt(2 * math.pi)
    variance = 1 + _TAIL * density / ((1 - lowest) / 2)
    level = keras.initializers.RandomUniform(lowest, 1 - 1e-6)(shape)
    sign = ops.sign(keras.initializers.RandomUniform(-1.0, 1.0)(shape))
    values = sign * ops.erfinv(level) * (math.sqrt(2) * stddev / math.sqrt(variance))
    return ops.cast(values, dtype)


def _checked_shapes(
    input_dim: int, output_dim: int, num_cores: int | None, shapes: Sequence[Sequence[int]] | None
) -> Shapes:
    if num_cores is not None and positive_integer("num_cores", num_cores) < 2:
        raise ConfigError(f"num_cores must be at least 2; received {num_cores}")
    if shapes is None:
        count = num_cores or 3
        return balanced_rows(input_dim, count), balanced_columns(output_dim, count)
    try:
        rows, columns = (tuple(side) for side in shapes)
    except (TypeError, ValueError):
        rows, columns = (), ()
    if len(rows) != len(columns) or len(rows) < 2:
        raise ConfigError(f"shapes must be two sequences of 2 or more factors; received {shapes}")
    rows, columns = (
        tuple(positive_integer("shapes", part) for part in side) for side in (rows, columns)
    )
    if num_cores not in (None, len(rows)):
        raise ConfigError(f"num_cores={num_cores} differs from the {len(rows)} cores of shapes")
    if math.prod(rows) < input_dim or math.prod(columns) != output_dim:
        raise ConfigError(
            f"shapes must multiply to at least {input_dim} and to exactly {output_dim}; "
            f"received {math.prod(rows)} and {math.prod(columns)}"
        )
    return rows, columns
