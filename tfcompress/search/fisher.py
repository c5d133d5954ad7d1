"""What errors in a table do to a model: the Fisher information of its rows.

A small error e in the rows that an example reads changes the model's distribution over answers by a
Kullback-Leibler divergence of e F e^T / 2, where F is the mean of g^T g over answers drawn from the
model itself, g being the gradient of an answer's log probability. Gradients of drawn answers are
zero in the mean, so that sums over a batch, in which rows come more than once, need no care.

Reference:
    Kunstner, Balles and Hennig 2019, "Limitations of the empirical Fisher approximation", section 2
    (why answers are drawn from the model, not taken from the data).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.errors import ConfigError

if TYPE_CHECKING:
    import keras

_BATCH = 256


def fisher_metrics(
    model: keras.Model,
    variables: dict[str, Any],
    inputs: NDArray[np.int32],
    logits: Callable[[Any], Any],
) -> dict[str, NDArray[np.float64]]:
    """The Fisher information of the columns of tables, summed over the rows that are read.

    Args:
        model: keras.Model, on TensorFlow.
        variables: dict of table name to keras.Variable, of shape `(n, ...)`.
        inputs: int32 array. Examples; a few thousand show enough.
        logits: callable. From the model's outputs to the logits of its answers, `(batch, answers)`.

    Returns:
        dict str -> float64 array, shape `(D, D)`, D the number of values in a row: symmetric,
        positive semidefinite. The same inputs give the same arrays.

    Raises:
        ConfigError: Keras runs on another backend.
    """
    import keras
    import tensorflow as tf

    if keras.backend.backend() != "tensorflow":
        raise ConfigError(
            f"backend: got {keras.backend.backend()!r}; the Fisher information is taken on "
            "'tensorflow'"
        )
    names = list(variables)
    values = [variables[name].value for name in names]

    def gradients(batch: Any, seed: Any) -> Any:
        with tf.GradientTape() as tape:
            scores = logits(model(batch, training=False))
            drawn = tf.random.stateless_categorical(scores, 1, seed=[0, seed])[:, 0]
            surprise = tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(drawn, scores))
        return tape.gradient(surprise, values)

    compiled = tf.function(gradients, reduce_retracing=True)

    sums = [np.zeros((_columns(value), _columns(value))) for value in values]
    for number, start in enumerate(range(0, len(inputs), _BATCH)):
        batch = tf.constant(inputs[start : start + _BATCH])
        for total, gradient in zip(sums, compiled(batch, tf.constant(number)), strict=True):
            if gradient is not None:
                rows = _rows(gradient, total.shape[0])
                np.add(total, rows.T @ rows, out=total)
    return dict(zip(names, sums, strict=True))


def _columns(value: Any) -> int:
    return int(np.prod(value.shape[1:], dtype=np.int64))


def _rows(gradient: Any, columns: int) -> NDArray[np.float64]:
    """The gradients of rows: those that were looked up, or all of them."""
    values: Any = getattr(gradient, "values", gradient)
    parts: Iterable[Any] = values.numpy()
    return np.asarray(parts, np.float64).reshape(-1, columns)
