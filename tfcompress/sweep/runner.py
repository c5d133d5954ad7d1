"""Runs artefacts in processes, a row each, and keeps the rows.

Artefacts that share a training wait for the first of them, which makes it; where that fails in
training, so do they. Files that are only measured again wait for nothing.
"""

import selectors
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfcompress.sweep.again import still_to_run
from tfcompress.sweep.artefact import Artefact
from tfcompress.sweep.results import DONE, Results, Row, fail, new_row
from tfcompress.sweep.unit import FILES
from tfcompress.worker import DiedError, Worker

RUN_ONE = "tfcompress.sweep.unit:answer"
LOGS = "logs"
_TICK_SECONDS = 1.0


@dataclass(frozen=True)
class Watcher:
    """Told what happens, in the process of the sweep.

    Attributes:
        started: callable. With an artefact, when its process starts.
        finished: callable. With an artefact and its row, when the row is on the disk. The failed
            row of a file that was to be measured again is only told: the earlier row stays.
        waiting: callable. Every second.
    """

    started: Callable[[Artefact], None] = lambda artefact: None
    finished: Callable[[Artefact, Row], None] = lambda artefact, row: None
    waiting: Callable[[], None] = lambda: None


def run_sweep(
    artefacts: Iterable[Artefact],
    results: Results,
    *,
    jobs: int = 1,
    earlier: Sequence[Path] = (),
    watcher: Watcher | None = None,
    function: str | None = None,
) -> None:
    """Runs the artefacts that are `still_to_run`, each in a process of its own.

    Args:
        artefacts: iterable of Artefact. Each once.
        results: Results. Gets a row for each.
        jobs: int. Processes at once.
        earlier: sequence of Path. Finished runs and folders of some, see `train_once`.
        watcher: Watcher or None.
        function: str. What makes a row of a job, as `worker.Worker` takes it.
    """
    places = [str(path) for path in earlier]
    sweep = _Sweep(results, jobs, places, watcher or Watcher(), function or RUN_ONE)
    sweep.run(still_to_run(artefacts, results))


class _Sweep:
    def __init__(
        self,
        results: Results,
        jobs: int,
        earlier: list[str],
        watcher: Watcher,
        function: str,
    ) -> None:
        self._results, self._jobs, self._earlier = results, jobs, earlier
        self._watcher, self._function = watcher, function
        self._folder = results.path.parent
        self._ready: deque[Artefact] = deque()
        self._sharing: dict[str, list[Artefact]] = {}
        self._running: dict[Worker, Artefact] = {}
        self._selector = selectors.DefaultSelector()

    def run(self, artefacts: list[Artefact]) -> None:
        """Runs all of them."""
        for artefact in artefacts:
            training = artefact.training.key
            if self._results.of_file(artefact) is not None:
                self._ready.append(artefact)
            elif training in self._sharing:
                self._sharing[training].append(artefact)
            else:
                self._sharing[training] = []
                self._ready.append(artefact)
        (self._folder / LOGS).mkdir(exist_ok=True)
        # What a process that was killed inside a write has left.
        for leftover in (self._folder / FILES).glob(".*"):
            shutil.rmtree(leftover, ignore_errors=True)
        try:
            while self._ready or self._running:
                while self._ready and len(self._running) < self._jobs:
                    self._start(self._ready.popleft())
                self._wait()
        finally:
            for worker in self._running:
                worker.kill()
            self._selector.close()

    def _log(self, artefact: Artefact) -> Path:
        return self._folder / LOGS / f"{artefact.key}.log"

    def _start(self, artefact: Artefact) -> None:
        job = {
            "config": artefact.to_json(),
            "folder": str(self._folder),
            "earlier": self._earlier,
            "before": self._results.of_file(artefact),
        }
        worker = Worker(self._function, job, log=self._log(artefact))
        self._running[worker] = artefact
        self._selector.register(worker, selectors.EVENT_READ)
        self._watcher.started(artefact)

    def _wait(self) -> None:
        """Until a process says something, or for a second."""
        for event, _ in self._selector.select(_TICK_SECONDS):
            worker = event.fileobj
            assert isinstance(worker, Worker)
            if worker.read():
                self._selector.unregister(worker)
                self._finish(worker, self._running.pop(worker))
        self._watcher.waiting()

    def _finish(self, worker: Worker, artefact: Artefact) -> None:
        try:
            row = worker.answer()
        except DiedError as error:
            row = fail(new_row(artefact), str(error), None)
        again = self._results.of_file(artefact) is not None
        self._keep(artefact, row)
        if row["status"] == DONE:
            self._log(artefact).unlink(missing_ok=True)
        if again:
            return
        waiting = self._sharing.pop(artefact.training.key, [])
        if row["stage"] == "training":
            for other in waiting:
                self._keep(other, fail(new_row(other), row["error"], "training"))
        else:
            # Next: their training is in the memory of the system, and they are soon done.
            self._ready.extendleft(reversed(waiting))

    def _keep(self, artefact: Artefact, row: Row) -> None:
        row.setdefault("jobs", self._jobs)
        if self._results.of_file(artefact) is None:
            self._results.append(row)
        elif row["status"] == DONE:
            self._results.add_again(row)
        self._watcher.finished(artefact, row)
