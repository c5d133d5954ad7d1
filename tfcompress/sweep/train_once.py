"""The training of an artefact, made once for all artefacts that share it.

It runs in a process of its own, because Keras runs on one backend a process: a training on JAX must
not have imported TensorFlow, which converting needs. A training that was interrupted goes on from
its last checkpoint.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfcompress.backend import use_backend
from tfcompress.data import LOADERS
from tfcompress.errors import TfcompressError
from tfcompress.files import locked
from tfcompress.memory import KEPT
from tfcompress.sweep.artefact import Training
from tfcompress.sweep.faults import one_line
from tfcompress.training.config import TrainConfig
from tfcompress.training.run import Run
from tfcompress.worker import call

FOLDER = "runs"


class TrainingError(TfcompressError):
    """A training that failed; the message is the reason."""


def train_once(training: Training, folder: Path, earlier: Sequence[Path] = ()) -> Run:
    """The finished run of a training.

    Args:
        training: Training.
        folder: Path. Of the sweep; its `runs/` holds the run directories.
        earlier: sequence of Path. Run directories made before, and folders of some: one that was
            trained in just this way is taken instead.

    Raises:
        TrainingError: it cannot be trained.
        DiedError: its process was ended.
    """
    for path in sorted(path for place in earlier for path in (place, *place.iterdir())):
        if _is_of(path, training):
            return Run(path)
    run = Run(folder / FOLDER / training.name)
    run.path.parent.mkdir(parents=True, exist_ok=True)
    with locked(run.path.parent / f".{training.name}.lock"):
        if not run.metrics_file.exists():
            job = {"training": training.model_dump(mode="json"), "path": str(run.path)}
            environment = {"KERAS_BACKEND": training.backend, **KEPT}
            answer = call(f"{__name__}:train_job", job, environment=environment)
            if answer["error"] is not None:
                raise TrainingError(answer["error"])
    return run


def train_job(job: dict[str, Any]) -> dict[str, Any]:
    """Trains in this process: {training, path} -> {error}."""
    training = Training.model_validate_json(json.dumps(job["training"]))
    use_backend(training.backend)
    from tfcompress.training.loop import train

    try:
        train(training.config, Run(Path(job["path"])), resume=True)
    except Exception as error:
        return {"error": one_line(error)}
    return {"error": None}


def _is_of(path: Path, training: Training) -> bool:
    """Whether a folder is the finished run of a training, wherever its data lay then."""
    run, wanted = Run(path), training.config
    if not (Run.is_run(path) and run.metrics_file.exists() and run.model_file.exists()):
        return False
    try:
        config, metrics = run.config(), run.metrics()
        backend, sha256 = metrics["backend"], metrics["data"]["identity"]["sha256"]
    except (TfcompressError, KeyError, TypeError):
        return False
    return (
        wanted.first_difference(config) is None
        and wanted.epochs == config.epochs
        and backend == training.backend
        and sha256 == _sha256_of_data(wanted)
    )


def _sha256_of_data(config: TrainConfig) -> str | None:
    """None where the data cannot be read: the training then says why."""
    try:
        loaded: Any = LOADERS[config.model](config.data.source, **config.data.options)
    except (TfcompressError, OSError):
        return None
    return str(loaded.sha256)
