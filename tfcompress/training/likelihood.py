"""How likely a model makes the right answers, sure of itself as much as it should be."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tfcompress.errors import DataError

_SAMPLE = 8192
_BATCH = 512
_TEMPERATURES = 2.0 ** (np.arange(-2, 13) / 4)


def mean_log_likelihood(
    model: keras.Model,
    ids: NDArray[np.int32],
    answers: NDArray[np.integer],
    logits: Callable[[Any], Any],
) -> float:
    """Mean log of the softmax of the right answers, at the temperature that suits the model best.

    A model is mostly surer of itself than it should be, and whatever makes its logits smaller, such
    as coarse tables, would look like a gain without it.

    Args:
        model: keras.Model.
        ids: int32 array, shape `(n, length)`. At most 8,192 of them, evenly spread, are asked.
        answers: int array, shape `(n,)`. Columns of the logits.
        logits: callable. From the outputs of the model to logits `(batch, answers)`.

    Returns:
        float, in nats, at most 0.

    Reference:
        Guo et al. 2017, "On calibration of modern neural networks", section 4.2 (temperature
        scaling).

    Raises:
        DataError: There is no example.
    """
    if not len(ids):
        raise DataError("validation: no example has an answer that occurs in training")
    picked = np.linspace(0, len(ids) - 1, min(len(ids), _SAMPLE)).astype(np.int64)
    totals = np.zeros(len(_TEMPERATURES))
    for start in range(0, len(picked), _BATCH):
        rows = picked[start : start + _BATCH]
        scores = np.asarray(logits(model.predict_on_batch(ids[rows])), np.float32)
        scores = scores - scores.max(axis=1, keepdims=True)
        right = np.take_along_axis(scores, answers[rows, None].astype(np.int64), axis=1)[:, 0]
        for k, temperature in enumerate(_TEMPERATURES):
            sums = np.exp(scores / np.float32(temperature)).sum(axis=1, dtype=np.float64)
            totals[k] += float((right / temperature - np.log(sums)).sum())
    return float(totals.max()) / len(picked)
