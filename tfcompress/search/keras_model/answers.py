"""What the outputs of a Keras model stand for: that decides what errors in its tables do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tfcompress.errors import ConfigError
from tfcompress.search.divergence import answers_moved, mean_square
from tfcompress.search.keras_model.inputs import batches

if TYPE_CHECKING:
    import keras

Kind = Literal["scores", "probabilities", "values"]
Logits = Callable[[Any], Any]
"""From the outputs of a model to the logits of its answers, float `(batch, answers)`."""

_BATCH = 256
_LEAST = 1e-7
"""Probabilities are no smaller, as with Keras' losses."""


def logits_of(model: keras.Model, answers: Kind | Logits | None = None) -> Logits | None:
    """The logits among the outputs of a model.

    Args:
        model: keras.Model.
        answers: str, callable or None. "scores": numbers whose softmax counts, one for every answer
            along the last axis; a single one is that of yes. "probabilities": the same behind a
            softmax or, a single one, a sigmoid. "values": numbers that mean what they are, such as
            ratings or vectors. A function takes the logits out of the outputs of the model. None
            goes by the activation of the last layer, then by the loss the model was compiled with;
            several outputs are values.

    Returns:
        Callable, or None for values.

    Raises:
        ConfigError: `answers` is something else.
    """
    if callable(answers):
        return answers
    if answers is not None and answers not in get_args(Kind):
        raise ConfigError(
            f"answers: got {answers!r}, expected {', '.join(get_args(Kind))} or a function from "
            "the outputs to logits"
        )
    return {"scores": _of_scores, "probabilities": _of_probabilities, "values": None}[
        answers or _kind(model)
    ]


def answers_of(model: keras.Model, inputs: Any, logits: Logits | None) -> NDArray[np.float32]:
    """What a model gives for some inputs: logits, or all values, `(examples, answers)`."""
    from keras import tree

    batch_rows = []
    for batch in batches(inputs, _BATCH):
        outputs = model.predict_on_batch(batch)
        parts = tree.flatten(outputs if logits is None else logits(outputs))
        rows = [np.asarray(part, np.float32).reshape(len(part), -1) for part in parts]
        batch_rows.append(np.concatenate(rows, axis=1))
    return np.concatenate(batch_rows)


def agreement(
    model: keras.Model, inputs: Any, logits: Logits | None
) -> Callable[[keras.Model], tuple[float, float]]:
    """What measures how near a changed model's answers are to those that a model gives now.

    Args:
        model: keras.Model.
        inputs: array or structure of arrays. Some hundreds of examples; no labels.
        logits: callable or None.

    Returns:
        Callable, as `find_tables` takes it: e to the power of minus the mean Kullback-Leibler
        divergence, or minus the mean square of the errors of values over their variance; 1 where
        nothing has changed.
    """
    exact = answers_of(model, inputs, logits)
    moved = mean_square if logits is None else answers_moved
    scale = float(np.var(exact)) if moved is mean_square else 1.0

    def examine(changed: keras.Model) -> tuple[float, float]:
        distance = moved(exact, answers_of(changed, inputs, logits)) / (scale or 1.0)
        near = float(np.exp(-distance))
        return near, near

    return examine


def _kind(model: keras.Model) -> Kind:
    from keras import tree

    outputs = tree.flatten(getattr(model, "outputs", None) or [])
    if len(outputs) != 1:
        return "values"
    last = outputs[0]._keras_history.operation
    activation = getattr(getattr(last, "activation", last), "__name__", type(last).__name__).lower()
    if activation == "softmax" or (activation == "sigmoid" and outputs[0].shape[-1] == 1):
        return "probabilities"
    loss = getattr(model, "loss", None)
    name = loss if isinstance(loss, str) else getattr(loss, "name", getattr(loss, "__name__", ""))
    is_choice = "crossentropy" in str(name) and activation != "sigmoid"
    if is_choice and (outputs[0].shape[-1] == 1 or "binary" not in str(name)):
        return "scores"
    return "values"


def _of_scores(outputs: Any) -> Any:
    from keras import ops, tree

    (scores,) = tree.flatten(outputs)
    scores = ops.reshape(scores, (-1, scores.shape[-1]))
    if scores.shape[-1] == 1:
        return ops.concatenate([ops.zeros_like(scores), scores], axis=-1)
    return scores


def _of_probabilities(outputs: Any) -> Any:
    from keras import ops, tree

    (shares,) = tree.flatten(outputs)
    shares = ops.reshape(shares, (-1, shares.shape[-1]))
    if shares.shape[-1] == 1:
        shares = ops.concatenate([1 - shares, shares], axis=-1)
    return ops.log(ops.maximum(shares, _LEAST))
