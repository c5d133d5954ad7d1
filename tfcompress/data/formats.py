"""Which format a file or directory is in, and which of its files hold what."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from tfcompress.data import criteo, movielens, recbole, sequences, tabular
from tfcompress.data.columns import looks_like_header
from tfcompress.data.lines import quote
from tfcompress.errors import ConfigError, DataError

TABULAR = tabular.FORMATS
FORMATS = (*TABULAR, "pairs", "adjacency", "sequences")
LABELLED_TEXT = "labelled-text"

_SUFFIXES = {
    **{".csv": "csv", ".tsv": "tsv", ".inter": "recbole"},
    **{".parquet": "parquet", ".pq": "parquet"},
}
_TEXT_SUFFIXES = (".txt", ".dat", ".data", "")
_COMPRESSED = (".gz", ".bz2", ".zst")
_SPLITS = {"train": ("train",), "valid": ("valid", "val", "validation", "dev"), "test": ("test",)}
_SNIFF_BYTES = 1 << 16


@dataclass(frozen=True)
class Source:
    """Where the data lies.

    Attributes:
        format: str. One of `FORMATS`, or `LABELLED_TEXT`.
        files: dict. Paths by role: "all"; or "train", "test" and perhaps "valid"; or the names of
            `sequences.FILES`.
    """

    format: str
    files: dict[str, Path]

    @property
    def is_split(self) -> bool:
        """Whether the files are a split already."""
        return "all" not in self.files


def locate(path: Path, format: str | None = None, *, formats: tuple[str, ...] = FORMATS) -> Source:
    """Finds out the format from the suffix, the files of a directory, and the first lines.

    Args:
        path: Path. A file; a directory with one data file; or one whose files give the split:
            train, valid (val, validation, dev) and test of any one format, or those of
            `sequences.read_directory`; or an archive of MovieLens, with its ratings.
        format: str or None. Overrides what would be detected.
        formats: tuple of str. What `format` may be.

    Raises:
        ConfigError: `format` is not one of `formats`.
        DataError: there is no such path, or what is there cannot be told.
    """
    if format is not None and format not in formats:
        raise ConfigError(f"format: {format!r} is not known; choose from {', '.join(formats)}")
    if not path.exists():
        raise DataError(f"{path}: no such file or directory")
    if not path.is_dir():
        return Source(format or detect(path), {"all": path})
    entries = sorted(entry for entry in path.iterdir() if _is_data(entry))
    if format in (None, "sequences"):
        files = _by_stem(entries, {name: (name,) for name in sequences.FILES})
        if "train_input" in files:
            if "test_output" not in files:
                raise DataError(f"{path}: has train_input but no test_output; add it")
            return Source("sequences", files)
    files = _by_stem(entries, _SPLITS)
    if "train" in files:
        if "test" not in files:
            raise DataError(f"{path}: has {files['train'].name} but no test file beside it; add it")
        if format == "sequences":
            raise DataError(
                f"{path}: train and test files of sequences do not say which lines belong "
                "together; name them train_input and test_output"
            )
        return Source(format or detect(files["train"]), files)
    ratings = [entry for entry in entries if entry.name in movielens.RATINGS]
    for alone in (ratings, entries):
        if len(alone) == 1:
            return Source(format or detect(alone[0]), {"all": alone[0]})
    listed = ", ".join(entry.name for entry in entries[:10]) or "no data files"
    raise DataError(
        f"{path}: holds {listed}; expected one file, or train and test files (or train_input and "
        "test_output)"
    )


# What the readers split at: a no-break space or one of Japanese text is part of a token.
_LINE_ENDS = re.compile(r"[\r\n]+")
_SPACES = " \t\v\f"
_WHITE_SPACE = re.compile(rf"[{_SPACES}]+")
# Where fewer lines have another length than two, they may be sequences, or pairs with bad lines.
_FEW = 0.1


def detect(path: Path) -> str:
    """The format of one file.

    Raises:
        DataError: the file is empty, or could be in several formats: the error names them.
    """
    by_suffix = _SUFFIXES.get(_suffix(path))
    if by_suffix in ("parquet", "recbole"):
        return by_suffix
    with pa.input_stream(str(path)) as stream:
        start: bytes = stream.read(_SNIFF_BYTES)
    if start.startswith(b"PAR1"):
        return "parquet"
    text = start.decode("utf-8-sig", "replace")
    lines = [line for line in _LINE_ENDS.split(text) if line.strip(_SPACES)]
    if len(start) == _SNIFF_BYTES:
        lines = lines[:-1]  # cut off in the middle
    if lines and criteo.is_row(lines[0]):
        return "criteo"  # often called .csv, without a comma in it
    if by_suffix is not None:
        return by_suffix
    if not lines:
        raise DataError(f"{path}: is empty (or its first line does not end); expected interactions")
    if "::" in lines[0] or _stem(path) + _suffix(path) == "u.data":
        return "movielens"
    if recbole.is_header(lines[0]):
        return "recbole"
    for format, delimiter in (("tsv", "\t"), ("csv", ","), ("csv", ";"), ("csv", "|")):
        if looks_like_header(lines[0].split(delimiter)):
            return format
    return _detect_tokens(path, lines)


def _detect_tokens(path: Path, lines: list[str]) -> str:
    rows = [_WHITE_SPACE.split(line.strip(_SPACES)) for line in lines]
    lengths = {len(row) for row in rows}
    if any("," in line or ";" in line for line in lines[:10]):
        raise DataError(
            f"{path}, line 1: {quote(lines[0])} has separators but names no user and item column; "
            f"add a header line, or choose with --format {', '.join(FORMATS)}"
        )
    if lengths == {2}:
        return "pairs"
    if len(lengths) == 1 and len(rows) > 1:
        raise DataError(
            f"{path}: every line has {lengths.pop()} tokens, so it may be a table without a header "
            "line (add one), or choose with --format adjacency or sequences"
        )
    if _are_users(row[0] for row in rows):
        return "adjacency"
    others = [line for line, row in zip(lines, rows, strict=True) if len(row) != 2]
    if len(others) <= _FEW * len(rows):
        raise DataError(
            f"{path}: {quote(others[0])} has not two tokens, as most lines have; correct it or "
            "pass --format pairs --bad-rows skip, or choose with --format adjacency or sequences"
        )
    if len({row[0] for row in rows}) < len(rows):
        return "sequences"  # a user has one line only, an item may start many
    raise DataError(
        f'{path}: lines may be "user item item ..." or "item item ..."; choose with --format '
        "adjacency or sequences"
    )


def _are_users(tokens: Iterable[str]) -> bool:
    """Whether the tokens are numbers that rise from line to line, as items would hardly do."""
    numbers = [int(token) if token.isdecimal() else -1 for token in tokens]
    rising = all(a < b for a, b in itertools.pairwise(numbers))
    return rising and numbers[0] >= 0 and len(numbers) >= 8


def _suffix(path: Path) -> str:
    name = path.with_suffix("") if path.suffix in _COMPRESSED else path
    return name.suffix.lower()


def _stem(path: Path) -> str:
    name = path.with_suffix("") if path.suffix in _COMPRESSED else path
    return name.stem


def _role(path: Path) -> str:
    """The stem; of RecBole's NAME.train.inter what stands behind the name."""
    stem = _stem(path)
    return stem.rpartition(".")[2] if _suffix(path) == ".inter" else stem


def _is_data(path: Path) -> bool:
    known = _suffix(path) in _SUFFIXES or _suffix(path) in _TEXT_SUFFIXES
    return path.is_file() and known and not path.name.startswith((".", "_", "README", "LICENSE"))


def _by_stem(entries: list[Path], roles: dict[str, tuple[str, ...]]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for role, stems in roles.items():
        found = [entry for entry in entries if _role(entry) in stems]
        if len(found) > 1:
            names = " and ".join(entry.name for entry in found)
            raise DataError(f"{found[0].parent}: both {names} are there; keep one of them")
        if found:
            files[role] = found[0]
    return files
