"""Training of the text classifier."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tfcompress.classification import Scorer, evaluate, mean_log_likelihood
from tfcompress.data import TextDataset
from tfcompress.data.sample import spread_rows
from tfcompress.models import ClassifierDistiller, build_text_classifier
from tfcompress.models.text_classifier import TOKENS
from tfcompress.training.batches import TextBatches
from tfcompress.training.config import TrainConfig
from tfcompress.training.task import Task

_LIKELIHOOD_BATCH = 512


class ClassificationTask(Task):
    """One class per text with softmax cross entropy, validated by accuracy.

    Args:
        config: TrainConfig.
        data: TextDataset.
    """

    watched = "accuracy"
    table = TOKENS
    data: TextDataset

    def __init__(self, config: TrainConfig, data: TextDataset) -> None:
        super().__init__(config, data)
        self.loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self._length = data.tokenizer.row_length

    def build_model(self) -> keras.Model:
        """The classifier."""
        return build_text_classifier(
            self.embedding(),
            length=self._length,
            num_classes=len(self.data.classes),
            hidden_units=self.config.hidden_units,
            dropout=self.config.dropout,
        )

    def trainer(self, model: keras.Model) -> keras.Model:
        """The same graph again: a model that is compiled would be saved with its optimiser."""
        return keras.Model(model.inputs[0], model.output["scores"])

    def distiller(self, model: keras.Model, teacher: keras.Model, *, drops: bool) -> keras.Model:
        """Over the classes."""
        return ClassifierDistiller(model, teacher, drops=drops)

    def batches(self, epoch: int) -> TextBatches:
        """Every text once, in an order of the epoch's own."""
        order = np.random.default_rng([self.config.seed, epoch]).permutation(len(self.data.train))
        return TextBatches(self.data.train, order, self._length, self.config.batch_size)

    def training_inputs(self, count: int) -> NDArray[np.int32]:
        """Texts."""
        texts = self.data.train
        return texts.take(spread_rows(len(texts), count)).inputs(self._length)

    def validate(self, model: keras.Model) -> dict[str, float]:
        """Accuracy and macro-F1."""
        num_classes = len(self.data.classes)
        quality = evaluate(
            self._scorer(model), self.data.valid, length=self._length, num_classes=num_classes
        )
        return {"accuracy": quality.accuracy, "macro_f1": quality.macro_f1}

    def logits(self, outputs: dict[str, Any]) -> Any:
        """Scores of the classes."""
        return outputs["scores"]

    def examine(self, model: keras.Model) -> tuple[dict[str, float], float]:
        """The same, and the log likelihood of classes that occur in training."""
        likelihood = mean_log_likelihood(
            self._scorer(model), self.data.valid, length=self._length, batch_size=_LIKELIHOOD_BATCH
        )
        return self.validate(model), likelihood

    def _scorer(self, model: keras.Model) -> Scorer:
        return lambda ids: np.asarray(self.logits(self.predict(model, ids)))

    def describe_data(self) -> dict[str, Any]:
        """What a class number and an id mean, and how many texts there are."""
        return {
            "classes": list(self.data.classes),
            "length": self._length,
            "first_bigram_id": self.data.vocabulary.size,
            "train_texts": len(self.data.train),
            "train_ids": len(self.data.train.ids.values),
            "test_texts": len(self.data.test),
        }
