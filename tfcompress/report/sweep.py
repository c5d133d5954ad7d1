"""All that a report says of a sweep, whatever it is written as."""

from dataclasses import dataclass
from pathlib import Path

from tfcompress.errors import DataError
from tfcompress.report.points import Panel, panels
from tfcompress.report.text import machine_text
from tfcompress.sweep.results import FAILED, FILE, Row, artefact_of, read_rows

_NOTES = (
    "table bytes: everything the tables take in the file, scales and indexes too; ratio: plain "
    "float32 tables over these; of several seeds the one that takes most; 1 MB is 1,000,000 bytes",
    "change: of the mean quality against the full float32 table of the same seeds; ± is a standard "
    "deviation over seeds",
    "fronts and winners go by this change, because one seed is luckier than another; by the mean "
    "where there is no such table",
    "what won was chosen on the numbers shown, so the best of many close ones is a little lucky; "
    "differences inside the error bars say nothing",
)


@dataclass(frozen=True)
class SweepReport:
    """A sweep.

    Attributes:
        title: str.
        summary: str. How many files, of how many panels.
        panels: tuple of Panel.
        failures: tuple of (title, error).
        notes: tuple of str. What a reader must know beside bytes and quality.
        measured: tuple of str. How latency and memory were measured, and on what.
    """

    title: str
    summary: str
    panels: tuple[Panel, ...]
    failures: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    measured: tuple[str, ...]


def read_sweep(folder: Path) -> SweepReport:
    """The report of a sweep, finished or not.

    Args:
        folder: Path. The --out of `tfcompress sweep`.

    Raises:
        DataError: it holds no finished row, or something that is no row.
    """
    rows = read_rows(folder)
    if not rows:
        raise DataError(f"{folder / FILE}: no finished run; is it the --out of tfcompress sweep?")
    failures: dict[str, Row] = {}
    of_file: dict[str, Row] = {}
    for row in rows:
        # A file that was run or measured again has several rows, of which the last one counts.
        key = artefact_of(row).file_key
        failures.pop(key, None)
        (failures if row["status"] == FAILED else of_file)[key] = row
    failed, done = list(failures.values()), list(of_file.values())
    found = panels(done)
    ways = sum(len(panel.points) for panel in found)
    plural = "s" * (ways != 1)
    summary = f"files measured: {len(done)}, in {ways} way{plural}" if done else "no file measured"
    summary += f"; failed: {len(failed)}" if failed else ""
    return SweepReport(
        title=f"Sweep {folder.resolve().name}",
        summary=summary,
        panels=tuple(found),
        failures=tuple((artefact_of(row).title, row["error"]) for row in failed),
        notes=_NOTES,
        measured=tuple(_measured(done, found)),
    )


def _measured(rows: list[Row], found: list[Panel]) -> list[str]:
    notes = []
    if any(point.memory is not None for panel in found for point in panel.points):
        notes.append(
            "memory: peak while every row is read once, mapped file and anonymous together"
        )
    timed = [row for row in rows if row["measurement"]["latency_us"]]
    if timed:
        jobs = max(row.get("jobs", 1) for row in timed)
        notes.append(
            "latency: median of one invocation, one thread, mean over seeds"
            + (f"; measured with up to {jobs} processes at work" if jobs > 1 else "")
        )
    machines = [machine_text(row["measurement"]["environment"]) for row in rows]
    return [*notes, *(f"measured on {machine}" for machine in dict.fromkeys(machines))]
