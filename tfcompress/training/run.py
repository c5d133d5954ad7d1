"""The run directory: what a training leaves behind, and what converting and measuring read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfcompress.errors import ConfigError, ModelError
from tfcompress.files import locked, write_file
from tfcompress.training.config import TrainConfig
from tfcompress.vocabulary import VOCABULARY_FILE, Vocabulary

if TYPE_CHECKING:
    import keras

# What a killed training was just starting has its lock for an instant longer.
_LOCK_SECONDS = 2.0


@dataclass(frozen=True)
class Run:
    """A directory made by `tfcompress train`.

    Attributes:
        path: Path. Holds config.json, vocabulary.parquet, model.keras and metrics.json;
            `checkpoints/` holds the state to go on from, `tensorboard/` the curves.
    """

    path: Path

    @property
    def config_file(self) -> Path:
        """The validated configuration."""
        return self.path / "config.json"

    @property
    def vocabulary_file(self) -> Path:
        """Token of every id, with its training count."""
        return self.path / VOCABULARY_FILE

    @property
    def model_file(self) -> Path:
        """The model of the epoch that did best in validation."""
        return self.path / "model.keras"

    @property
    def metrics_file(self) -> Path:
        """Loss and validation quality per epoch, sizes, and what the data were.

        Not there while a training goes on for more epochs than it had finished.
        """
        return self.path / "metrics.json"

    @property
    def tables_file(self) -> Path:
        """The coded tables of a fine-tuned run, see `rate_distortion.stored_tables`."""
        return self.path / "tables.npz"

    @property
    def checkpoints(self) -> Path:
        """One directory per finished epoch, the last one kept."""
        return self.path / "checkpoints"

    @classmethod
    def is_run(cls, path: Path) -> bool:
        """Whether `path` looks like a run directory."""
        return (path / "config.json").is_file()

    def config(self) -> TrainConfig:
        """Reads config.json; raises `ConfigError` where it is missing or not valid."""
        # A run that does not say was trained before there was a lower rate.
        content = {"rate_drop": 1.0, **self._read_json(self.config_file)}
        try:
            return TrainConfig.parse(content)
        except ConfigError as error:
            raise ConfigError(
                f"{self.config_file}: not written by `tfcompress train` ({error})"
            ) from None

    def metrics(self) -> dict[str, Any]:
        """Reads metrics.json; raises `ConfigError` where training has not finished."""
        return self._read_json(self.metrics_file)

    def vocabulary(self) -> Vocabulary:
        """Reads vocabulary.parquet."""
        return Vocabulary.load(self.vocabulary_file)

    def model(self) -> keras.Model:
        """Loads model.keras; raises `ModelError` where training has not finished."""
        from tfcompress.models import load_model

        for file in (self.model_file, self.metrics_file):
            if not file.is_file():
                raise ModelError(f"{file}: not there; finish the training with --resume first")
        return load_model(self.model_file)

    def check_start(self, config: TrainConfig, *, resume: bool) -> None:
        """Raises `ConfigError` when this directory cannot take a training of `config`."""
        if not self.checkpoints.is_dir() and not self.metrics_file.exists():
            if self.config_file.exists():
                self.config()  # A folder of somebody else's is left alone.
            return  # Nothing was trained yet that could be lost.
        if not resume:
            raise ConfigError(
                f"{self.path}: holds a run already; pass --resume to go on with it or choose "
                f"another --out"
            )
        if (field := config.first_difference(self.config())) is not None:
            raise ConfigError(
                f"{self.path}: was trained with another {field}; --resume can change only epochs"
            )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Makes the directory and keeps other trainings out of it while the block runs.

        Raises:
            ConfigError: another training is running there.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with locked(self.path, patience=_LOCK_SECONDS) as is_ours:
            if not is_ours:
                raise ConfigError(
                    f"{self.path}: another training is running there; wait for its end or choose "
                    "another --out"
                )
            yield

    def start(self, config: TrainConfig, vocabulary: Vocabulary) -> None:
        """Writes what is known before the first epoch."""
        self.path.mkdir(parents=True, exist_ok=True)
        files = (self.config_file, self.vocabulary_file, self.model_file, self.metrics_file)
        for file in (*files, self.tables_file):
            # Temporary siblings of a process that was killed inside a write.
            for leftover in self.path.glob(f".{file.name}.*"):
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        if self.is_run(self.path) and self.config().epochs != config.epochs:
            # What it says of the epochs so far is not what the new configuration is about.
            self.metrics_file.unlink(missing_ok=True)
        vocabulary.save(self.vocabulary_file)
        # Last, because its presence is what makes this folder a run.
        write_file(self.config_file, (config.model_dump_json(indent=2) + "\n").encode())

    def finish(self, model: keras.Model, metrics: dict[str, Any]) -> None:
        """Writes the trained model and its metrics."""
        from tfcompress.models import save_model

        save_model(model, self.model_file)
        write_file(self.metrics_file, (json.dumps(metrics, indent=2) + "\n").encode())

    def tflite_metadata(self) -> dict[str, Any]:
        """What the .tflite should know about its training, for `tfcompress.tflite.convert`."""
        config, metrics = self.config(), self.metrics()
        data = metrics["data"]
        model: dict[str, Any] = {"kind": config.model, "input_dim": data["input_dim"]}
        if config.model == "text-classifier":
            # All it takes, beside the vocabulary, to turn a text into ids and a score into a label.
            model |= {key: data[key] for key in ("length", "first_bigram_id", "classes")}
            model |= {
                "max_words": config.data.max_words,
                "bigram_buckets": config.data.bigram_buckets,
            }
        else:
            model["history_length"] = config.history_length
        return {"model": model, "trained_on": data["identity"]}

    def _read_json(self, path: Path) -> dict[str, Any]:
        try:
            content = json.loads(path.read_text())
        except FileNotFoundError:
            raise ConfigError(
                f"{path}: not there; is {self.path} a finished run of `tfcompress train`?"
            ) from None
        except ValueError as error:
            raise ConfigError(f"{path}: not valid JSON ({error})") from None
        if not isinstance(content, dict):
            raise ConfigError(f"{path}: holds {type(content).__name__}, not an object")
        return content
