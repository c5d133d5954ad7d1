"""A row of vectors as one vector, and a bias for every item."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfcompress")
class MeanPooling(keras.layers.Layer):
    """The mean of the vectors whose id is not 0.

    Call arguments:
        rows: float tensor, shape `(batch, length, dim)`.
        ids: int tensor, shape `(batch, length)`.

    Returns:
        Float tensor, shape `(batch, dim)`. The mean of nothing is zero.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, rows: Any, ids: Any) -> Any:
        """See the class."""
        present = ops.cast(ops.not_equal(ids, 0), rows.dtype)  # (batch, length)
        # Divided before the sum: a quotient after it makes XLA's gradient of the rows 4x slower.
        weights = present / ops.maximum(ops.sum(present, axis=1, keepdims=True), 1.0)
        return ops.sum(rows * weights[..., None], axis=1)

    def compute_mask(self, *args: Any, **kwargs: Any) -> None:
        """The pooled vector has no axis of positions left to mask."""

    def compute_output_shape(
        self, rows_shape: tuple[int | None, ...], ids_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """`(batch, dim)`."""
        del ids_shape
        return (rows_shape[0], rows_shape[-1])


@keras.saving.register_keras_serializable(package="tfcompress")
class MeanLastPooling(MeanPooling):
    """Concatenates the mean of the items of a history with its last item.

    The last item carries what the user wants now, the mean what the user likes; a ranker with both
    is clearly better than with the mean alone. Position `-1` holds the last item, since histories
    are padded on the left with id 0.

    Call arguments:
        rows: float tensor, shape `(batch, length, dim)`.
        ids: int tensor, shape `(batch, length)`; positions with id 0 do not count in the mean.

    Returns:
        Float tensor, shape `(batch, 2 * dim)`. The mean of an empty history is zero.
    """

    def call(self, rows: Any, ids: Any) -> Any:
        """See the class."""
        return ops.concatenate([super().call(rows, ids), rows[:, -1]], axis=-1)

    def compute_output_shape(
        self, rows_shape: tuple[int | None, ...], ids_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """`(batch, 2 * dim)`."""
        batch, dim = super().compute_output_shape(rows_shape, ids_shape)
        return (batch, None if dim is None else 2 * dim)


@keras.saving.register_keras_serializable(package="tfcompress")
class ItemBias(keras.layers.Layer):
    """Adds one learned number per item to the scores: how popular it is, whoever asks.

    Call arguments:
        scores: float tensor, shape `(batch, num_items)`.
    """

    @property
    def scorer(self) -> Any:
        """The layer of a functional model whose scores it is called on."""
        return self.input._keras_history.operation

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """One float per item."""
        self.bias = self.add_weight(
            name="bias", shape=(input_shape[-1],), initializer="zeros", trainable=True
        )

    def call(self, scores: Any) -> Any:
        """See the class."""
        return scores + ops.cast(self.bias, scores.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape of the scores."""
        return input_shape
