"""Frequency tiers: own rows for the head, any compressed layer for the tail."""

from typing import Any, Self

import keras
from keras import ops

from tfcompress.errors import ConfigError
from tfcompress.layers.base import CompressedEmbedding
from tfcompress.layers.budget import (
    SizeRange,
    largest_within,
    out_of_reach,
    parameter_budget,
    positive_integer,
)
from tfcompress.layers.hash import HashEmbedding
from tfcompress.layers.lookup import MAX_ID, lookup, refuse_above
from tfcompress.layers.products import times_rows
from tfcompress.layers.ranks import parameters_of
from tfcompress.layers.tables import Floats
from tfcompress.validation import shown


@keras.saving.register_keras_serializable(package="tfcompress")
class TieredEmbedding(CompressedEmbedding):
    """Own full rows for the most frequent ids, a compressed layer for the rest.

    e_i = H[i] for i < head, tail(i - head) otherwise; head D parameters and those of the tail.

    Args:
        input_dim: int. Number of ids n.
        output_dim: int. Width D.
        head: int. Ids with a row of their own, 1..n-1.
        tail: CompressedEmbedding. A layer of n - head ids and D columns, without `ranks` of its
            own; rank `head` is its id 0.
        **kwargs: The common arguments of `CompressedEmbedding`; its initializer, regularizer and
            constraint are those of H, as the tail has its own.

    Example:
    >>> layer = TieredEmbedding.from_ratio(100_000, 64, ratio=16, tail=MEmComEmbedding)
    >>> layer.head, layer.tail.num_buckets
    (3125, 1611)

    References:
        Zhang et al. 2020, Model Size Reduction Using Frequency Based Double Hashing for
        Recommender Systems, section 3 (only the tail is hashed), https://arxiv.org/abs/2007.14523
    """

    size_argument = "head"

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        head: int,
        tail: CompressedEmbedding,
        **kwargs: Any,
    ) -> None:
        super().__init__(input_dim, output_dim, **kwargs)
        self.head = positive_integer("head", head, maximum=self.input_dim - 1)
        if not isinstance(tail, CompressedEmbedding):
            raise ConfigError(
                f"tail must be a compressed embedding layer; received {type(tail).__name__}"
            )
        expected = (self.input_dim - self.head, self.output_dim)
        if (tail.input_dim, tail.output_dim) != expected or tail.has_ranks:
            raise ConfigError(
                f"tail must have input_dim={expected[0]}, output_dim={expected[1]} and no ranks; "
                f"received {tail.input_dim}, {tail.output_dim}, ranks={tail.has_ranks}"
            )
        self.tail = tail
        if not self.trainable:
            # Keras freezes what a layer holds when `trainable` is set later, not when it is passed.
            tail.trainable = False
        self.flat_ids = tail.flat_ids

    @classmethod
    def from_ratio(
        cls,
        input_dim: int,
        output_dim: int,
        ratio: float,
        *,
        tail: type[CompressedEmbedding] | str = HashEmbedding,
        tail_args: dict[str, Any] | None = None,
        **layer_args: Any,
    ) -> Self:
        """Half the budget for the head, the largest tail in the rest.

        Where no tail fits the rest, the head gives way.

        Args:
            input_dim: int. Number of ids.
            output_dim: int. Width of an embedding.
            ratio: float. How many times smaller than the full float32 table.
            tail: class or str. Of the tail's layer, or its name in `layers.NAMES`; one whose size
                follows from a number of parameters alone (not Huffman, nor another tiered one).
            tail_args: dict or None. Its arguments, beyond the one that follows from the ratio.
            **layer_args: Further arguments of this class; a regularizer and a constraint are the
                tail's too, unless it is given others. (An initializer goes into `tail_args`.)
        """
        n = positive_integer("input_dim", input_dim, maximum=MAX_ID)
        width = positive_integer("output_dim", output_dim)
        kind, preset = _tail_class(tail)
        passed_on = ("dtype", "embeddings_regularizer", "embeddings_constraint")
        common = {name: layer_args[name] for name in passed_on if name in layer_args}
        arguments = {**common, **preset, **(tail_args or {})}
        if kind.size_argument in arguments:
            raise ConfigError(
                f"tail_args: {kind.size_argument} follows from the ratio; leave it out"
            )
        if n == 1:
            raise ConfigError("input_dim must be at least 2 for a head and a tail; received 1")
        if "head" in layer_args:
            raise ConfigError(f"head follows from the ratio; pass one of the two to {cls.__name__}")
        fixed = parameters_of(layer_args.get("ranks"), n)
        budget = parameter_budget(n, width, ratio) - fixed

        def smallest(head: int) -> int:
            sizes = kind.sizes(n - head, width, **arguments)
            return head * width + sizes.parameters(sizes.low)

        half = max(1, min(budget // 2 // width, n - 1))
        head = largest_within(SizeRange(1, half, smallest), budget)
        if head is None:
            raise out_of_reach(cls.__name__, n, width, ratio, smallest(1) + fixed)
        sizes = kind.sizes(n - head, width, **arguments)
        size = largest_within(sizes, budget - head * width)
        if kind.size_argument is not None and size is not None:
            arguments[kind.size_argument] = sizes.value(size)
        return cls(n, width, head, kind(n - head, width, **arguments), **layer_args)

    def build_tables(self) -> None:
        """H (head, D) and the tables of the tail."""
        self.H = self.add_table("head", self.head, self.output_dim)
        self.tail.tables()

    def tables(self) -> dict[str, Any]:
        """What ships: "head", and the tail's tables as "tail/..."."""
        if not self.built:
            self.build()
        tables = {"head": self.H}
        tables |= {f"tail/{name}": table for name, table in self.tail.tables().items()}
        return tables if self.ranks is None else tables | {"ranks": self.ranks}

    def embed(self, ranks: Any) -> Any:
        """H[i] or tail(i - head)."""
        own = lookup(self.H, ops.minimum(ranks, self.head - 1))
        later = ops.maximum(ranks, self.head) - self.head
        rest = self.tail.embed(refuse_above(later, ranks, self.input_dim))
        return ops.where(ops.expand_dims(ranks < self.head, -1), own, rest)

    def score(self, h: Any) -> Any:
        """H H^T and the scores of the tail, side by side."""
        rest = ops.cast(self.tail.score(h), self.compute_dtype)
        return ops.concatenate([times_rows(h, self.dense(self.H)), rest], axis=-1)

    def solve(self, matrix: Floats) -> dict[str, Floats]:
        """The rows of the head as they are; the tail by its own method."""
        rest = self.tail.solve(matrix[self.head :])
        return {"head": matrix[: self.head], **{f"tail/{name}": t for name, t in rest.items()}}

    def size_arguments(self) -> dict[str, Any]:
        """The head and the tail."""
        return {"head": self.head, "tail": self.tail}

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, the tail serialised."""
        tail = keras.saving.serialize_keras_object(self.tail)
        return {**super().get_config(), "tail": tail}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The layer that `get_config` describes."""
        tail = keras.saving.deserialize_keras_object(config["tail"])
        return cls(**{**config, "tail": tail})


def _tail_class(tail: Any) -> tuple[type[CompressedEmbedding], dict[str, Any]]:
    """The class and what its name presets; refuses one without `sizes`."""
    from tfcompress.layers.create import class_of  # which names this class, too

    kind, preset = class_of(tail) if isinstance(tail, str) else (tail, {})
    is_layer = isinstance(kind, type) and issubclass(kind, CompressedEmbedding)
    if not is_layer or kind.needs_counts or issubclass(kind, TieredEmbedding):
        raise ConfigError(
            "tail must be a class of embedding whose size follows from a number of parameters, or "
            f"its name; received {shown(tail)}"
        )
    return kind, preset
