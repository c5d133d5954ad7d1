"""The unit of work: one artefact, from its training to its measurement, as one row.

`run_one` is a function of the artefact alone; the folder only keeps what it makes. Whatever engine
calls it, on one machine or many, gets the same row (times apart).
"""

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tfcompress.backend import use_backend
from tfcompress.files import write_file
from tfcompress.sweep.again import measure_again
from tfcompress.sweep.artefact import Artefact
from tfcompress.sweep.faults import one_line
from tfcompress.sweep.results import Row, fail, new_row
from tfcompress.sweep.train_once import FOLDER as RUNS
from tfcompress.sweep.train_once import train_once

FILES = "files"
STAGES = ("training", "conversion", "measuring")


def run_one(artefact: Artefact, folder: Path, earlier: Sequence[Path] = ()) -> Row:
    """Trains (once for all artefacts that share it), converts, measures.

    Args:
        artefact: Artefact.
        folder: Path. Gets the run directory (`runs/`) and the .tflite (`files/`).
        earlier: sequence of Path. Finished runs and folders of some, see `train_once`.

    Returns:
        dict. The row that `results` describes; an error is a row too.
    """
    row = new_row(artefact)
    clock = _Clock(row["seconds"])
    try:
        with clock.stage("training"):
            run = train_once(artefact.training, folder, earlier)
            row["valid"] = run.metrics()["valid"]
            if run.path.parent != folder / RUNS:
                row["reused"] = True
        with clock.stage("conversion"):
            # After the training, which a reused one may make needless; before Keras is imported.
            use_backend("tensorflow")
            from tfcompress.sweep.makers import make_file

            path = folder / FILES / artefact.file_name
            content = make_file(artefact, run)
            write_file(path, content)
            row["file"] = path.relative_to(folder).as_posix()
            row["sha256"] = hashlib.sha256(content).hexdigest()
        with clock.stage("measuring"):
            from tfcompress.measure import measure

            (measurement,) = measure(
                path,
                artefact.training.config.data.source,
                latency=artefact.measured.latency,
                memory=artefact.measured.memory,
                runs=artefact.measured.runs,
            )
            row["measurement"] = measurement.to_json()
    except Exception as error:
        return fail(row, one_line(error), clock.current)
    return row


def answer(job: dict[str, Any]) -> Row:
    """The work of a process: {config, folder, earlier, before} -> row.

    `before` is the last finished row of the file, which is then only measured again; or null.
    """
    artefact = Artefact.model_validate_json(json.dumps(job["config"]))
    folder = Path(job["folder"])
    if job["before"] is not None:
        return measure_again(artefact, job["before"], folder)
    return run_one(artefact, folder, [Path(path) for path in job["earlier"]])


class _Clock:
    """Seconds of each stage, and which one runs."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self._seconds = seconds
        self.current = STAGES[0]

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.current = name
        started = time.monotonic()
        try:
            yield
        finally:
            self._seconds[name] = round(time.monotonic() - started, 2)
