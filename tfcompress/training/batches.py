"""The batches of one epoch as `keras.Model.fit` reads them, made while the step before runs."""

from abc import abstractmethod
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tfcompress.data import LabelledTexts
from tfcompress.data.windows import EpochBatches
from tfcompress.training.negatives import NegativeSampler

_AHEAD = 3
"""Batches that are made before they are asked for: an accelerator must not wait for the host."""
_POOL = ThreadPoolExecutor(max_workers=2, thread_name_prefix="batches")

Batch = tuple[Any, NDArray[np.int32]]


class PrefetchedBatches(keras.utils.PyDataset):
    """Batches that are a function of their number, the next ones made in the background.

    Keras' own workers (`workers=2`) do not give the same training twice.
    """

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[int, Future[Batch]] = {}

    @abstractmethod
    def make(self, index: int) -> Batch:
        """Inputs and targets of a batch; called from other threads."""

    def __getitem__(self, index: int) -> Batch:
        for number in range(index, min(index + 1 + _AHEAD, len(self))):
            if number not in self._made:
                self._made[number] = _POOL.submit(self.make, number)
        return self._made.pop(index).result()


class FitBatches(PrefetchedBatches):
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

    def make(self, index: int) -> Batch:
        """Inputs by name, and the next items."""
        ids, targets = self._batches.batch(index)
        inputs: dict[str, NDArray[Any]] = {"ids": ids}
        if self._sampler is not None:
            negatives = self._sampler.draw(self._epoch, index)
            inputs["negatives"] = negatives
            inputs["negative_log_q"] = self._sampler.log_q[negatives]
            inputs["target_log_q"] = self._sampler.log_q[targets]
        return inputs, targets


class TextBatches(PrefetchedBatches):
    """Batches of texts and class numbers as `keras.Model.fit` reads them.

    Args:
        texts: LabelledTexts.
        order: int array, shape `(len(texts),)`. The rows, in the order of the epoch.
        length: int. L.
        batch_size: int. The last, shorter batch is left out when there is a full one, so that
            compiled steps meet one shape.
    """

    def __init__(
        self, texts: LabelledTexts, order: NDArray[np.int64], length: int, batch_size: int
    ) -> None:
        super().__init__()
        self._texts = texts
        self._order = order
        self._length = length
        self._batch_size = min(batch_size, len(order))

    def __len__(self) -> int:
        return len(self._order) // self._batch_size

    def make(self, index: int) -> Batch:
        """Ids and class numbers."""
        rows = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        batch = self._texts.take(rows)
        return batch.inputs(self._length), batch.labels
