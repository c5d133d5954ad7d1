"""A model with coded tables that learns the answers of the one they were coded from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import keras

from tfcompress.search.keras_model.straight_through import StraightThrough
from tfcompress.search.settings import Coded
from tfcompress.training.epoch import fit_epoch
from tfcompress.training.task import Task
from tfcompress.training.variables import assign, values

if TYPE_CHECKING:
    from tfcompress.training.epoch import BatchDone
    from tfcompress.training.loop import EpochDone


@dataclass(frozen=True)
class Tuned:
    """What a tuning reached.

    Attributes:
        weights: list of array. Of `model.variables`.
        coded: Coded. The tables among them.
        quality: dict str -> float. On validation.
        soft: float. Its smooth companion, see `Task.examine`.
        dropout: float. Of the layers of dropout while it was trained.
        history: list of dict. An entry for every epoch.
    """

    weights: list[Any]
    coded: Coded
    quality: dict[str, float]
    soft: float
    dropout: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Tuning:
    """Trains a model on while its tables are rounded, as often as is asked for.

    Attributes:
        model: keras.Model. Its tables coded.
        teacher: keras.Model. The trained model, whose answers are learned.
        task: Task. Its configuration gives the learning rate at the start; it falls to 0 along a
            line.
        batches: sequence of keras.utils.PyDataset. An epoch each.
        rounding: StraightThrough. Begun.
        on_batch: callable or None. Called with (epoch, batches done, batches in all).
        on_epoch: callable or None. Called with the epoch's entry of the history.
    """

    model: keras.Model
    teacher: keras.Model
    task: Task
    batches: Sequence[keras.utils.PyDataset]
    rounding: StraightThrough
    on_batch: BatchDone | None = None
    on_epoch: EpochDone | None = None

    def reached(self) -> Tuned:
        """What the model is now."""
        examined = self.task.examine(self.model)
        return Tuned(values(self.model.variables), self.rounding.coded, *examined)

    def train(self, start: list[Any], dropout: float) -> Tuned:
        """Trains from the weights that `rounding` began with.

        Args:
            start: list of array. Those weights, of `model.variables`.
            dropout: float. That of the model, or 0 for none.

        Raises:
            ConfigError: The loss is no finite number.
        """
        assign(self.model.variables, start)
        self.rounding.restart()
        trainer = self.task.distiller(self.model, self.teacher, drops=dropout > 0)
        rate = keras.optimizers.schedules.PolynomialDecay(
            self.task.config.learning_rate, sum(map(len, self.batches)), end_learning_rate=0.0
        )
        trainer.compile(optimizer=keras.optimizers.Adam(rate))
        history: list[dict[str, float]] = []
        for epoch, batches in enumerate(self.batches):
            loss, seconds = fit_epoch(
                trainer, batches, epoch, on_batch=self.on_batch, callbacks=[self.rounding]
            )
            self.rounding.finish()
            tuned = self.reached()
            entry = {"epoch": epoch, "loss": loss, **tuned.quality, "dropout": dropout}
            history.append({**entry, "seconds": round(seconds, 2)})
            if self.on_epoch:
                self.on_epoch(history[-1])
        return replace(tuned, dropout=dropout, history=history)
