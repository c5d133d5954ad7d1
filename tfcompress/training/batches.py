"""The batches of one epoch as `keras.Model.fit` reads them."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tfcompress.data.windows import EpochBatches
from tfcompress.training.negatives import NegativeSampler


class FitBatches(keras.utils.PyDataset):
    """Histories, next items and, under sampled softmax, the negatives of the batch.

    Args:
        batches: EpochBatches.
        epoch: int. Counted from 0.
        sampler: NegativeSampler or None. None trains on all items.
    """

    def __init__(self, batches: EpochBatches, epoch: int, sampler: NegativeSampler | None) -> None:
        super().__init__()
        self._batches = batches
        self._epoch = epoch
        self._sampler = sampler

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> tuple[dict[str, NDArray[Any]], NDArray[np.int32]]:
        ids, targets = self._batches.batch(index)
        inputs: dict[str, NDArray[Any]] = {"ids": ids}
        if self._sampler is not None:
            inputs["negatives"] = self._sampler.draw(self._epoch, index)
            inputs["log_q"] = self._sampler.log_q
        return inputs, targets
