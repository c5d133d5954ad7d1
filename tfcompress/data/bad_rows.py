"""What becomes of rows that cannot be used: the first one is an error, or all are counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tfcompress.errors import ConfigError, DataError

POLICIES = ("error", "skip")


@dataclass(frozen=True)
class Defect:
    """Rows of a piece of a file that have one thing wrong.

    Attributes:
        rows: bool array, shape `(num_rows,)`. True where a row is bad.
        describe: callable. From a bad row to what was found in it and what to do about it.
    """

    rows: NDArray[np.bool_]
    describe: Callable[[int], tuple[str, str]]


class BadRows:
    """Raises at the first bad row, or skips bad rows and counts each of them once.

    What is wrong with a file as a whole (it is empty or damaged, a column is missing) is no bad row
    and always an error.

    Args:
        policy: str. "error" or "skip".

    Raises:
        ConfigError: another policy.
    """

    def __init__(self, policy: str = "error") -> None:
        if policy not in POLICIES:
            raise ConfigError(f"bad_rows: {policy!r} is not known; choose {' or '.join(POLICIES)}")
        self.policy = policy
        self._counts: dict[Path, int] = {}
        self._examples: dict[Path, str] = {}

    @property
    def skip(self) -> bool:
        """Whether bad rows are passed over."""
        return self.policy == "skip"

    @property
    def total(self) -> int:
        """How many rows were skipped, of all files."""
        return sum(self._counts.values())

    def count(self, path: Path) -> int:
        """How many rows of one file were skipped."""
        return self._counts.get(path, 0)

    @property
    def notes(self) -> tuple[str, ...]:
        """For each file with skipped rows, how many they are, and one of them."""
        return tuple(
            f"{path.name}: {count:,} bad row{'s' if count > 1 else ''} skipped, such as "
            f"{self._examples[path]}"
            for path, count in self._counts.items()
        )

    def add(self, path: Path, place: str, found: str, advice: str) -> None:
        """Takes note of one row, or raises.

        Args:
            path: Path. The file.
            place: str. Where the row is, such as "line 3"; lines count from 1.
            found: str. What is wrong with it.
            advice: str. What to do about it.
        """
        if not self.skip:
            raise DataError(
                f"{path}, {place}: {found}; {advice}, or pass over such rows with --bad-rows skip"
            )
        self._counts[path] = self._counts.get(path, 0) + 1
        self._examples.setdefault(path, f"{place}: {found}")

    def screen(
        self, path: Path, defects: Sequence[Defect], place: Callable[[int], str]
    ) -> NDArray[np.bool_] | None:
        """Takes note of the bad rows of one piece of a file, or raises.

        Args:
            path: Path. The file.
            defects: sequence of Defect. Of the same rows; the first one describes a row.
            place: callable. From a row of the piece to where it is in the file. Called for one.

        Returns:
            A bool array, true for the rows to keep, or None where all are good.
        """
        bad = np.zeros(0, np.bool_)
        for defect in defects:
            bad = bad | defect.rows if len(bad) else defect.rows
        if not bad.any():
            return None
        if path not in self._counts:
            first = int(bad.argmax())
            describe = next(defect.describe for defect in defects if defect.rows[first])
            self.add(path, place(first), *describe(first))
            self._counts[path] -= 1
        self._counts[path] += int(bad.sum())
        return ~bad


def token_defects(name: str, tokens: pa.Array, *, allow_empty: bool = False) -> list[Defect]:
    """What can be wrong with a column of users or items.

    Args:
        name: str. The column, for the message.
        tokens: pa.Array. Binary or strings (not checked for UTF-8 yet), plain or
            dictionary-encoded, without nulls; or integers, which are always good.
        allow_empty: bool. Whether an empty token is no defect.
    """
    encoded = tokens if pa.types.is_dictionary(tokens.type) else None
    values = tokens if encoded is None else encoded.dictionary
    if pa.types.is_integer(values.type):
        return []
    values = values.cast(pa.large_binary())
    checks: list[tuple[NDArray[np.bool_], str, str]] = []
    if not allow_empty:
        checks.append((_mask(pc.equal(values, b"")), "is empty", "fill it in or remove the row"))
    if not is_utf8(values):
        wrong = np.array([not _decodes(value) for value in values.to_pylist()])
        checks.append((wrong, "is not UTF-8", "convert the file to UTF-8"))
    for byte, what in ((b"\0", "a zero byte"), (b"\n", "a line break"), (b"\r", "a line break")):
        holds = _mask(pc.match_substring(values, byte))
        if holds.any():
            advice = "remove it" if byte == b"\0" else "close the quotation mark that opens there"
            checks.append((holds, f"holds {what}", advice))
    defects = []
    for wrong, found, advice in checks:
        if wrong.any():
            rows = wrong if encoded is None else wrong[encoded.indices.to_numpy()]
            text = (f"column {name!r} {found}", advice)
            defects.append(Defect(rows, lambda _, text=text: text))  # type: ignore[misc]
    return defects


def is_utf8(values: pa.Array) -> bool:
    """Whether all values of a binary array are UTF-8."""
    try:
        values.cast(pa.large_string())
    except pa.ArrowInvalid:
        return False
    return True


def _decodes(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _mask(booleans: pa.Array) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = booleans.to_numpy(zero_copy_only=False)
    return mask
