"""How a sweep goes: a bar with the time left, and a line for every row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tfcompress_cli import console
from tfcompress_cli.training_progress import QUALITY_NAMES

if TYPE_CHECKING:
    from tfcompress.sweep import Artefact
    from tfcompress.sweep.results import Row
    from tfcompress.sweep.runner import Watcher


@contextmanager
def watching(new: list[Artefact], again: list[Artefact], jobs: int) -> Iterator[Watcher]:
    """A bar with the time left where stderr is a terminal, and a line for every row.

    Args:
        new: list of Artefact. To be made.
        again: list of Artefact. To be measured again.
        jobs: int. Processes at once.
    """
    from tfcompress.sweep.runner import Watcher
    from tfcompress.sweep.time_left import TimeLeft, duration_text

    estimate, running = TimeLeft(new, again, jobs), list[str]()
    done, count = 0, len(new) + len(again)
    with console.progress(with_time=False) as bar:
        task = bar.add_task("starting", total=count)

        def show() -> None:
            seconds = estimate.seconds
            time = "" if seconds is None else f"about {duration_text(seconds)} left; "
            bar.update(task, completed=done, description=time + ", ".join(running))

        def started(artefact: Artefact) -> None:
            running.append(artefact.title)
            show()

        def finished(artefact: Artefact, row: Row) -> None:
            nonlocal done
            done += 1
            estimate.finished(artefact, row)
            name = artefact.title
            if name in running:
                running.remove(name)
            line = f"[{done}/{count}] {name}: {_said(row)}"
            if not console.err.is_terminal and estimate.seconds:
                line += f"; about {duration_text(estimate.seconds)} left"
            console.remark(line)
            show()

        yield Watcher(started, finished)


def _said(row: Row) -> str:
    """The few words of a row that tell how it goes."""
    from tfcompress.report.text import bytes_text

    if row["status"] == "failed":
        return f"failed: {row['error']}"
    measurement = row["measurement"] or {}
    words = []
    if sizes := measurement.get("bytes"):
        words.append(f"tables {bytes_text(sizes['tables'])}")
    quality = measurement.get("quality") or {}
    words += [f"{name} {quality[key]:.4f}" for key, name in QUALITY_NAMES.items() if key in quality]
    return ", ".join(words)
