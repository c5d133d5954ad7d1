"""Which items a batch of sampled softmax is compared against."""

import numpy as np
from numpy.typing import NDArray

from tfcompress.vocabulary import FIRST_ID


class NegativeSampler:
    """Draws ids with probability proportional to count^0.75, with replacement.

    Args:
        counts: int array, shape `(n,)`. Training counts by id; ids below FIRST_ID are never drawn.
        num_negatives: int. Ids per batch.
        seed: int.

    Attributes:
        log_q: float32 array, shape `(n,)`. Log probability of each id per draw.

    Reference:
        The power 0.75: Mikolov et al. 2013, "Distributed representations of words and phrases",
        section 2.2. The correction makes the loss unbiased whatever the distribution.
    """

    def __init__(self, counts: NDArray[np.int64], *, num_negatives: int, seed: int) -> None:
        weights = np.maximum(counts, 1).astype(np.float64) ** 0.75
        weights[:FIRST_ID] = 0
        cumulative = np.cumsum(weights)
        self._cumulative = cumulative / cumulative[-1]
        self._num_negatives = num_negatives
        self._seed = seed
        probability = np.maximum(weights / weights.sum(), np.finfo(np.float32).tiny)
        self.log_q: NDArray[np.float32] = np.log(probability).astype(np.float32)

    def draw(self, epoch: int, batch: int) -> NDArray[np.int32]:
        """int32 array, shape `(num_negatives,)`, a function of (seed, epoch, batch)."""
        generator = np.random.default_rng([self._seed, epoch, batch])
        draws = generator.random(self._num_negatives)
        ids = np.searchsorted(self._cumulative, draws, side="right")
        return np.minimum(ids, len(self._cumulative) - 1).astype(np.int32)
