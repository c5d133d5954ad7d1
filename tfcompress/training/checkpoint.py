"""The state of a training between two epochs, as one directory put in place by one rename.

    checkpoints/epoch-00007/state.json      epochs done, history, best epoch, rate
    checkpoints/epoch-00007/variables.npz   every variable of model and optimiser, in order
    checkpoints/epoch-00007/best.npz        the model's variables after its best epoch

A training killed at any moment, also inside a checkpoint write, finds its last whole epoch here.
What happens inside an epoch depends only on these files and on (seed, epoch), so a resumed training
ends with the weights of an uninterrupted one.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.errors import ConfigError
from tfcompress.files import new_directory

Arrays = list[NDArray[Any]]


@dataclass
class Progress:
    """How far a training is.

    Attributes:
        data_sha256: str. Of the data it trains on.
        watched: str. The quality whose best epoch is kept.
        backend: str. Of Keras; "" where an earlier version did not say.
        epochs_done: int.
        best_epoch: int. Counted from 0; -1 before the first validation.
        slow_from: int. The epoch from which the learning rate is the lower one; -1 before that.
        history: list of dict. One entry per epoch, with the key `watched`.
    """

    data_sha256: str
    watched: str
    backend: str = ""
    epochs_done: int = 0
    best_epoch: int = -1
    slow_from: int = -1
    history: list[dict[str, float]] = field(default_factory=list)

    def add(self, entry: dict[str, float]) -> bool:
        """Takes an epoch into the history; returns whether it is the best one so far."""
        is_best = self.best_epoch < 0 or (
            entry[self.watched] > self.history[self.best_epoch][self.watched]
        )
        self.history.append(entry)
        if is_best:
            self.best_epoch = self.epochs_done
        self.epochs_done += 1
        return is_best

    def stale(self, patience: int) -> bool:
        """Whether the last `patience` epochs, at one learning rate, brought nothing better."""
        since = max(self.best_epoch + 1, self.slow_from)
        return self.epochs_done > 0 and self.epochs_done - since >= patience


def _write_arrays(path: Path, arrays: Arrays) -> None:
    named: dict[str, Any] = {f"{index:05d}": array for index, array in enumerate(arrays)}
    np.savez(path, **named)


def _read_arrays(path: Path) -> Arrays:
    with np.load(path) as stored:
        return [stored[name] for name in sorted(stored.files)]


def save_checkpoint(folder: Path, progress: Progress, variables: Arrays, best: Arrays) -> None:
    """Adds the state after `progress.epochs_done` epochs, then removes the older ones."""
    path = folder / f"epoch-{progress.epochs_done:05d}"
    with new_directory(path) as temporary:
        _write_arrays(temporary / "variables.npz", variables)
        _write_arrays(temporary / "best.npz", best)
        (temporary / "state.json").write_text(json.dumps(asdict(progress)))
    _remove_all_but(path)


def _remove_all_but(path: Path) -> None:
    for other in path.parent.iterdir():
        if other != path:
            shutil.rmtree(other, ignore_errors=True)


def load_checkpoint(folder: Path) -> tuple[Progress, Arrays, Arrays] | None:
    """The newest state: progress, variables of model and optimiser, best variables of the model.

    Returns:
        None where no epoch was finished.

    Raises:
        ConfigError: a checkpoint is there but cannot be read.
    """
    found = sorted(folder.glob("epoch-*")) if folder.is_dir() else []
    if not found:
        return None
    path = found[-1]
    try:
        progress = Progress(**json.loads((path / "state.json").read_text()))
        stored = progress, _read_arrays(path / "variables.npz"), _read_arrays(path / "best.npz")
    except Exception as error:
        raise ConfigError(
            f"{path}: cannot be read ({error}); remove this folder to train from the start"
        ) from error
    # What a process left that died before it had removed the older ones.
    _remove_all_but(path)
    return stored
