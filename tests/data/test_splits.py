import numpy as np
from hypothesis import given as given_by
from hypothesis import strategies as st

from tfcompress.data.ragged import Ragged
from tfcompress.data.splits import given, hold_out, leave_one_out

row_lists = st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=8)


def as_lists(ragged):
    return [row.tolist() for row in ragged]


@given_by(row_lists)
def test_leave_one_out_gives_every_item_to_one_part(rows):
    split = leave_one_out(Ragged.from_rows(rows))
    long = [row for row in rows if len(row) >= 3]
    assert as_lists(split.train) == [row[:-2] if len(row) >= 3 else row for row in rows]
    assert as_lists(split.valid.history) == [row[:-2] for row in long]
    assert as_lists(split.valid.targets) == [row[-2:-1] for row in long]
    assert as_lists(split.test.history) == [row[:-1] for row in long]
    assert as_lists(split.test.targets) == [row[-1:] for row in long]
    assert bool(split.notes) == (len(long) < len(rows))


@given_by(
    st.lists(st.tuples(*[st.lists(st.integers(0, 9), max_size=3)] * 3), max_size=6),
    st.booleans(),
)
def test_given_parts_stay_what_they_are(users, ordered):
    train, valid, test = (Ragged.from_rows([user[k] for user in users]) for k in range(3))
    split = given(train, valid, test, ordered=ordered)
    assert as_lists(split.train) == [a for a, _, _ in users if a]
    assert as_lists(split.valid.history) == [a for a, b, _ in users if b]
    assert as_lists(split.valid.targets) == [b for _, b, _ in users if b]
    assert as_lists(split.test.targets) == [c for _, _, c in users if c]
    # Without an order the model's last L ids are to be training items.
    seen = [(a + b if ordered else b + a) for a, b, c in users if c]
    assert as_lists(split.test.history) == seen


@given_by(row_lists, st.booleans())
def test_hold_out_takes_one_of_two_or_more(rows, ordered):
    kept, held_out = hold_out(Ragged.from_rows(rows), ordered=ordered)
    for row, rest, taken in zip(rows, as_lists(kept), as_lists(held_out), strict=True):
        assert len(taken) == (len(row) >= 2)
        if ordered:
            assert rest + taken == row
        else:
            assert any(
                row[:k] + row[k + 1 :] == rest and row[k : k + 1] == taken
                for k in range(len(row) + 1)
            )


def test_hold_out_without_order_takes_any_position_and_always_the_same():
    rows = Ragged.from_rows([list(range(10))] * 200)
    first, second = (hold_out(rows, ordered=False)[1] for _ in range(2))
    np.testing.assert_array_equal(first.values, second.values)
    assert set(first.values.tolist()) == set(range(10))


def test_without_a_validation_part_training_items_are_held_out():
    train = Ragged.from_rows([[1, 2, 3], [4], [5, 6]])
    test = Ragged.from_rows([[7], [8], []])
    split = given(train, None, test, ordered=True)
    assert as_lists(split.train) == [[1, 2], [4], [5]]
    assert as_lists(split.valid.targets) == [[3], [6]]
    assert as_lists(split.test.history) == [[1, 2, 3], [4]]
    assert "no validation file" in split.notes[0]
