"""What every compressed embedding stores: arguments, weights, sizes, fitting, serialisation."""

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
from tfcompress.layers.initial_values import for_table
from tfcompress.layers.lookup import MAX_ID
from tfcompress.layers.ranks import are_stored, checked_ranks, parameters_of
from tfcompress.validation import shown

Floats = npt.NDArray[np.floating[Any]]


class StoredTables(keras.layers.Layer):
    """The weights that stand for a table (input_dim, output_dim), and how many there are.

    What is computed from them is `CompressedEmbedding`'s, which also says what the arguments are.
    """

    built: bool
    # The constructor argument that follows from a ratio.
    size_argument: str | None = None
    # Whether `from_ratio` needs to know how often each id occurs.
    needs_counts = False

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
        self.has_ranks = are_stored(ranks)
        self.ranks = None

    # What a subclass gives.

    def build_tables(self) -> None:
        """Creates the weights, with `add_table`."""
        raise NotImplementedError

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
            chosen = for_table(chosen, len(self.weights))
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
            ConfigError: The shape differs, or a value is NaN, infinite or beyond the tables' dtype.
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
        solved = self.solve(rows)
        stored = {name: _cast(name, value, tables[name].dtype) for name, value in solved.items()}
        for name, value in stored.items():
            tables[name].assign(value)

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
        fixed = parameters_of(layer_args.get("ranks"), input_dim)
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


def _cast(name: str, value: Floats, dtype: str) -> Any:
    """Values of a table (rows, columns) in its dtype; raises `ConfigError` where they overflow."""
    with np.errstate(over="ignore"):
        stored = ops.cast(value.astype(np.float32), dtype)
    finite = np.isfinite(np.asarray(ops.convert_to_numpy(stored), np.float32)).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise ConfigError(
            f"table {name} row {row} is beyond {dtype}, with values up to "
            f"{np.abs(value[row]).max():g}; scale the matrix or give the layer another dtype"
        )
    return stored
