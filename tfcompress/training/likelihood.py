"""How likely a model makes the right answers."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tfcompress.errors import DataError

_SAMPLE = 8192
_BATCH = 512


def mean_log_likelihood(
    model: keras.Model,
    ids: NDArray[np.int32],
    answers: NDArray[np.integer],
    logits: Callable[[Any], Any],
) -> float:
    """Mean log of the softmax of the right answers.

    Args:
        model: keras.Model.
        ids: int32 array, shape `(n, length)`. At most 8,192 of them, evenly spread, are asked.
        answers: int array, shape `(n,)`. Columns of the logits.
        logits: callable. From the outputs of the model to logits `(batch, answers)`.

    Returns:
        float, in nats, at most 0.

    Raises:
        DataError: There is no example.
    """
    if not len(ids):
        raise DataError("validation: no example has an answer that occurs in training")
    picked = np.linspace(0, len(ids) - 1, min(len(ids), _SAMPLE)).astype(np.int64)
    total = 0.0
    for start in range(0, len(picked), _BATCH):
        rows = picked[start : start + _BATCH]
        scores = np.asarray(logits(model.predict_on_batch(ids[rows])), np.float32)
        largest = scores.max(axis=1, keepdims=True)
        sums = np.exp(scores - largest).sum(axis=1, dtype=np.float64)
        right = np.take_along_axis(scores, answers[rows, None].astype(np.int64), axis=1) - largest
        total += float((right[:, 0] - np.log(sums)).sum())
    return total / len(picked)
