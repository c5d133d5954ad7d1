"""What every compressed embedding computes: rows of ids, masks, tied outputs."""

import math
from typing import Any

import keras
from keras import ops

from tfcompress.errors import ConfigError
from tfcompress.layers.lookup import lookup, take_columns, to_int32
from tfcompress.layers.products import like
from tfcompress.layers.tables import StoredTables
from tfcompress.layers.whole_table import are_whole_tables_wanted, by_size


class CompressedEmbedding(StoredTables):
    """Base of the embedding layers; a drop-in for `keras.layers.Embedding`.

    A subclass gives its formula in four methods that work on frequency ranks (which are the ids
    themselves unless `ranks` is passed): `build_tables`, `embed`, `score` and `solve`.

    Args:
        input_dim: int. Number of ids n; valid ids are 0..n-1.
        output_dim: int. Width D of an embedding.
        embeddings_initializer: Keras initializer or None. None takes the layer's own default. From
            one with a seed, each table of the layer draws values of its own.
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

    # Whether `embed` wants a vector of ranks whatever shape the ids have.
    flat_ids = False
    # The batch, as a share of n, from which on `embed_all` is faster; None where it never is.
    embeds_all_from: float | None = None
    _reversing = False

    # What a subclass gives, beside its tables.

    def embed(self, ranks: Any) -> Any:
        """Embeddings (..., D) of int32 `ranks` (...); ranks out of range must be loud."""
        raise NotImplementedError

    def score(self, h: Any) -> Any:
        """Inner products (batch, n) of `h` (batch, D) with the embedding of every rank."""
        raise NotImplementedError

    def embed_all(self) -> Any:
        """Embeddings (n, D) of all ranks, as products of whole tables; see `whole_table`."""
        return ops.transpose(self.score(ops.eye(self.output_dim, dtype=self.compute_dtype)))

    # What all of them do with it.

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
            training: bool or None. Whether this is a step of training; changes values by rounding
                at most.

        Returns:
            Float tensor (..., output_dim), or (..., input_dim) when `reverse`, of the compute
            dtype.
        """
        if reverse:
            h = ops.cast(inputs, self.compute_dtype)
            self.compute_output_shape(h.shape, reverse=True)  # refuses another width
            flat = h if len(h.shape) == 2 else ops.reshape(h, (-1, self.output_dim))
            scores = self.score(flat)
            if self.ranks is not None:
                scores = take_columns(scores, self.ranks)
            return scores if len(h.shape) == 2 else like(scores, h, h.shape[:-1])
        ids = to_int32(inputs)
        ranks = self._ranks_of(ids)
        if self.embeds_all_from is not None and (training or are_whole_tables_wanted()):
            least = math.ceil(self.embeds_all_from * self.input_dim)
            return by_size(ranks, least, self._from_all, self._one_by_one)
        return self._one_by_one(ranks)

    def exact_rows(self, ids: Any) -> Any:
        """Embeddings (ids, D) of int32 `ids` (ids,) in the dtype of the tables, not of `call`."""
        return self.embed(self._ranks_of(ids))

    def _ranks_of(self, ids: Any) -> Any:
        return ids if self.ranks is None else lookup(self.ranks, ids)

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

    def compute_output_spec(
        self, inputs: Any, reverse: bool = False, training: bool | None = None
    ) -> Any:
        """The symbolic output of `call`."""
        shape = self.compute_output_shape(inputs.shape, reverse=reverse)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)
