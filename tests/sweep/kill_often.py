"""Kills a sweep with SIGKILL and resumes it, until it ends; prints the kills.

Every third file was made and measured before, all but its latency.

    kill_often.py FOLDER NUM_KILLS

The sweep is a fork of this process, which has imported everything but started nothing.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

from tfcompress.sweep import Grid, Results, expand, run_sweep
from tfcompress.sweep.artefact import Measured

PLAN = expand(
    Grid.parse(
        {
            "data": ["synthetic", "other"],
            "method": "ours",
            "embedding": ["full", "qr"],
            "table_dtype": ["float32", "int8"],
            "seed": list(range(6)),
        }
    )
)
LESS = [
    artefact.model_copy(update={"measured": Measured(latency=False)})
    for artefact in PLAN.artefacts[::3]
]


def fork(folder: Path) -> int:
    process = os.fork()
    if process == 0:
        try:
            with Results.opened(folder) as results:
                run_sweep(PLAN.artefacts, results, jobs=2, function="fake_unit:answer")
            os._exit(0)
        except BaseException as error:
            print(f"sweep failed: {error!r}", file=sys.stderr, flush=True)
            os._exit(1)
    return process


def main() -> None:
    import fake_unit  # The tests have it elsewhere.

    folder, kills = Path(sys.argv[1]), int(sys.argv[2])
    random.seed(0)
    with Results.opened(folder) as results:
        for artefact in LESS:
            results.append(fake_unit.row(artefact.to_json()))
    killed = 0
    while killed < kills:
        process = fork(folder)
        time.sleep(random.uniform(0, 0.3))
        os.kill(process, signal.SIGKILL)
        status = os.waitpid(process, 0)[1]
        assert os.WIFSIGNALED(status), "the sweep ended before it was killed"
        killed += 1
    assert os.waitpid(fork(folder), 0)[1] == 0
    print(killed)


if __name__ == "__main__":
    main()
