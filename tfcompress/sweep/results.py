"""results.jsonl: one line of JSON for every artefact that is finished, failed ones too.

    key          of the artefact (`Artefact.key`)
    config       the artefact (`Artefact.to_json`)
    status       "done" or "failed"
    error        one line, or null
    stage        what failed: "training", "conversion" or "measuring"; null when nothing did
    file         its .tflite, relative to the folder; null when there is none
    sha256       of its .tflite; rows of earlier versions have none
    measurement  as `tfcompress measure --json` writes it; null when it failed
    valid        quality of the Keras model on the validation split, or null
    seconds      {training, conversion, measuring}; training is 0 where it was there already, and
                 the first two are left out where the file was there and only measured again
    reused       true where its training is a run of --reuse; else left out
    jobs         processes that the sweep ran at once

A line is appended with one write and flushed to the disk. A process that is killed inside the write
leaves a line without its end; the next start cuts it off and runs that artefact again. A file that
was measured again has a further line: the last one counts.
"""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tfcompress.errors import ConfigError, DataError
from tfcompress.files import locked, write_file
from tfcompress.sweep.artefact import Artefact
from tfcompress.training.run import Run
from tfcompress.validation import first_fault

FILE = "results.jsonl"
DONE, FAILED = "done", "failed"
_LOCK_SECONDS = 2.0
"""How long a killed sweep may seem to run on."""

Row = dict[str, Any]


def new_row(artefact: Artefact) -> Row:
    """The row of an artefact of which nothing went wrong yet, without what is measured."""
    return {
        "key": artefact.key,
        "config": artefact.to_json(),
        "status": DONE,
        "error": None,
        "stage": None,
        "file": None,
        "sha256": None,
        "measurement": None,
        "valid": None,
        "seconds": {},
    }


def fail(row: Row, error: str, stage: str | None) -> Row:
    """The row, failed."""
    return {**row, "status": FAILED, "error": error, "stage": stage}


def artefact_of(row: Row) -> Artefact:
    """The artefact of a row; `DataError` where this version knows no such one."""
    try:
        return Artefact.model_validate_json(json.dumps(row["config"]))
    except ValidationError as error:
        field, first = first_fault(error)
        raise DataError(
            f"row {row['key']}: {field}: {first['msg']}; written by another version of tfcompress?"
        ) from None


class Results:
    """The finished artefacts of a sweep, and the file that keeps them.

    Args:
        folder: Path. Of the sweep.

    Attributes:
        rows: dict str -> dict. By key, the last one of each; a failed one until a row of its file
            is finished.

    Raises:
        DataError: a line of the file is none of ours.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        if self.path.exists():
            _heal(self.path)
        self.rows: dict[str, Row] = {}
        self._of_file: dict[str, Row] = {}
        self._failed: dict[str | None, list[str]] = {}  # keys of rows by that of their file
        for row in read_rows(folder):
            self._take(row)

    @classmethod
    @contextmanager
    def opened(cls, folder: Path) -> Iterator["Results"]:
        """Makes the folder and keeps other sweeps out of it while the block runs.

        Raises:
            ConfigError: another sweep is running in the folder, or it is a training's.
        """
        if Run.is_run(folder):
            raise ConfigError(f"{folder}: holds a training; choose a folder of its own for --out")
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / ".lock", patience=_LOCK_SECONDS) as is_ours:
            if not is_ours:
                raise ConfigError(f"{folder}: another sweep is running there; choose another --out")
            yield cls(folder)

    def append(self, row: Row) -> None:
        """Adds a row whose key is new, and puts it on the disk."""
        if row["key"] in self.rows:
            raise ValueError(f"{row['key']} has a row already")
        self.add_again(row)

    def add_again(self, row: Row) -> None:
        """Adds a row that counts instead of an earlier one of its file."""
        with self.path.open("ab") as stream:
            stream.write(_line(row))
            stream.flush()
            os.fsync(stream.fileno())
        self._take(row)

    def of_file(self, artefact: Artefact) -> Row | None:
        """The last finished row of its file, whatever was measured of it; failed ones are none."""
        return self._of_file.get(artefact.file_key)

    def _take(self, row: Row) -> None:
        file_key = _file_key(row)
        if row["status"] == FAILED:
            self._failed.setdefault(file_key, []).append(row["key"])
        elif file_key is not None:
            self._of_file[file_key] = row
            for key in self._failed.pop(file_key, ()):
                self.rows.pop(key, None)
        # Last, so that rows stand in the order of their last lines.
        self.rows.pop(row["key"], None)
        self.rows[row["key"]] = row

    def forget_failed(self, artefacts: Iterable[Artefact]) -> None:
        """Drops the failed rows of the artefacts' files, so that they run again."""
        files = {artefact.file_key for artefact in artefacts}
        kept = {
            key: row
            for key, row in self.rows.items()
            if row["status"] != FAILED or _file_key(row) not in files
        }
        if len(kept) < len(self.rows):
            write_file(self.path, b"".join(map(_line, kept.values())))
            self.rows = kept


def read_rows(folder: Path) -> list[Row]:
    """The rows of a sweep, in the order they were finished.

    A last line that is not complete is left out: it is being written, or never will be.

    Raises:
        DataError: there are none, or a line is none of ours.
    """
    path = folder / FILE
    if not path.exists():
        return []
    *lines, _ = path.read_bytes().split(b"\n")
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            row["key"], row["status"], row["config"]["training"]["config"]
        except (ValueError, LookupError, TypeError):
            raise DataError(
                f"{path}, line {number}: is no row of a sweep ({line[:40]!r}); remove the line, "
                "and its artefact runs again"
            ) from None
        rows.append(row)
    return rows


def _file_key(row: Row) -> str | None:
    """None for a row of another version: no artefact of ours has its file."""
    try:
        return artefact_of(row).file_key
    except DataError:
        return None


def _line(row: Row) -> bytes:
    return json.dumps(row, separators=(",", ":")).encode() + b"\n"


def _heal(path: Path) -> None:
    """Cuts off a last line that has no end."""
    content = path.read_bytes()
    complete = content.rfind(b"\n") + 1
    if complete < len(content):
        os.truncate(path, complete)
