"""Killed at any moment and resumed, a training ends as an uninterrupted one does."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np

from tfcompress.training import Run

# XLA compiles anew in every process, so that twenty kills under JAX would take minutes.
NUM_KILLS = 20 if keras.backend.backend() == "tensorflow" else 4


def test_kills_change_nothing(tmp_path: Path):
    script = Path(__file__).with_name("kill_often.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), str(NUM_KILLS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1])["killed"] == NUM_KILLS
    whole, *killed = (Run(path) for path in sorted(tmp_path.iterdir(), reverse=True))
    assert killed
    for run in killed:
        assert_same_end(whole, run)


def assert_same_end(whole: Run, killed: Run) -> None:
    for first, second in zip(
        whole.model().get_weights(), killed.model().get_weights(), strict=True
    ):
        np.testing.assert_array_equal(first, second)
    assert without_times(whole) == without_times(killed)
    # One checkpoint is left, and no temporary sibling of anything.
    assert [path.name for path in killed.checkpoints.iterdir()] == ["epoch-00008"]
    assert {path.name for path in killed.path.iterdir()} == {
        "checkpoints",
        "config.json",
        "metrics.json",
        "model.keras",
        "tensorboard",
        "vocabulary.parquet",
    }


def without_times(run: Run) -> dict:
    metrics = run.metrics()
    for entry in metrics["history"]:
        del entry["seconds"]
    return metrics
