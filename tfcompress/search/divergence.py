"""How far the answers of a model move when its tables are coded."""

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]

_CHUNK_SCORES = 1 << 22
"""Of some examples at a time, which stand in memory several times as float64."""


def answers_moved(exact: F32, found: F32) -> float:
    """`mean_divergence` of answers to choose from, `mean_square` where there is one number."""
    return (mean_divergence if exact.shape[1] > 1 else mean_square)(exact, found)


def mean_divergence(exact: F32, found: F32) -> float:
    """Mean Kullback-Leibler divergence of softmaxes from those of the exact logits.

    Unlike a mean square it counts an error by the probability of the answer, and what all logits of
    an example have in common not at all.

    Args:
        exact: float32 array, shape `(examples, answers)`. Minus infinity for what is no answer.
        found: float32 array of the same shape.
    """
    size = max(1, _CHUNK_SCORES // exact.shape[1])
    total = 0.0
    for start in range(0, len(exact), size):
        part = slice(start, start + size)
        expected, given = _log_softmax(exact[part]), _log_softmax(found[part])
        shares = np.exp(expected)
        possible = shares > 0
        difference = np.subtract(expected, given, out=np.zeros_like(shares), where=possible)
        total += float(np.vdot(shares, difference))
    # Rounding may leave a little less than nothing.
    return max(0.0, total / max(1, len(exact)))


def mean_square(exact: F32, found: F32) -> float:
    """Mean square of differences, where outputs are no logits."""
    return float(np.mean(np.square(found - exact, dtype=np.float64)))


def _log_softmax(logits: F32) -> NDArray[np.float64]:
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted
