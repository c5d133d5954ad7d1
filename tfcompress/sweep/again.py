"""Finished files that lack what is asked for now are measured again, from the file that was kept.

Nothing is trained, searched or converted, and the quality stays as it was measured. A file that is
no longer the one of its row is not touched: that is an error of one line, and the row stays.
"""

import hashlib
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tfcompress.errors import DataError
from tfcompress.measure.measurement import NOT_ASKED
from tfcompress.sweep.artefact import Artefact, Measured
from tfcompress.sweep.faults import one_line
from tfcompress.sweep.results import FAILED, FILE, Results, Row, artefact_of, fail, new_row


def still_to_run(artefacts: Iterable[Artefact], results: Results) -> list[Artefact]:
    """The artefacts that have no row yet, or a finished one that lacks what they ask for.

    Args:
        artefacts: iterable of Artefact.
        results: Results.

    Returns:
        list of Artefact. Those with a finished row of their file ask for what it has, too.
    """
    left: dict[str, Artefact] = {}
    for artefact in artefacts:
        if _says_all(results.rows.get(artefact.key), artefact.measured):
            continue
        whole, before = artefact, results.of_file(artefact)
        if before is not None:
            joined = artefact_of(before).measured.joined(artefact.measured)
            whole = artefact.model_copy(update={"measured": joined})
            rows = (before, results.rows.get(whole.key))
            if any(_says_all(row, artefact.measured) for row in rows):
                continue
        left[whole.key] = whole
    return list(left.values())


def _says_all(row: Row | None, asked: Measured) -> bool:
    """Whether a row is the last word; a failed one is where running it again is not asked for."""
    return row is not None and (row["status"] == FAILED or not _lacking(row, asked))


def _lacking(row: Row, asked: Measured) -> list[str]:
    """What is asked for and not in a finished row: "latency", "memory", both or none."""
    measurement = row["measurement"]
    notes: dict[str, str] = measurement.get("notes", {})

    def refused(name: str) -> bool:
        return notes.get(name, NOT_ASKED) != NOT_ASKED

    lacking = []
    if measurement["latency_us"]:
        is_there = artefact_of(row).measured.runs == asked.runs
    else:
        is_there = refused("latency")  # And would be again.
    if asked.latency and not is_there:
        lacking.append("latency")
    is_there = any(value is not None for value in measurement["memory_bytes"].values())
    if asked.memory and not (is_there or refused("memory")):
        lacking.append("memory")
    return lacking


def measure_again(artefact: Artefact, before: Row, folder: Path) -> Row:
    """The row of a file, with what it lacks.

    Args:
        artefact: Artefact. Asks for all that the row has, and more.
        before: dict. The last finished row of its file.
        folder: Path. Of the sweep; the row names the file from here.

    Returns:
        dict. As `unit.run_one`, whose quality and bytes are those of before. Jobs and environment
        are those under which the latency was measured.
    """
    started = time.monotonic()
    try:
        path = _kept_file(before, folder)
        from tfcompress.measure import measure

        lacking = _lacking(before, artefact.measured)
        old = before["measurement"]
        parts = [*lacking, *(["quality"] * (old["quality"] is None))]
        (measured,) = measure(
            path,
            artefact.training.config.data.source if "quality" in parts else None,
            quality="quality" in parts,
            latency="latency" in parts,
            memory="memory" in parts,
            runs=artefact.measured.runs,
        )
        measurement = _with_parts(old, measured.to_json(), parts)
    except Exception as error:
        return fail(new_row(artefact), one_line(error), "measuring")
    row = before | {"key": artefact.key, "config": artefact.to_json(), "measurement": measurement}
    if "latency" in parts or not old["latency_us"]:
        row.pop("jobs", None)
    return row | {"seconds": {"measuring": round(time.monotonic() - started, 2)}}


def _kept_file(row: Row, folder: Path) -> Path:
    """The file of a row; `DataError` where it is gone, or another one."""
    path: Path = folder / row["file"]
    size = row["measurement"]["file_bytes"]
    stays = f"its row stays as it was; without its lines in {FILE} the file is made anew"
    if not path.is_file():
        raise DataError(f"{path}: is not there any more, so nothing more is measured; {stays}")
    found = path.stat().st_size
    if found != size:
        raise DataError(f"{path}: has {found:,} bytes, not the {size:,} of its row; {stays}")
    if sha256 := row.get("sha256"):
        with path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != sha256:
                raise DataError(f"{path}: has another SHA-256 than its row; {stays}")
    return path


def _with_parts(old: dict[str, Any], new: dict[str, Any], parts: list[str]) -> dict[str, Any]:
    """A measurement with parts of a newer one, and the notes of each."""
    keys = {"quality": "quality", "latency": "latency_us", "memory": "memory_bytes"}
    measurement = old | {keys[part]: new[keys[part]] for part in parts}
    if "latency" in parts or not old["latency_us"]:
        measurement["environment"] = new["environment"]
    told = {*parts, "data"} if "quality" in parts else {*parts}
    notes = {name: note for name, note in old.get("notes", {}).items() if name not in told}
    notes |= {name: note for name, note in new.get("notes", {}).items() if name in told}
    measurement.pop("notes", None)
    return measurement | ({"notes": notes} if notes else {})
