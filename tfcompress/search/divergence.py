"""How far the answers of a model move when its tables are coded."""

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


def mean_divergence(exact: F32, found: F32) -> float:
    """Mean Kullback-Leibler divergence of softmaxes from those of the exact logits.

    Unlike a mean square it counts an error by the probability of the answer, and what all logits of
    an example have in common not at all.

    Args:
        exact: float32 array, shape `(examples, answers)`.
        found: float32 array of the same shape.
    """
    expected, given = _log_softmax(exact), _log_softmax(found)
    return float(np.mean(np.sum(np.exp(expected) * (expected - given), axis=1)))


def mean_square(exact: F32, found: F32) -> float:
    """Mean square of differences, where outputs are no logits."""
    return float(np.mean(np.square(found - exact, dtype=np.float64)))


def _log_softmax(logits: F32) -> NDArray[np.float64]:
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted
