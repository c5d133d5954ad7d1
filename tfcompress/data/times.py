"""Times as numbers that sort: whether a column holds numbers or dates is found by trying."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_TARGETS: dict[str, tuple[pa.DataType, ...]] = {
    "number": (pa.int64(), pa.float64()),
    "date": (pa.timestamp("ns"), pa.timestamp("ns", "UTC")),
}


class NotATimeError(ValueError):
    """One value is no time.

    Attributes:
        row: int. Where it is in the column, from 0.
        value: str. What stands there.
    """

    def __init__(self, row: int, value: Any, reason: str) -> None:
        super().__init__(reason)
        self.row = row
        self.value = str(value)


def to_numbers(column: pa.Array, kind: str | None = None) -> tuple[NDArray[Any], str]:
    """Turns times into int64 or float64 numbers.

    Args:
        column: pa.Array without nulls. Numbers; dates; or strings that spell numbers or ISO 8601
            dates ("2024-05-01", "2024-05-01 10:30:00", with "Z" or an offset too).
        kind: str or None. What the column held before: numbers and dates do not compare.

    Returns:
        The numbers (as they stand; nanoseconds since 1970 for dates), and "number" or "date".

    Raises:
        NotATimeError: names the first value that is neither, of the other kind, or NaN.
    """
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        column = column.cast(pa.string())
    kinds = [kind] if kind else list(_TARGETS)
    for candidate in kinds:
        numbers = _cast(column, candidate)
        if numbers is not None:
            if numbers.dtype.kind == "f" and np.isnan(numbers).any():
                raise NotATimeError(int(np.isnan(numbers).argmax()), "nan", "which is no time")
            return numbers, candidate
    raise _first_failure(column, kinds)


def _cast(column: pa.Array, kind: str) -> NDArray[Any] | None:
    is_date = pa.types.is_temporal(column.type)
    if pa.types.is_boolean(column.type):
        return None
    if not pa.types.is_string(column.type) and is_date != (kind == "date"):
        return None
    for target in _TARGETS[kind]:
        try:
            numbers = column.cast(target)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            continue
        result: NDArray[Any] = (numbers.cast(pa.int64()) if kind == "date" else numbers).to_numpy()
        return result
    return None


def _first_failure(column: pa.Array, kinds: list[str]) -> NotATimeError:
    # The first value decides what the ones below it should be.
    kinds = [kind for kind in kinds if _cast(column[:1], kind) is not None] or kinds
    for row in range(len(column)):
        if all(_cast(column[row : row + 1], kind) is None for kind in kinds):
            expected = " or ".join(f"a {kind}" for kind in kinds)
            return NotATimeError(row, column[row].as_py(), f"expected {expected}")
    return NotATimeError(0, column[0].as_py(), "written unlike values below it")
