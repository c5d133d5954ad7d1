"""Times as numbers that sort: whether a column holds numbers or dates is found by trying."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_WHOLE, _SHORT = "whole number", "number of at most 53 bits"
# Dates with and without an offset from UTC do not compare, so they are two kinds. Nor do integers
# of more than 53 bits and fractions: the floats that hold these have no more digits. Numbers are of
# one of these two kinds from the first such value on.
_TARGETS: dict[str, tuple[pa.DataType, ...]] = {
    "number": (pa.int64(), pa.float64()),
    _WHOLE: (pa.int64(),),
    _SHORT: (pa.float64(),),
    "date": (pa.timestamp("ns"),),
    "date with a UTC offset": (pa.timestamp("ns", "UTC"),),
}
# What Arrow's casts of text take is among what these match, but for hexadecimals, which it takes
# for int64 alone. Trying the rest one by one would take a minute where a column has no times.
_SPELLED = {
    "number": r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$",
    _WHOLE: r"^[+-]?\d+$",
    _SHORT: r"^[+-]?(0*\d{1,16}\.?\d*|\.\d+)([eE][+-]?\d+)?$",
    "date": r"^\d{4}-\d\d-\d\d",
    "date with a UTC offset": r"^\d{4}-\d\d-\d\d",
}
_LONG_INTEGER = r"^\s*[+-]?\d{19,}\s*$"
_LONG = r"^[+-]?0*[1-9]\d{15}"
_UNDECIDED = ("number", "date", "date with a UTC offset")
_DATES = _UNDECIDED[1:]


@dataclass(frozen=True)
class Times:
    """A column of times.

    Attributes:
        numbers: int64 or float64 array. As they stand; for dates the time since 1970, of text in
            nanoseconds, else in the unit of the column; 0 where the value is wrong.
        kind: str or None. "number" ("whole number" or "number of at most 53 bits", where it has to
            be one of these), "date" or "date with a UTC offset"; None where none is right.
        wrong: bool array of the same length, or None where all are right.
    """

    numbers: NDArray[Any]
    kind: str | None
    wrong: NDArray[np.bool_] | None = None


def to_numbers(column: pa.Array, kind: str | None = None) -> Times:
    """Turns times into int64 or float64 numbers.

    Args:
        column: pa.Array without nulls. Numbers; dates; or strings that spell numbers or ISO 8601
            dates ("2024-05-01", "2024-05-01 10:30:00", with "Z" or an offset too).
        kind: str or None. What the column held before. None: the first value that is any decides.

    Returns:
        `Times`. Wrong are values of another kind, NaN and infinity, and integers and dates beyond
        64 bits. Of integers of more than 53 bits beside fractions, the fewer ones are wrong.
    """
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        column = column.cast(pa.string())
    if not len(column):
        return Times(np.empty(0, np.int64), kind)
    kinds = [kind] if kind else list(_UNDECIDED)
    for candidate in kinds:
        numbers = _cast(column, candidate)
        if numbers is not None:
            return Times(numbers, _decided(numbers, candidate))
    spelled = np.logical_or.reduce([_is_spelled(column, name) for name in kinds])
    for start in np.flatnonzero(spelled):  # seldom far: all before the first right one are wrong
        first = column[start : start + 1]
        chosen = next((name for name in kinds if _cast(first, name) is not None), None)
        if chosen is not None:
            ways = (_WHOLE, _SHORT) if chosen == "number" else (chosen,)
            wrong, way = min(((_wrong(column, way), way) for way in ways), key=_how_many)
            right = column[int(np.argmin(wrong))]
            numbers = _cast(pc.if_else(pa.array(wrong), right, column), way)
            assert numbers is not None
            return Times(np.where(wrong, 0, numbers), _decided(numbers, chosen), wrong)
    return Times(np.zeros(len(column), np.int64), kind, np.ones(len(column), np.bool_))


def what_is_wrong(value: Any, kind: str | None) -> str:
    """Why a value is no time of this kind, in a few words."""
    if re.match(_LONG_INTEGER, str(value)) and not _is_int64(str(value)):
        return "an integer beyond 64 bits"
    try:
        if not np.isfinite(float(value)):
            return "which is no time"
    except ValueError:
        pass
    if any(_is_date(str(value), name) for name in ([kind] if kind else _DATES)):
        return "a date outside the years 1678 to 2261"
    if kind is None:
        return "expected a number or a date"
    if kind in _DATES:
        return f"expected a {kind}"
    if not re.match(_SPELLED["number"], str(value)):
        return "expected a number"
    if kind == _WHOLE:
        return "a fraction beside integers of more than 53 bits"
    return "a number of more than 53 bits beside fractions"


def _is_int64(digits: str) -> bool:
    try:
        return -(2**63) <= int(digits) < 2**63
    except ValueError:  # more digits than Python reads
        return False


def _is_date(text: str, kind: str) -> bool:
    """Whether text spells a date, be it one that nanoseconds do not hold."""
    if kind not in _DATES or not re.match(_SPELLED[kind], text):
        return False
    (target,) = _TARGETS[kind]
    try:
        pa.array([text]).cast(pa.timestamp("us", target.tz))
    except pa.ArrowInvalid:
        return False
    return True


def _how_many(found: tuple[NDArray[np.bool_], str]) -> int:
    return int(found[0].sum())


def _decided(numbers: NDArray[Any], kind: str) -> str:
    """The kind that further numbers have to be of."""
    if kind != "number":
        return kind
    if numbers.dtype.kind == "f":
        return _SHORT
    return _WHOLE if ((numbers > 2**53) | (numbers < -(2**53))).any() else kind


def _wrong(column: pa.Array, kind: str) -> NDArray[np.bool_]:
    """Which values are not of the kind: halves are tried until the wrong ones stand alone."""
    spelled = _is_spelled(column, kind)
    wrong = ~spelled
    rows, column = np.flatnonzero(spelled), column.filter(pa.array(spelled))
    pieces = [(0, len(column))]
    while pieces:
        start, end = pieces.pop()
        if _cast(column[start:end], kind) is not None:
            continue
        if end - start == 1:
            wrong[rows[start]] = True
            continue
        middle = (start + end) // 2
        pieces += [(start, middle), (middle, end)]
    return wrong


def _is_spelled(column: pa.Array, kind: str) -> NDArray[np.bool_]:
    """Which values may be of the kind, by their letters; of numbers and dates all."""
    if not pa.types.is_string(column.type):
        return np.ones(len(column), np.bool_)
    matches = pc.match_substring_regex(column, _SPELLED[kind])
    result: NDArray[np.bool_] = matches.to_numpy(zero_copy_only=False)
    return result


def _cast(column: pa.Array, kind: str) -> NDArray[Any] | None:
    """The numbers of a column, or None where one of its values is wrong."""
    is_text = pa.types.is_string(column.type)
    is_date = pa.types.is_temporal(column.type)
    if pa.types.is_boolean(column.type) or not (is_text or is_date == (kind in _DATES)):
        return None
    if is_date:
        # In a unit that holds all of them; days in one that has a timestamp.
        moments = column if pa.types.is_timestamp(column.type) else column.cast(pa.timestamp("ms"))
        since_1970: NDArray[Any] = moments.cast(pa.int64()).to_numpy()
        return since_1970
    for target in _TARGETS[kind]:
        try:
            numbers = column.cast(target)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            continue
        if kind in _DATES:
            numbers = numbers.cast(pa.int64())
        elif pa.types.is_floating(target) and is_text and not _floats_hold(column):
            return None
        result: NDArray[Any] = numbers.to_numpy()
        return result if np.isfinite(result).all() else None
    return None


def _floats_hold(column: pa.Array) -> bool:
    """Whether what spells numbers, as floats, would not lose digits before the point."""
    long = column.filter(pc.match_substring_regex(column, _LONG))
    try:
        # Arrow refuses integers of more than 53 bits.
        pc.replace_substring_regex(long, r"\.\d*$", "").cast(pa.int64()).cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True
