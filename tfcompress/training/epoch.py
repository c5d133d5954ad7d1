"""One pass of a trainer over the training data."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from tfcompress.errors import ConfigError
from tfcompress.memory import keep_freed_memory

BatchDone = Callable[[int, int, int], None]
"""Called with (epoch, batches done, batches in all)."""


def fit_epoch(
    trainer: keras.Model,
    batches: keras.utils.PyDataset,
    epoch: int,
    *,
    on_batch: BatchDone | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> tuple[float, float]:
    """Trains on each batch once, in their order.

    Args:
        trainer: keras.Model. Compiled.
        batches: keras.utils.PyDataset. As of `Task.batches`.
        epoch: int. Counted from 0; what `on_batch` and errors tell.
        on_batch: callable or None.
        callbacks: sequence of keras.callbacks.Callback. More of them.

    Returns:
        The mean loss, and the seconds it took.

    Raises:
        ConfigError: the loss is no finite number.
    """
    used = [_KeepFreedMemory(), *callbacks]
    if on_batch:
        used.append(_BatchReport(epoch, len(batches), on_batch))
    started = time.perf_counter()
    fitted = trainer.fit(batches, verbose=0, callbacks=used, shuffle=False)
    seconds = time.perf_counter() - started
    loss = float(fitted.history["loss"][0])
    if not np.isfinite(loss):
        raise ConfigError(
            f"the loss of epoch {epoch + 1} is {loss}; train with a smaller learning_rate"
        )
    return loss, seconds


class _KeepFreedMemory(keras.callbacks.Callback):
    """Keeps what steps free, whatever a data set of TensorFlow's made inside `fit` has set."""

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Acts before the first step."""
        del logs
        keep_freed_memory()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Acts again once the data set is there."""
        del logs
        if batch == 0:
            keep_freed_memory()


class _BatchReport(keras.callbacks.Callback):
    """Tells of every batch of an epoch."""

    def __init__(self, epoch: int, total: int, report: BatchDone) -> None:
        super().__init__()
        self._epoch, self._total, self._report = epoch, total, report

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Tells of one."""
        del logs
        self._report(self._epoch, batch + 1, self._total)
