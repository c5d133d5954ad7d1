"""One training: epochs, validation, early stopping, checkpoints; a `Task` knows the model.

Where validation gets no better, training goes back to the best weights and on at a quarter of the
learning rate: on amazon_games_seq that is worth 6 % of nDCG@10. It ends when that brings no more.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras

from tfcompress.data import LOADERS, Dataset, TextDataset
from tfcompress.errors import ConfigError
from tfcompress.layers.create import check_name
from tfcompress.memory import keep_freed_memory
from tfcompress.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from tfcompress.training.classification_task import ClassificationTask
from tfcompress.training.config import TrainConfig
from tfcompress.training.epoch import BatchDone, fit_epoch
from tfcompress.training.ranking_task import RankingTask
from tfcompress.training.run import Run
from tfcompress.training.task import Task
from tfcompress.training.variables import assign, values

TASKS: dict[str, Callable[[TrainConfig, Any], Task]] = {
    "sequence-ranker": RankingTask,
    "text-classifier": ClassificationTask,
}

EpochDone = Callable[[dict[str, float]], None]
DataLoaded = Callable[[Dataset | TextDataset], None]


def train(
    config: TrainConfig,
    run: Run,
    *,
    resume: bool = False,
    on_data: DataLoaded | None = None,
    on_batch: BatchDone | None = None,
    on_epoch: EpochDone | None = None,
    dataset: Dataset | TextDataset | None = None,
) -> dict[str, Any]:
    """Trains into a run directory, from the start or from its last checkpoint.

    Args:
        config: TrainConfig.
        run: Run. A new directory, or with `resume` one that an earlier `train` began.
        resume: bool. Goes on where the last finished epoch ended; starts where there is none.
        on_data: callable or None. Called with the data set before the training starts.
        on_batch: callable or None. Called with (epoch, batches done, batches in all).
        on_epoch: callable or None. Called with the epoch's entry of the history.
        dataset: Dataset, TextDataset or None. What `config.data` loads, if the caller has it
            already.

    Returns:
        The content of metrics.json.

    Raises:
        ConfigError: `run` exists and `resume` is false, or belongs to another configuration;
            another training is running there; the loss is no finite number.
        DataError: there is nothing to train or to validate on.
    """
    keep_freed_memory()
    run.check_start(config, resume=resume)
    check_name(config.embedding)
    if dataset is None:
        dataset = LOADERS[config.model](config.data.source, **config.data.options)
    if on_data:
        on_data(dataset)
    task = TASKS[config.model](config, dataset)
    make_deterministic(config.seed)
    model = task.build_model()
    trainer = task.trainer(model)
    trainer.compile(optimizer=keras.optimizers.Adam(config.learning_rate), loss=task.loss)
    trainer.optimizer.build(trainer.trainable_variables)
    with run.held():
        # What another training has done here since.
        run.check_start(config, resume=resume)
        stored = load_checkpoint(run.checkpoints)
        if stored is not None:
            _check_stored(stored[0], config, run, dataset)
        run.start(config, dataset.vocabulary)
        state = [*model.variables, *trainer.optimizer.variables]
        progress = Progress(dataset.sha256, task.watched, keras.backend.backend())
        best = values(model.variables)
        if stored is not None:
            progress, stored_state, best = stored
            assign(state, stored_state)
            del stored_state  # with what follows three times the model
        del stored

        with _tensorboard(run) as log:
            while (rate := _next_rate(config, progress)) is not None:
                if progress.slow_from == progress.epochs_done:
                    assign(model.variables, best)
                trainer.optimizer.learning_rate = rate
                epoch = progress.epochs_done
                batches = task.batches(epoch)
                loss, seconds = fit_epoch(trainer, batches, epoch, on_batch=on_batch)
                quality = task.validate(model)
                entry = {"epoch": epoch, "loss": loss, **quality, "seconds": round(seconds, 2)}
                if progress.add(entry):
                    best = values(model.variables)
                save_checkpoint(run.checkpoints, progress, values(state), best)
                log({"loss": loss, **quality}, epoch)
                if on_epoch:
                    on_epoch(entry)

        assign(model.variables, best)
        metrics = run_metrics(task, model, progress)
        metrics["ended_by"] = "validation" if _has_settled(config, progress) else "epochs"
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


def _check_stored(
    progress: Progress, config: TrainConfig, run: Run, dataset: Dataset | TextDataset
) -> None:
    """Refuses a checkpoint of other data or backend, or of more epochs than are asked for."""
    if progress.data_sha256 != dataset.sha256:
        raise ConfigError(
            f"{run.path}: was trained on other content of {config.data.source} (sha256 "
            f"{progress.data_sha256[:12]}, now {dataset.sha256[:12]}); start a new run"
        )
    if progress.backend not in ("", keras.backend.backend()):
        raise ConfigError(
            f"{run.path}: was begun on {progress.backend}, Keras runs on "
            f"{keras.backend.backend()}; go on there or start a new run"
        )
    if progress.epochs_done > config.epochs:
        raise ConfigError(
            f"{run.path}: has {progress.epochs_done} epochs already, epochs is {config.epochs}; "
            "ask for at least as many or start a new run"
        )


def _next_rate(config: TrainConfig, progress: Progress) -> float | None:
    """The learning rate of the next epoch, which may be the first at the lower one; None to end."""
    if progress.epochs_done >= config.epochs or _has_settled(config, progress):
        return None
    if progress.stale(config.patience):
        progress.slow_from = progress.epochs_done
    return config.learning_rate * (config.rate_drop if progress.slow_from >= 0 else 1)


def _has_settled(config: TrainConfig, progress: Progress) -> bool:
    """Whether validation gets no better, at the lower rate either."""
    at_last_rate = progress.slow_from >= 0 or config.rate_drop == 1
    return at_last_rate and progress.stale(config.patience)


def run_metrics(task: Task, model: keras.Model, progress: Progress) -> dict[str, Any]:
    """The content of metrics.json."""
    config, data = task.config, task.data
    table_parameters = model.get_layer(task.table).num_parameters
    full_parameters = data.input_dim * config.dim
    best = progress.history[progress.best_epoch]
    return {
        "best_epoch": progress.best_epoch,
        "watched": progress.watched,
        "valid": {key: best[key] for key in best if key not in ("epoch", "loss", "seconds")},
        "parameters": {
            "table": table_parameters,
            "full_table": full_parameters,
            "table_ratio": full_parameters / table_parameters,
            "model": int(model.count_params()),
        },
        "data": {
            "identity": data.identity(config.data.options),
            "input_dim": data.input_dim,
            "notes": list(data.notes),
            "skipped_rows": data.skipped_rows,
            **task.describe_data(),
        },
        "backend": keras.backend.backend(),
        "history": progress.history,
    }


@contextmanager
def _tensorboard(run: Run) -> Iterator[Callable[[dict[str, float], int], None]]:
    # tensorboardX, because Keras' own callback needs TensorFlow.
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(run.path / "tensorboard"), write_to_disk=True) as writer:

        def log(values: dict[str, float], epoch: int) -> None:
            for key, value in values.items():
                writer.add_scalar(key.replace("@", "_at_"), value, epoch)
            writer.flush()

        yield log
