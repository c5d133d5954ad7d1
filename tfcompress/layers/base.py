"""What every compressed embedding shares: arguments, masks, ids, tied outputs, sizes, fitting."""

from typing import Any, Self

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from tfcompress.errors import ConfigError
from tfcompress.layers.budget import (
    SizeRange,
    largest_within,
    out_of_reach,
    parameter_budget,
    positive_integer,
)
from tfcompress.layers.lookup import MAX_ID, by_size, lookup, take_columns, to_int32
from tfcompress.layers.products import like
from tfcompress.layers.ranks import checked_ranks
from tfcompress.validation import shown

Floats = npt.NDArray[np.floating[Any]]


class CompressedEmbedding(keras.layers.Layer):
    """Base of the embedding layers; a drop-in for `keras.layers.Embedding`.

    A subclass gives its formula in four methods that work on frequency ranks (which are the ids
    themselves unless `ranks` is passed): `build_tables`, `embed`, `score` and `solve`.

    Args:
        input_dim: int. Number of ids n; valid ids are 0..n-1.
        output_dim: int. Width D of an embedding.
        embeddings_initializer: Keras initializer or None. None takes the layer's own default.
        embeddings_regularizer: Keras regularizer or None. Applied to every table of vectors.
        embeddings_constraint: Keras constraint or None. Applied to every table of vectors.
        mask_zero: bool. Whether id 0 is padding and is masked.
        ranks: int array (input_dim,), True or None. `ranks[id]` is the frequency rank of an id,
            a permutation of 0..n-1. None: ids are ranked already, nothing is stored. An array is
            stored as an int32 weight, shipped and counted. True: a permutation that will be loaded
            with the weights (this is what `get_config` writes).
        **kwargs: The arguments of `keras.layers.Layer`: name, dtype, trainable.

    Input shape:
        Integers of any shape (...). With `reverse=True` floats (..., output_dim).

    Output shape:
        (..., output_dim). With `reverse=True` (..., input_dim): the inner product with the
        embedding of every id.
    """

    built: bool
    # The constructor argument that follows from a ratio.
    size_argument: str | None = None
    # Whether `from_ratio` needs to know how often each id occurs.
    needs_counts = False
    # Whether `embed` wants a vector of ranks whatever shape the ids have.
    flat_ids = False
    # Whether training on a batch of n ids or more is faster from `embed_all`.
    embeds_all = False

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        *,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        ranks: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.input_dim = positive_integer("input_dim", input_dim, maximum=MAX_ID)
        self.output_dim = positive_integer("output_dim", output_dim)
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)
        self.embeddings_regularizer = keras.regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = keras.constraints.get(embeddings_constraint)
        self.mask_zero = bool(mask_zero)
        self.supports_masking = True
        # Rows are cast after they are gathered: casting a table first would copy all of it.
        self.autocast = False
        # XLA clamps ids out of range, which would read another id's row (see lookup.py).
        self.supports_jit = keras.backend.backend() != "tensorflow"
        self._given_ranks = checked_ranks(ranks, self.input_dim)
        self.has_ranks = ranks is not None and ranks is not False
        self.ranks = None
        self._reversing = False

    # What a subclass gives.

    def build_tables(self) -> None:
        """Creates the weights, with `add_table`."""
        raise NotImplementedError

    def embed(self, ranks: Any) -> Any:
        """Embeddings (..., D) of int32 `ranks` (...); ranks out of range must be loud."""
        raise NotImplementedError

    def score(self, h: Any) -> Any:
        """Inner products (batch, n) of `h` (batch, D) with the embedding of every rank."""
        raise NotImplementedError

    def embed_all(self) -> Any:
        """Embeddings (n, D) of all ranks, as products of whole tables.

        A large batch of a data set of few items holds more ids than there are items, and where a
        row is computed from several others, that and its gradient cost more for every id than for
        every item once: tensor train trains 60x faster so. Never used outside training.
        """
        return ops.transpose(self.score(ops.eye(self.output_dim, dtype=self.compute_dtype)))

    def solve(self, matrix: Floats) -> dict[str, Floats]:
        """Tables by name that bring the embeddings of ranks 0..n-1 close to `matrix` (n, D)."""
        raise NotImplementedError

    @classmethod
    def sizes(cls, input_dim: int, output_dim: int, **layer_args: Any) -> SizeRange:
        """The sizes that `size_argument` can give the layer, and the parameters they cost."""
        raise NotImplementedError

    def size_arguments(self) -> dict[str, Any]:
        """The arguments that shape the weights, as `get_config` and `repr` give them."""
        return {}

    # What all of them do with it.

    def add_table(
        self,
        name: str,
        rows: int,
        columns: int,
        initializer: Any = None,
        *,
        regularized: bool = True,
    ) -> Any:
        """Adds a trainable table (rows, columns).

        Args:
            name: str. Its name in `tables()`.
            rows: int. Rows.
            columns: int. Columns.
            initializer: Keras initializer, callable (shape, dtype) or None. None takes
                `embeddings_initializer`.
            regularized: bool. Whether the layer's regularizer and constraint apply (they are meant
                for vectors, not for the scalars that scale them).
        """
        chosen = self.embeddings_initializer if initializer is None else initializer
        if isinstance(chosen, keras.initializers.Initializer):
            # A clone draws anew: one instance would give equal values to tables of equal shape.
            chosen = chosen.clone()
        return self.add_weight(
            name=name,
            shape=(rows, columns),
            initializer=chosen,
            regularizer=self.embeddings_regularizer if regularized else None,
            constraint=self.embeddings_constraint if regularized else None,
        )

    def build(self, input_shape: Any = None) -> None:
        """Creates the weights; their shapes do not depend on `input_shape`."""
        if self.built:
            return
        self.build_tables()
        if self.has_ranks:
            self.ranks = self.add_weight(
                name="ranks",
                shape=(self.input_dim,),
                dtype="int32",
                initializer=self._initial_ranks,
                trainable=False,
            )
        self.built = True

    def _initial_ranks(self, shape: Any, dtype: Any = None) -> Any:
        ranks = np.arange(shape[0]) if self._given_ranks is None else self._given_ranks
        return ops.convert_to_tensor(ranks, dtype="int32")

    def __call__(self, inputs: Any, reverse: bool = False, **kwargs: Any) -> Any:
        """Calls the layer; see `call`."""
        # compute_mask is not told which way the call goes, and hidden vectors are no ids.
        self._reversing = reverse
        try:
            return super().__call__(inputs, reverse=reverse, **kwargs)
        finally:
            self._reversing = False

    def call(self, inputs: Any, reverse: bool = False, training: bool | None = None) -> Any:
        """Embeds ids, or scores every id against hidden vectors.

        Args:
            inputs: integer tensor (...), or float tensor (..., output_dim) when `reverse`.
            reverse: bool. Whether to score.
            training: bool or None. Whether this is a step of training; changes no value.

        Returns:
            Float tensor (..., output_dim), or (..., input_dim) when `reverse`, of the compute
            dtype.
        """
        if reverse:
            h = ops.cast(inputs, self.compute_dtype)
            flat = h if len(h.shape) == 2 else ops.reshape(h, (-1, self.output_dim))
            scores = self.score(flat)
            if self.ranks is not None:
                scores = take_columns(scores, self.ranks)
            return scores if len(h.shape) == 2 else like(scores, h, h.shape[:-1])
        ids = to_int32(inputs)
        ranks = ids if self.ranks is None else lookup(self.ranks, ids)
        if training and self.embeds_all:
            return by_size(ranks, self.input_dim, self._from_all, self._one_by_one)
        return self._one_by_one(ranks)

    def _one_by_one(self, ranks: Any) -> Any:
        flatten = self.flat_ids and len(ranks.shape) != 1
        rows = self.embed(ops.reshape(ranks, (-1,)) if flatten else ranks)
        rows = like(rows, ranks, ranks.shape) if flatten else rows
        return ops.cast(rows, self.compute_dtype)

    def _from_all(self, ranks: Any) -> Any:
        return lookup(self.embed_all(), ranks)

    def dense(self, variable: Any) -> Any:
        """A whole table in the compute dtype, for the products of `score`."""
        return ops.cast(ops.convert_to_tensor(variable), self.compute_dtype)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """True where an id is not padding; None unless `mask_zero`."""
        if self._reversing:
            return previous_mask
        return ops.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: Any, reverse: bool = False) -> tuple[Any, ...]:
        """Shape of the output for an input of `input_shape`."""
        if not reverse:
            return (*input_shape, self.output_dim)
        if len(input_shape) == 0 or input_shape[-1] not in (None, self.output_dim):
            raise ConfigError(
                f"{self.name}: with reverse=True the inputs must be (..., {self.output_dim}); "
                f"received shape {tuple(input_shape)}"
            )
        return (*input_shape[:-1], self.input_dim)

    def compute_output_spec(self, inputs: Any, reverse: bool = False) -> Any:
        """The symbolic output of `call`."""
        shape = self.compute_output_shape(inputs.shape, reverse=reverse)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def tables(self) -> dict[str, Any]:
        """What ships: each weight by its name, built if it was not yet.

        Returns:
            dict str -> keras.Variable. Tables of vectors are (rows, columns); `ranks`, where there
            is one, is int32 (input_dim,).
        """
        if not self.built:
            self.build()
        return {weight.name: weight for weight in self.weights}

    @property
    def num_parameters(self) -> int:
        """Numbers that ship, `ranks` included; 4 bytes each before quantisation."""
        return sum(int(np.prod(table.shape)) for table in self.tables().values())

    def fit_table(self, matrix: npt.ArrayLike) -> None:
        """Sets the weights so that the layer comes close to a trained table.

        Args:
            matrix: float array (input_dim, output_dim). Row i is what id i should embed to.

        Raises:
            ConfigError: The shape differs, or a value is NaN or infinite.
        """
        rows = np.asarray(matrix, dtype=np.float64)
        expected = (self.input_dim, self.output_dim)
        if rows.shape != expected:
            raise ConfigError(f"matrix must have shape {expected}; received {rows.shape}")
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if bad.size:
            raise ConfigError(
                f"matrix row {bad[0]} holds NaN or infinity; received {shown(rows[bad[0]])}"
            )
        tables = self.tables()
        if self.ranks is not None:
            by_rank = np.empty_like(rows)
            by_rank[ops.convert_to_numpy(self.ranks)] = rows
            rows = by_rank
        for name, value in self.solve(rows).items():
            tables[name].assign(value.astype(np.float32))

    @classmethod
    def from_ratio(cls, input_dim: int, output_dim: int, ratio: float, **layer_args: Any) -> Self:
        """The largest layer with at most input_dim * output_dim / ratio parameters.

        Args:
            input_dim: int. Number of ids.
            output_dim: int. Width of an embedding.
            ratio: float. How many times smaller than the full float32 table, at least 1.
            **layer_args: Further arguments of the class, without the one that follows from the
                ratio. A `ranks` permutation counts as `input_dim` parameters.

        Raises:
            ConfigError: No layer of this class is that small; names the highest ratio.
        """
        input_dim = positive_integer("input_dim", input_dim, maximum=MAX_ID)
        output_dim = positive_integer("output_dim", output_dim)
        budget = parameter_budget(input_dim, output_dim, ratio)
        fixed = 0 if layer_args.get("ranks") is None else input_dim
        if cls.size_argument in layer_args:
            raise ConfigError(
                f"{cls.size_argument} follows from the ratio; pass one of the two to {cls.__name__}"
            )
        sizes = cls.sizes(input_dim, output_dim, **layer_args)
        size = largest_within(sizes, budget - fixed)
        if size is None:
            smallest = sizes.parameters(sizes.low) + fixed
            raise out_of_reach(cls.__name__, input_dim, output_dim, ratio, smallest)
        if cls.size_argument is not None:
            layer_args[cls.size_argument] = sizes.value(size)
        return cls(input_dim, output_dim, **layer_args)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; `ranks` itself is saved with the weights."""
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            **self.size_arguments(),
            "embeddings_initializer": keras.initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": keras.regularizers.serialize(self.embeddings_regularizer),
            "embeddings_constraint": keras.constraints.serialize(self.embeddings_constraint),
            "mask_zero": self.mask_zero,
            "ranks": True if self.has_ranks else None,
        }

    def __repr__(self) -> str:
        sizes = {"input_dim": self.input_dim, "output_dim": self.output_dim}
        parts = [f"{key}={value!r}" for key, value in (sizes | self.size_arguments()).items()]
        if self.built:
            ratio = self.input_dim * self.output_dim / self.num_parameters
            parts += [f"parameters={self.num_parameters}", f"ratio={ratio:.2f}"]
        return f"<{type(self).__name__} {self.name}: {', '.join(parts)}>"
