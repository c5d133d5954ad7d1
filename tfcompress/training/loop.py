"""One training: epochs, validation on the full catalogue, early stopping, checkpoints."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tfcompress import layers
from tfcompress.data import Dataset, load
from tfcompress.data.windows import TrainingWindows
from tfcompress.errors import ConfigError, DataError
from tfcompress.models import RankerTrainer, build_sequence_ranker
from tfcompress.models.sequence_ranker import ITEMS, OUTPUT
from tfcompress.ranking import RankingQuality, evaluate
from tfcompress.training.allocator import KeepFreedMemory
from tfcompress.training.batches import FitBatches
from tfcompress.training.checkpoint import Arrays, Progress, load_checkpoint, save_checkpoint
from tfcompress.training.config import TrainConfig
from tfcompress.training.negatives import NegativeSampler
from tfcompress.training.run import Run

FULL_SOFTMAX_LIMIT = 2_000
"""Items up to which "auto" trains on all of them: beyond, sampling is faster and as good."""

BatchDone = Callable[[int, int, int], None]
EpochDone = Callable[[dict[str, float]], None]


def train(
    config: TrainConfig,
    run: Run,
    *,
    resume: bool = False,
    on_batch: BatchDone | None = None,
    on_epoch: EpochDone | None = None,
    dataset: Dataset | None = None,
) -> dict[str, Any]:
    """Trains into a run directory, from the start or from its last checkpoint.

    Args:
        config: TrainConfig.
        run: Run. A new directory, or with `resume` one that an earlier `train` began.
        resume: bool. Goes on where the last finished epoch ended; starts where there is none.
        on_batch: callable or None. Called with (epoch, batches done, batches in all).
        on_epoch: callable or None. Called with the epoch's entry of the history.
        dataset: Dataset or None. What `config.data` loads, if the caller has it already.

    Returns:
        The content of metrics.json.

    Raises:
        ConfigError: `run` exists and `resume` is false, or belongs to another configuration.
        DataError: there is nothing to train or to validate on.
    """
    run.check_start(config, resume=resume)
    if dataset is None:
        dataset = load(config.data.source, **config.data.options)
    windows = _training_windows(config, dataset)
    sampler = _negative_sampler(config, dataset)
    stored = load_checkpoint(run.checkpoints)
    if stored is not None and stored[0].data_sha256 != dataset.sha256:
        raise ConfigError(
            f"{run.path}: was trained on other content of {config.data.source} (sha256 "
            f"{stored[0].data_sha256[:12]}, now {dataset.sha256[:12]}); start a new run"
        )
    make_deterministic(config.seed)
    model = build_model(config, dataset)
    trainer = RankerTrainer(model)
    trainer.compile(optimizer=keras.optimizers.Adam(config.learning_rate))
    trainer.optimizer.build(trainer.trainable_variables)
    run.start(config, dataset.vocabulary)

    state = [*model.variables, *trainer.optimizer.variables]
    progress, best = Progress(data_sha256=dataset.sha256), _values(model.variables)
    if stored is not None:
        progress, values, best = stored
        _assign(state, values)

    with _tensorboard(run) as log:
        while progress.epochs_done < config.epochs and not progress.stale(config.patience):
            epoch = progress.epochs_done
            started = time.perf_counter()
            batches = FitBatches(windows.epoch(epoch), epoch, sampler)
            callbacks = [KeepFreedMemory()]
            if on_batch:
                callbacks.append(_BatchReport(epoch, len(batches), on_batch))
            fitted = trainer.fit(batches, verbose=0, callbacks=callbacks, shuffle=False)
            seconds = time.perf_counter() - started
            loss = float(fitted.history["loss"][0])
            if not np.isfinite(loss):
                raise ConfigError(
                    f"learning_rate is {config.learning_rate:g}: the loss of epoch {epoch + 1} is "
                    f"{loss}; choose a smaller one"
                )
            quality = validate(model, dataset, config)
            entry = {
                "epoch": epoch,
                "loss": loss,
                "ndcg@10": quality.ndcg,
                "hr@10": quality.hit_rate,
                "seconds": round(seconds, 2),
            }
            if progress.add(entry):
                best = _values(model.variables)
            save_checkpoint(run.checkpoints, progress, _values(state), best)
            log(entry)
            if on_epoch:
                on_epoch(entry)

    _assign(model.variables, best)
    metrics = _metrics(config, dataset, model, progress)
    run.finish(model, metrics)
    return metrics


def make_deterministic(seed: int) -> None:
    """Seeds all that training draws; on TensorFlow also asks for deterministic kernels."""
    # Initializers and dropout draw their seeds from Python's generator. Keras' own
    # set_random_seed would import TensorFlow on every backend.
    random.seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.random.set_seed(seed)
        tf.config.experimental.enable_op_determinism()


def build_model(config: TrainConfig, dataset: Dataset) -> keras.Model:
    """The ranker that `config` describes, with fresh weights."""
    vocabulary = dataset.vocabulary
    embedding = layers.create(
        config.embedding,
        vocabulary.size,
        config.dim,
        ratio=config.ratio,
        counts=vocabulary.id_counts,
        name=ITEMS,
    )
    output = None if config.tie else layers.FullEmbedding(vocabulary.size, config.dim, name=OUTPUT)
    return build_sequence_ranker(
        embedding,
        history_length=config.history_length,
        hidden_units=config.hidden_units,
        output=output,
        dropout=config.dropout,
    )


def validate(model: keras.Model, dataset: Dataset, config: TrainConfig) -> RankingQuality:
    """nDCG@10 and HR@10 of a Keras ranker on the validation split, history masked."""

    def score(ids: NDArray[np.int32]) -> NDArray[np.float32]:
        return np.asarray(model.predict_on_batch(ids)["scores"])

    return evaluate(score, dataset.valid, length=config.history_length)


def _training_windows(config: TrainConfig, dataset: Dataset) -> TrainingWindows:
    windows = TrainingWindows(
        dataset.train,
        length=config.history_length,
        batch_size=config.batch_size,
        ordered=dataset.ordered,
        seed=config.seed,
    )
    if windows.num_batches == 0 or len(dataset.valid.targets) == 0:
        raise DataError(
            f"{config.data.source}: has {windows.num_samples} training samples and "
            f"{len(dataset.valid.targets)} validation users; a ranker needs some of both"
        )
    return windows


def _negative_sampler(config: TrainConfig, dataset: Dataset) -> NegativeSampler | None:
    large = dataset.vocabulary.size > FULL_SOFTMAX_LIMIT
    if config.loss == "full" or (config.loss == "auto" and not large):
        return None
    return NegativeSampler(
        dataset.vocabulary.id_counts, num_negatives=config.num_negatives, seed=config.seed
    )


def _values(variables: list[Any]) -> Arrays:
    # A copy: on some backends the array is a view of memory that the next step writes to.
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def _assign(variables: list[Any], values: Arrays) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _metrics(
    config: TrainConfig, dataset: Dataset, model: keras.Model, progress: Progress
) -> dict[str, Any]:
    table = model.get_layer(ITEMS)
    table_parameters = sum(int(np.prod(v.shape)) for v in table.tables().values())
    full_parameters = dataset.vocabulary.size * config.dim
    return {
        "best_epoch": progress.best_epoch,
        "valid": {key: progress.history[progress.best_epoch][key] for key in ("ndcg@10", "hr@10")},
        "parameters": {
            "table": table_parameters,
            "full_table": full_parameters,
            "table_ratio": full_parameters / table_parameters,
            "model": int(model.count_params()),
        },
        "data": {
            "identity": dataset.identity(config.data.options),
            "input_dim": dataset.vocabulary.size,
            "train_users": len(dataset.train),
            "train_interactions": len(dataset.train.values),
            "test_users": len(dataset.test.targets),
        },
        "backend": keras.backend.backend(),
        "history": progress.history,
    }


class _BatchReport(keras.callbacks.Callback):
    def __init__(self, epoch: int, total: int, report: BatchDone) -> None:
        super().__init__()
        self._epoch, self._total, self._report = epoch, total, report

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        del logs
        self._report(self._epoch, batch + 1, self._total)


@contextmanager
def _tensorboard(run: Run) -> Iterator[EpochDone]:
    # tensorboardX, because Keras' own callback needs TensorFlow.
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(run.path / "tensorboard"), write_to_disk=True) as writer:

        def log(entry: dict[str, float]) -> None:
            for key in ("loss", "ndcg@10", "hr@10"):
                writer.add_scalar(key.replace("@", "_at_"), entry[key], int(entry["epoch"]))
            writer.flush()

        yield log
