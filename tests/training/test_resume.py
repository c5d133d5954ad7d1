"""Killed at any moment and resumed, a training ends as an uninterrupted one does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np

from tfcompress.training import Run

# XLA compiles or loads its programs in every process, so that twenty kills under JAX take too long.
NUM_KILLS = 20 if keras.backend.backend() == "tensorflow" else 4


def test_kills_change_nothing(tmp_path: Path):
    script = Path(__file__).with_name("kill_often.py")
    folder = tmp_path / "runs"
    folder.mkdir()
    compiled = {
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    done = subprocess.run(
        [sys.executable, str(script), str(folder), str(NUM_KILLS)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | compiled,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1])["killed"] == NUM_KILLS
    whole, *killed = (Run(path) for path in sorted(folder.iterdir(), reverse=True))
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
