"""A few epochs around tables that stay as they are: the rest of the model learns to read them."""

from collections.abc import Collection
from typing import Any

import keras

from tfcompress.training.epoch import fit_epoch
from tfcompress.training.loop import make_deterministic
from tfcompress.training.task import Task


def tune(task: Task, model: keras.Model, frozen: Collection[Any], epochs: int) -> None:
    """Trains a model on, at the lower learning rate of its training, some variables excepted.

    Args:
        task: Task. That of its training; its configuration gives rate, batches and seed.
        model: keras.Model. Its weights change; the same weights come out of the same weights.
        frozen: collection of keras.Variable. Weights of the model that stay.
        epochs: int. Passes over the training data.

    Raises:
        ConfigError: the loss is no finite number.
    """
    before = [variable.trainable for variable in frozen]
    for variable in frozen:
        variable.trainable = False
    try:
        config = task.config
        make_deterministic(config.seed)
        trainer = task.trainer(model)
        trainer.compile(optimizer=keras.optimizers.Adam(config.lower_rate), loss=task.loss)
        for epoch in range(epochs):
            # Batches that no epoch of the training had.
            batches = task.batches(config.epochs + epoch)
            fit_epoch(trainer, batches, epoch)
    finally:
        for variable, trainable in zip(frozen, before, strict=True):
            variable.trainable = trainable
