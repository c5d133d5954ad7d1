import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfcompress.data.interactions import Batch, index_tokens, narrow, rows_by_user
from tfcompress.errors import DataError

event = st.tuples(st.sampled_from("uvw"), st.sampled_from("abcd"), st.integers(0, 3))


@pytest.mark.parametrize(
    ("tokens", "narrowed"),
    [
        (["7", "-1", "0"], [7, -1, 0]),
        (["9223372036854775807", "-9223372036854775808"], [2**63 - 1, -(2**63)]),
        (["9223372036854775808", "1"], None),
        (["7", "07"], None),
        (["+7"], None),
        (["-0"], None),
        (["1.0"], None),
        ([" 7"], None),
        (["7", "x"], None),
    ],
)
def test_only_the_canonical_spelling_makes_an_integer(tokens, narrowed):
    assert narrow(pa.array(tokens)).to_pylist() == (narrowed or tokens)


def test_tokens_have_one_index_in_all_parts():
    indexed = index_tokens(
        [[pa.array(["b", "a"]), pa.array(["a"]).dictionary_encode()], [], [pa.array(["c", "b"])]]
    )
    assert [part.tolist() for part in indexed.parts] == [[0, 1, 1], [], [2, 0]]
    assert indexed.tokens.to_pylist() == ["b", "a", "c"]


def test_integers_of_one_file_and_strings_of_another_are_compared_as_text():
    indexed = index_tokens([[pa.array([5, 6])], [pa.array(["6", "x"])]])
    assert [part.tolist() for part in indexed.parts] == [[0, 1], [1, 2]]
    assert indexed.tokens.to_pylist() == ["5", "6", "x"]


def test_missing_tokens_are_refused():
    with pytest.raises(DataError, match="some are missing"):
        index_tokens([[pa.array(["a", None])]])


def naive(events, timed):
    users = dict.fromkeys(user for user, _, _ in events)
    order = sorted(events, key=lambda event: event[2]) if timed else events
    return [[item for user, item, _ in order if user == name] for name in users]


@given(st.lists(event, max_size=20), st.integers(1, 20), st.booleans())
def test_rows_are_sorted_by_time_and_ties_keep_their_order(events, step, timed):
    batches = []
    for start in range(0, len(events), step):
        users, items, times = zip(*events[start : start + step], strict=True)
        numbers = np.array(times) if timed else None
        batches.append(Batch(pa.array(users), pa.array(items), numbers))
    (rows,), tokens = rows_by_user([batches])
    found = [[tokens[int(index)].as_py() for index in row] for row in rows]
    assert found == naive(events, timed)


def test_a_user_is_the_same_row_in_every_part():
    parts = [
        [Batch(pa.array(["u", "v"]), pa.array(["a", "b"]))],
        [Batch(pa.array(["w", "u"]), pa.array(["b", "c"]))],
    ]
    (first, second), tokens = rows_by_user(parts)
    assert [row.tolist() for row in first] == [[0], [1], []]
    assert [row.tolist() for row in second] == [[2], [], [1]]
    assert tokens.to_pylist() == ["a", "b", "c"]
