import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfcompress.data.ragged import Ragged

ids = st.integers(0, 2**31 - 1)
row_lists = st.lists(st.lists(ids, max_size=6), max_size=8)


def as_lists(ragged):
    return [row.tolist() for row in ragged]


@given(row_lists)
def test_rows_come_back(rows):
    ragged = Ragged.from_rows(rows)
    assert as_lists(ragged) == rows
    assert len(ragged) == len(rows)
    assert ragged.values.dtype == np.int32
    assert ragged.offsets.dtype == np.int64
    assert ragged.lengths.tolist() == [len(row) for row in rows]
    assert ragged.row_of_value().tolist() == [k for k, row in enumerate(rows) for _ in row]


@given(row_lists, st.integers(0, 8), st.integers(0, 8))
def test_between_is_a_slice_of_the_rows(rows, start, length):
    start = min(start, len(rows))
    stop = min(start + length, len(rows))
    assert as_lists(Ragged.from_rows(rows).between(start, stop)) == rows[start:stop]


@given(row_lists, st.integers(1, 8))
def test_last_is_the_tail_of_each_row_padded_on_the_left(rows, length):
    expected = [([0] * length + row)[-length:] for row in rows]
    result = Ragged.from_rows(rows).last(length)
    assert result.shape == (len(rows), length)
    assert result.dtype == np.int32
    assert result.tolist() == expected


@given(row_lists.filter(bool), st.data())
def test_take_repeats_and_reorders_rows(rows, data):
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=10))
    taken = Ragged.from_rows(rows).take(np.array(chosen, np.int64))
    assert as_lists(taken) == [rows[k] for k in chosen]


def test_take_looks_at_the_rows_it_takes(monkeypatch):
    ragged = Ragged.from_rows([[1], [2, 3]])
    monkeypatch.setattr(Ragged, "lengths", property(lambda _: pytest.fail("of all rows")))
    assert as_lists(ragged.take(np.array([1]))) == [[2, 3]]


@given(row_lists, st.data())
def test_where_keeps_the_rows_and_drops_values(rows, data):
    ragged = Ragged.from_rows(rows)
    size = len(ragged.values)
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)), np.bool_)
    flags = iter(keep)
    assert as_lists(ragged.where(keep)) == [[v for v in row if next(flags)] for row in rows]


@given(st.lists(st.tuples(st.lists(ids, max_size=4), st.lists(ids, max_size=4)), max_size=6))
def test_append_joins_row_by_row(pairs):
    first = Ragged.from_rows([a for a, _ in pairs])
    second = Ragged.from_rows([b for _, b in pairs])
    assert as_lists(first.append(second)) == [a + b for a, b in pairs]


@given(row_lists)
def test_values_after_counts_down_to_zero(rows):
    expected = [len(row) - 1 - k for row in rows for k in range(len(row))]
    assert Ragged.from_rows(rows).values_after().tolist() == expected


def test_row_numbers_from_the_end_and_out_of_range():
    ragged = Ragged.from_rows([[1], [2, 3]])
    assert ragged[-1].tolist() == [2, 3]
    for row in (2, -3):
        with pytest.raises(IndexError, match=f"row {row} of 2"):
            ragged[row]


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="3 values"):
        Ragged(np.zeros(3, np.int32), np.array([0, 2]))
    with pytest.raises(ValueError, match="2 rows, this 1"):
        Ragged.from_rows([[1]]).append(Ragged.from_rows([[1], [2]]))
