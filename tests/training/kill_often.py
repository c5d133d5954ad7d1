"""Kills trainings with SIGKILL and resumes them; prints how it went as JSON.

    kill_often.py FOLDER NUM_KILLS

FOLDER/whole is never killed. FOLDER/killed-0 is killed and resumed until it ends; the next kills go
to FOLDER/killed-1, because a training that has ended leaves nothing to kill. Trainings are forks of
this process, which has imported everything but started nothing. Half of the kills come at a random
moment; the others at a chosen step of a checkpoint write or of the last write of the run.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

from tfcompress.data import synthetic
from tfcompress.training import Run, TrainConfig, checkpoint, run, train

CONFIG = TrainConfig.parse(
    {
        "data": {"source": "synthetic"},
        "ratio": 3,
        "dim": 8,
        "history_length": 6,
        "hidden_units": (8,),
        "dropout": 0.2,
        "epochs": 8,
        "patience": 20,
        "batch_size": 32,
        "loss": "sampled",
        "num_negatives": 16,
    }
)
DATASET = synthetic.generate(num_items=60, num_users=60, mean_length=8, num_clusters=4)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at_call(module: object, name: str, call: int, *, after: bool) -> None:
    """Makes the process kill itself around the given call of a function."""
    original = getattr(module, name)
    left = [call]

    def wrapper(*args, **kwargs):
        left[0] -= 1
        if left[0] == 0 and not after:
            die()
        result = original(*args, **kwargs)
        if left[0] == 0:
            die()
        return result

    setattr(module, name, wrapper)


# Where in a write to die: before or after variables.npz, best.npz, state.json, the rename, the
# removal of the older checkpoint, model.keras, metrics.json.
MOMENTS = [
    lambda: die_at_call(checkpoint, "_write_arrays", 1, after=True),
    lambda: die_at_call(checkpoint, "_write_arrays", 4, after=False),
    lambda: die_at_call(checkpoint, "_write_arrays", 2, after=True),
    lambda: die_at_call(checkpoint, "asdict", 1, after=False),
    lambda: die_at_call(Path, "rename", 1, after=False),
    lambda: die_at_call(Path, "rename", 1, after=True),
    lambda: die_at_call(checkpoint.shutil, "rmtree", 1, after=False),
    lambda: die_at_call(np, "savez", 3, after=False),
    lambda: die_at_call(run, "write_file", 1, after=False),
    lambda: die_at_call(run, "write_file", 2, after=False),
]


def fork(path: Path, moment=None) -> int:
    process = os.fork()
    if process == 0:
        try:
            if moment is not None:
                moment()
            train(CONFIG, Run(path), resume=True, dataset=DATASET)
            os._exit(0)
        except BaseException as error:
            print(f"training failed: {error!r}", file=sys.stderr, flush=True)
            os._exit(1)
    return process


def wait(process: int) -> bool:
    """Whether the training was killed; one that fails ends this script."""
    status = os.waitpid(process, 0)[1]
    assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0, f"training ended with {status}"
    return os.WIFSIGNALED(status)


def main() -> None:
    folder, kills = Path(sys.argv[1]), int(sys.argv[2])
    started = time.monotonic()
    wait(fork(folder / "whole"))
    seconds = time.monotonic() - started
    random.seed(0)
    killed = attempt = ended = 0
    while killed < kills:
        moment = MOMENTS[attempt // 2 % len(MOMENTS)] if attempt % 2 else None
        attempt += 1
        process = fork(folder / f"killed-{ended}", moment)
        if moment is None:
            time.sleep(random.uniform(0, 0.8 * seconds))
            os.kill(process, signal.SIGKILL)
        if wait(process):
            killed += 1
        else:
            ended += 1
        assert attempt < 4 * kills, "the trainings end before they are killed"
    wait(fork(folder / f"killed-{ended}"))
    print(json.dumps({"killed": killed, "attempts": attempt}))


if __name__ == "__main__":
    main()
