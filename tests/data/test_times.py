import datetime

import numpy as np
import pyarrow as pa
import pytest

from tfcompress.data.times import NotATimeError, to_numbers

DAY = 86_400 * 10**9


@pytest.mark.parametrize(
    ("column", "numbers", "kind"),
    [
        (pa.array(["3", "-1"]), [3, -1], "number"),
        (pa.array(["3", "0.5"]), [3.0, 0.5], "number"),
        (pa.array([7, 8], pa.uint8()), [7, 8], "number"),
        (pa.array(["1970-01-02", "1970-01-01"]), [DAY, 0], "date"),
        (pa.array(["1970-01-02 00:00:01"]), [DAY + 10**9], "date"),
        (pa.array(["1970-01-02T01:00:00+01:00", "1970-01-01T00:00:00Z"]), [DAY, 0], "date"),
        (pa.array([datetime.date(1970, 1, 2)]), [DAY], "date"),
        (pa.array([datetime.datetime(1970, 1, 2)]), [DAY], "date"),
        (pa.array(["5"], pa.large_string()), [5], "number"),
        (pa.array(["5", "5"]).dictionary_encode(), [5, 5], "number"),
    ],
)
def test_numbers_and_dates(column, numbers, kind):
    found, found_kind = to_numbers(column)
    assert found.tolist() == numbers
    assert found_kind == kind


def test_large_integers_stay_exact():
    values = [2**62, 2**62 + 1]
    assert to_numbers(pa.array([str(value) for value in values]))[0].tolist() == values


@pytest.mark.parametrize(
    ("column", "kind", "row", "value", "reason"),
    [
        (["1", "2", "soon"], None, 2, "soon", "expected a number"),
        (["1970-01-01", "5"], None, 1, "5", "expected a date"),
        (["soon", "5"], None, 0, "soon", "expected a number or a date"),
        (["1970-01-01"], "number", 0, "1970-01-01", "expected a number"),
        (["5"], "date", 0, "5", "expected a date"),
        (["1", "nan"], None, 1, "nan", "no time"),
        (["1", ""], None, 1, "", "expected a number"),
        (["1970-01-01", "1970-01-01T00:00:00Z"], None, 0, "1970-01-01", "written unlike"),
    ],
)
def test_the_first_value_that_is_no_time_is_named(column, kind, row, value, reason):
    with pytest.raises(NotATimeError, match=reason) as caught:
        to_numbers(pa.array(column), kind)
    assert (caught.value.row, caught.value.value) == (row, value)


def test_booleans_are_no_times():
    with pytest.raises(NotATimeError):
        to_numbers(pa.array([True]))


def test_an_empty_column_is_no_error():
    numbers, _ = to_numbers(pa.array([], pa.string()))
    assert numbers.dtype == np.int64
