"""Training of the sequence ranker."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tfcompress import layers
from tfcompress.data import Dataset
from tfcompress.data.windows import TrainingWindows
from tfcompress.errors import ConfigError, DataError
from tfcompress.models import RankerDistiller, RankerTrainer, build_sequence_ranker
from tfcompress.models.sequence_ranker import ITEMS, OUTPUT
from tfcompress.ranking import evaluate, evaluate_top_k
from tfcompress.training.batches import FitBatches
from tfcompress.training.config import TrainConfig
from tfcompress.training.negatives import NegativeSampler
from tfcompress.training.task import Task
from tfcompress.vocabulary import FIRST_ID

FULL_SOFTMAX_LIMIT = 2_000
"""Items up to which "auto" trains on all of them: beyond, sampling is faster and as good."""


def best_columns(scores: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """The columns of the highest scores, best first; ties go to the smaller one, as in a file.

    Args:
        scores: float array, shape `(rows, columns)`. A NaN is taken to be the highest, so that it
            is seen.
        count: int. From 1 to the number of columns.

    Returns:
        int64 array, shape `(rows, count)`.
    """
    ranked = np.where(np.isnan(scores), np.inf, scores)
    place = ranked.shape[1] - count
    last = np.partition(ranked, place, axis=1)[:, place, None]  # (rows, 1), the lowest that is in
    above, alike = ranked > last, ranked == last
    room = count - above.sum(axis=1, keepdims=True)
    listed = above | (alike & (np.cumsum(alike, axis=1) <= room))
    columns = np.nonzero(listed)[1].reshape(len(scores), count)
    order = np.argsort(-np.take_along_axis(ranked, columns, axis=1), axis=1, kind="stable")
    return np.take_along_axis(columns, order, axis=1)


class RankingTask(Task):
    """Next-item ranking with full or sampled softmax, validated by nDCG@10.

    Args:
        config: TrainConfig.
        data: Dataset.

    Raises:
        DataError: there is nothing to train or to validate on.
    """

    watched = "ndcg@10"
    table = ITEMS
    data: Dataset

    def __init__(self, config: TrainConfig, data: Dataset) -> None:
        super().__init__(config, data)
        self._windows = TrainingWindows(
            data.train,
            length=config.history_length,
            batch_size=config.batch_size,
            ordered=data.ordered,
            seed=config.seed,
        )
        if self._windows.num_batches == 0 or len(data.valid.targets) == 0:
            raise DataError(
                f"{config.data.source}: has {self._windows.num_samples} training samples and "
                f"{len(data.valid.targets)} validation users; a ranker needs some of both"
            )
        large = data.input_dim > FULL_SOFTMAX_LIMIT
        self._sampler: NegativeSampler | None = None
        if config.loss == "sampled" or (config.loss == "auto" and large):
            self._sampler = NegativeSampler(
                data.id_counts, num_negatives=config.num_negatives, seed=config.seed
            )

    def build_model(self) -> keras.Model:
        """The ranker; its output is its own table unless tied."""
        config, input_dim = self.config, self.data.input_dim
        embedding = self.embedding()
        output = None if config.tie else layers.FullEmbedding(input_dim, config.dim, name=OUTPUT)
        return build_sequence_ranker(
            embedding,
            history_length=config.history_length,
            hidden_units=config.hidden_units,
            output=output,
            dropout=config.dropout,
        )

    def trainer(self, model: keras.Model) -> keras.Model:
        """Brings its own loss."""
        return RankerTrainer(model)

    def distiller(self, model: keras.Model, teacher: keras.Model, *, drops: bool) -> keras.Model:
        """Under full or sampled softmax, as in training."""
        return RankerDistiller(model, teacher, drops=drops)

    def batches(self, epoch: int) -> FitBatches:
        """Histories and next items, with negatives under sampled softmax."""
        return FitBatches(self._windows.epoch(epoch), epoch, self._sampler)

    def training_inputs(self, count: int) -> NDArray[np.int32]:
        """Histories, in the random order of the first epoch."""
        batches = self._windows.epoch(0)
        used = range(min(len(batches), -(-count // self._windows.batch_size)))
        return np.concatenate([batches.batch(index)[0] for index in used])[:count]

    def validate(self, model: keras.Model) -> dict[str, float]:
        """nDCG@10 and HR@10 over the whole catalogue, history masked."""
        return self.examine(model)[0]

    def examine(self, model: keras.Model) -> tuple[dict[str, float], float]:
        """The same, and the soft gain."""

        def score(ids: NDArray[np.int32]) -> NDArray[np.float32]:
            return np.asarray(self.predict(model, ids)["scores"])

        quality = evaluate(score, self.data.valid, length=self.config.history_length)
        return {"ndcg@10": quality.ndcg, "hr@10": quality.hit_rate}, quality.soft_gain

    def validate_lists(self, model: keras.Model, top_k: int) -> dict[str, float]:
        """As `validate`, by lists of the `top_k` best items only; seen items leave gaps in them.

        Raises:
            ConfigError: `top_k` is below 1, or there are fewer items.
        """
        most = self.data.input_dim - FIRST_ID
        if not 1 <= top_k <= most:
            raise ConfigError(f"top_k: got {top_k}, expected 1 to {most}, the number of items")

        def best(ids: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
            scores = np.asarray(self.predict(model, ids)["scores"])[:, FIRST_ID:]
            items = best_columns(scores, top_k)
            found = np.take_along_axis(scores, items, axis=1)
            return (items + FIRST_ID).astype(np.int32), found

        quality = evaluate_top_k(best, self.data.valid, length=self.config.history_length)
        return {"ndcg@10": quality.ndcg, "hr@10": quality.hit_rate}

    def logits(self, outputs: dict[str, Any]) -> Any:
        """Scores of the items; ids below FIRST_ID are never an answer."""
        return outputs["scores"][:, FIRST_ID:]

    def describe_data(self) -> dict[str, Any]:
        """Numbers of users and interactions."""
        return {
            "train_users": len(self.data.train),
            "train_interactions": len(self.data.train.values),
            "test_users": len(self.data.test.targets),
        }
