"""What the training loop asks of a kind of model."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import keras
import numpy as np
from numpy.typing import NDArray

from tfcompress import layers
from tfcompress.data.dataset import SplitData
from tfcompress.training.config import TrainConfig


class Task(ABC):
    """One kind of model on one data set: its architecture, its batches, its validation.

    Args:
        config: TrainConfig.
        data: SplitData. What `config.data` names.

    Attributes:
        watched: str. The key of `validate` whose best epoch is kept.
        table: str. Name of the embedding layer that the ratio is about.
        loss: Keras loss or None. None where the trainer brings its own.
    """

    watched: ClassVar[str]
    table: ClassVar[str]
    loss: Any = None

    def __init__(self, config: TrainConfig, data: SplitData) -> None:
        self.config = config
        self.data = data

    def embedding(self) -> layers.CompressedEmbedding:
        """The embedding layer that the configuration describes, with fresh weights."""
        return layers.create(
            self.config.embedding,
            self.data.input_dim,
            self.config.dim,
            ratio=self.config.ratio,
            counts=self.data.id_counts,
            name=self.table,
        )

    @abstractmethod
    def build_model(self) -> keras.Model:
        """The model that the run keeps, with fresh weights."""

    @abstractmethod
    def trainer(self, model: keras.Model) -> keras.Model:
        """What is fitted: another Keras model on the same weights."""

    @abstractmethod
    def distiller(self, model: keras.Model, teacher: keras.Model, *, drops: bool) -> keras.Model:
        """What is fitted to the answers of another model, with its dropout or without.

        It brings its own loss.
        """

    @abstractmethod
    def batches(self, epoch: int) -> keras.utils.PyDataset:
        """The batches of one epoch, a function of the configuration and the epoch alone."""

    @abstractmethod
    def training_inputs(self, count: int) -> NDArray[np.int32]:
        """At most so many inputs of the training, evenly spread: `(count, length)`."""

    @staticmethod
    def predict(model: keras.Model, inputs: NDArray[np.int32]) -> dict[str, Any]:
        """The outputs for a batch of inputs."""
        with layers.whole_tables():
            outputs: dict[str, Any] = model.predict_on_batch(inputs)
        return outputs

    @abstractmethod
    def validate(self, model: keras.Model) -> dict[str, float]:
        """Quality on the validation split, `watched` among its keys."""

    @abstractmethod
    def examine(self, model: keras.Model) -> tuple[dict[str, float], float]:
        """What `validate` gives, and a smooth companion of it.

        The companion says the same with less noise, in units of its own: what tells two models
        apart that are nearly as good as each other. Higher is better.
        """

    @abstractmethod
    def logits(self, outputs: dict[str, Any]) -> Any:
        """The logits of the answers, float `(batch, answers)`, among the outputs of the model."""

    @abstractmethod
    def describe_data(self) -> dict[str, Any]:
        """Sizes and the like, for metrics.json."""
