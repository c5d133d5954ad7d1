import datetime
import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfcompress.data.times import to_numbers, what_is_wrong

DAY = 86_400 * 10**9
OFFSET = "date with a UTC offset"
WHOLE, SHORT = "whole number", "number of at most 53 bits"
LONG = "1700000000000000001"


@pytest.mark.parametrize(
    ("column", "numbers", "kind"),
    [
        (pa.array(["3", "-1"]), [3, -1], "number"),
        (pa.array(["3", "0.5"]), [3.0, 0.5], SHORT),
        (pa.array(["1700000000000000.5", "3"]), [1700000000000000.5, 3.0], SHORT),
        (pa.array([7, 8], pa.uint8()), [7, 8], "number"),
        (pa.array(["1970-01-02", "1970-01-01"]), [DAY, 0], "date"),
        (pa.array(["1970-01-02 00:00:01"]), [DAY + 10**9], "date"),
        (pa.array(["1970-01-02T01:00:00+01:00", "1970-01-01T00:00:00Z"]), [DAY, 0], OFFSET),
        (pa.array([datetime.date(1970, 1, 2)]), [DAY // 10**6], "date"),
        (pa.array([datetime.datetime(1970, 1, 2)]), [DAY // 10**3], "date"),
        (pa.array([datetime.datetime(1970, 1, 2)], pa.timestamp("ns", "UTC")), [DAY], "date"),
        (pa.array([datetime.datetime(9999, 12, 31)]), [2_932_896 * DAY // 10**3], "date"),
        (pa.array([datetime.date(9999, 12, 31)]), [2_932_896 * DAY // 10**6], "date"),
        (pa.array(["5"], pa.large_string()), [5], "number"),
        (pa.array(["5", "5"]).dictionary_encode(), [5, 5], "number"),
    ],
)
def test_numbers_and_dates(column, numbers, kind):
    found = to_numbers(column)
    assert found.numbers.tolist() == numbers
    assert found.kind == kind
    assert found.wrong is None


def test_large_integers_stay_exact():
    values = [2**62, 2**62 + 1]
    assert to_numbers(pa.array([str(value) for value in values])).numbers.tolist() == values


@pytest.mark.parametrize(
    ("column", "kind", "wrong", "reason"),
    [
        (["1", "2", "soon"], None, [2], "expected a number"),
        (["1970-01-01", "5"], None, [1], "expected a date"),
        (["soon", "5"], None, [0], "expected a number"),
        (["soon", "later"], None, [0, 1], "expected a number or a date"),
        (["1970-01-01"], "number", [0], "expected a number"),
        (["5"], "date", [0], "expected a date"),
        (["1", "nan", "-inf", "2"], None, [1, 2], "no time"),
        (["1", ""], None, [1], "expected a number"),
        (["1970-01-01", "1970-01-01T00:00:00Z"], None, [1], "expected a date"),
        (["1", "9223372036854775808"], None, [1], "beyond 64 bits"),
        ([LONG, "0.5"], None, [1], "a fraction beside integers of more than 53 bits"),
        (["0.5", "1.5", LONG], None, [2], "a number of more than 53 bits beside fractions"),
        (["2", "0.5"], WHOLE, [1], "a fraction beside integers"),
        (["2", LONG], SHORT, [1], "more than 53 bits beside fractions"),
        (["2", f"{LONG}.5"], None, [1], "more than 53 bits"),
        (["2", "soon"], SHORT, [1], "expected a number"),
        (["0.5", "-99999999999999999999", "x"], None, [1, 2], "beyond 64 bits"),
        ([0.5, float("nan")], None, [1], "no time"),
        ([1, 2**63], None, [1], "beyond 64 bits"),
        (["1", "9" * 5_000], None, [1], "beyond 64 bits"),
        ([True, False], None, [0, 1], "expected"),
        (["1970-01-01", "2300-01-01"], None, [1], "outside the years 1678 to 2261"),
        (["2300-01-01 10:30"], None, [0], "outside the years 1678 to 2261"),
        (["2300-01-01T00:00:00Z", "1970-01-01T00:00:00Z"], None, [0], "outside the years"),
        (["2300-01-01", "5"], None, [0], "expected a number"),
        (["1970-01-01", "2300-13-01"], None, [1], "expected a date"),
    ],
)
def test_what_is_no_time_is_found(column, kind, wrong, reason):
    is_large = any(type(value) is int for value in column)
    found = to_numbers(pa.array(column, pa.uint64() if is_large else None), kind)
    assert np.flatnonzero(found.wrong).tolist() == wrong
    assert (found.numbers[found.wrong] == 0).all()
    assert reason in what_is_wrong(column[wrong[0]], found.kind)


def test_a_kind_of_number_is_decided_by_the_first_that_needs_one():
    assert to_numbers(pa.array(["2", str(2**53)])).kind == "number"
    for last in (2**53 + 1, -(2**53) - 1):
        assert to_numbers(pa.array(["2", str(last)])).kind == WHOLE
        assert to_numbers(pa.array([last], pa.int64()), "number").kind == WHOLE
    found = to_numbers(pa.array(["2"]), SHORT)
    assert (found.kind, found.numbers.dtype) == (SHORT, np.float64)
    assert to_numbers(pa.array([1.7e18, 0.5])).wrong is None  # Floats already.


@settings(max_examples=50)
@given(st.lists(st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from(["x", "", "1:2"]))))
def test_each_wrong_value_is_found_and_no_other(values):
    found = to_numbers(pa.array([str(value) for value in values], pa.string()))
    wrong = np.zeros(len(values), bool) if found.wrong is None else found.wrong
    assert wrong.tolist() == [isinstance(value, str) for value in values]
    assert found.numbers[~wrong].tolist() == [v for v in values if not isinstance(v, str)]


def test_a_long_column_without_times_is_told_at_once():
    column = pa.array([f"05/01/{row}" for row in range(100_000)])
    start = time.process_time()
    found = to_numbers(column)
    assert found.wrong.all()
    assert time.process_time() - start < 5  # one by one it takes 20 s


def test_hexadecimals_among_decimals_are_no_times():
    found = to_numbers(pa.array(["0x10", "1.5"]))
    assert found.wrong.tolist() == [True, False]
    assert found.numbers.tolist() == [0, 1.5]


def test_an_empty_column_is_no_error():
    found = to_numbers(pa.array([], pa.string()), "date")
    assert found.numbers.dtype == np.int64
    assert found.kind == "date"
