"""What errors in a table do to a model: the Fisher information of its rows.

A small error e in the rows that an example reads changes the model's distribution over answers by a
Kullback-Leibler divergence of e F e^T / 2, where F is the mean of g^T g over answers drawn from the
model itself, g being the gradient of an answer's log probability. Gradients of drawn answers are
zero in the mean, so that sums over a batch, in which rows come more than once, need no care. Where
outputs are values, answers are normally distributed about them, of variance 1.

Reference:
    Kunstner, Balles and Hennig 2019, "Limitations of the empirical Fisher approximation", section 2
    (why answers are drawn from the model, not taken from the data).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.errors import ConfigError
from tfcompress.search.keras_model.answers import Logits
from tfcompress.search.keras_model.inputs import batches

if TYPE_CHECKING:
    import keras

Gradients = Callable[[Any, int], list[NDArray[np.float32]]]
"""From a batch and its number to the gradients of each table, rows first."""

_BATCH = 256


def fisher_metrics(
    model: keras.Model,
    variables: dict[str, Any],
    inputs: Any,
    logits: Logits | None,
) -> dict[str, NDArray[np.float64]]:
    """The Fisher information of the columns of tables, summed over the rows that are read.

    Args:
        model: keras.Model, on TensorFlow or JAX.
        variables: dict of table name to keras.Variable, of shape `(n, ...)`.
        inputs: array or structure of arrays. Examples; a few thousand show enough.
        logits: callable or None. From the model's outputs to the logits of its answers, `(batch,
            answers)`. None where they are values.

    Returns:
        dict str -> float64 array, shape `(D, D)`, D the number of values in a row: symmetric,
        positive semidefinite. The same inputs give the same arrays (on one backend: each draws
        answers of its own).

    Raises:
        ConfigError: Keras runs on another backend.
    """
    if not variables:
        return {}
    import keras

    backend = keras.backend.backend()
    if backend not in _GRADIENTS:
        raise ConfigError(
            f"backend: got {backend!r}; the Fisher information is taken on "
            f"{' or '.join(_GRADIENTS)}"
        )
    gradients = _GRADIENTS[backend](model, list(variables.values()), logits)
    sums = [np.zeros((size, size)) for size in map(_columns, variables.values())]
    for number, batch in enumerate(batches(inputs, _BATCH)):
        found = gradients(batch, number)
        for total, gradient in zip(sums, found, strict=True):
            rows = gradient.reshape(-1, len(total)).astype(np.float64)
            np.add(total, rows.T @ rows, out=total)
    return dict(zip(variables, sums, strict=True))


def _tensorflow_gradients(
    model: keras.Model, variables: list[Any], logits: Logits | None
) -> Gradients:
    import tensorflow as tf
    from keras import tree

    values = [variable.value for variable in variables]

    def surprise(outputs: Any, seed: list[Any]) -> Any:
        if logits is None:
            parts = tf.concat([tf.reshape(part, [-1]) for part in tree.flatten(outputs)], 0)
            return -tf.reduce_sum(parts * tf.random.stateless_normal(tf.shape(parts), seed))
        scores = logits(outputs)
        drawn = tf.random.stateless_categorical(scores, 1, seed)[:, 0]
        return tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(drawn, scores))

    def gradients(batch: Any, number: Any) -> Any:
        with tf.GradientTape() as tape:
            total = surprise(model(batch, training=False), [0, number])
        return tape.gradient(total, values)

    compiled = tf.function(gradients, reduce_retracing=True)

    def rows(batch: Any, number: int) -> list[NDArray[np.float32]]:
        found = compiled(tree.map_structure(tf.constant, batch), tf.constant(number))
        none = np.zeros(0, np.float32)
        # Of rows that were looked up where TensorFlow says which, or of all of them.
        return [none if own is None else getattr(own, "values", own).numpy() for own in found]

    return rows


def _jax_gradients(model: keras.Model, variables: list[Any], logits: Logits | None) -> Gradients:
    import jax
    from keras import tree

    state = [model.trainable_variables, model.non_trainable_variables]
    values = [[variable.value for variable in part] for part in state]
    places = [
        next((part, at) for part in (0, 1) for at, own in enumerate(state[part]) if own is wanted)
        for wanted in variables
    ]

    def surprise(tables: Any, batch: Any, number: Any) -> Any:
        changed = [list(part) for part in values]
        for (part, at), table in zip(places, tables, strict=True):
            changed[part][at] = table
        outputs, _ = model.stateless_call(*changed, batch, training=False)
        key = jax.random.key(number)
        if logits is None:
            parts = jax.numpy.concatenate([part.reshape(-1) for part in tree.flatten(outputs)])
            return -jax.numpy.sum(parts * jax.random.normal(key, parts.shape))
        logs = jax.nn.log_softmax(logits(outputs))
        drawn = jax.random.categorical(key, jax.lax.stop_gradient(logs))
        return -jax.numpy.sum(jax.numpy.take_along_axis(logs, drawn[:, None], axis=-1))

    compiled = jax.jit(jax.grad(surprise))
    tables = [variable.value for variable in variables]
    return lambda batch, number: list(map(np.asarray, compiled(tables, batch, number)))


_GRADIENTS = {"tensorflow": _tensorflow_gradients, "jax": _jax_gradients}


def _columns(variable: Any) -> int:
    return int(np.prod(variable.shape[1:], dtype=np.int64))
