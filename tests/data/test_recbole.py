import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfcompress.data import count_items, load
from tfcompress.data.recbole import _depths, choose, choose_item
from tfcompress.errors import DataError

HEADER = "user_id:token\titem_id_list:token_seq\titem_id:token\n"


def row(user, items, limit=50):
    return f"{user}\t{' '.join(map(str, items[:-1][-limit:]))}\t{items[-1]}\n"


def augmented(sequences, limit=50):
    """The rows RecBole trains on: every item of a user but the first, after those before it."""
    return [
        row(user, items[:end], limit)
        for user, items in enumerate(sequences)
        for end in range(2, len(items) + 1)
    ]


def decoded(data, rows):
    return [data.vocabulary.decode(row).to_pylist() for row in rows]


def test_columns_may_be_named_with_their_type_or_without(tmp_path):
    path = tmp_path / "a.inter"
    names = ["who:token", "user_id:token", "item_id:token", "timestamp:float", "price:float"]
    found = choose(path, names, user_column="who", time_column="price:float")
    assert (found.user, found.item, found.time) == ("who:token", "item_id:token", "price:float")
    with pytest.raises(DataError, match="no column 'colour' among"):
        choose(path, names, item_column="colour")
    assert choose_item(path, names, None) == "item_id:token"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("user_id:token\titem_id\n", "line 1: column 'item_id' has none of the types token"),
        ("user_id:token\titem_id:text\n", "column 'item_id:text' has none of the types"),
        ("user_id:token\trating:float\n", "line 1: no item column among"),
        ("item_id_list:token_seq\titem_id:token\n", "line 1: no user column among"),
    ],
)
def test_headers_that_do_not_fit(tmp_path, header, message):
    path = tmp_path / "a.inter"
    path.write_text(header + "1\t2\n")
    with pytest.raises(DataError, match=message):
        load(path)


@settings(max_examples=60)
@given(st.data())
def test_augmented_rows_give_the_sequences_back(tmp_path_factory, data):
    sequences = data.draw(
        st.lists(
            st.lists(st.integers(0, 30), min_size=4, max_size=9, unique=True),
            min_size=2,
            max_size=5,
        )
    )
    rows = augmented(sequences, limit=data.draw(st.integers(1, 10)))
    order = data.draw(st.sampled_from(["up", "down", "mixed"]))
    if order == "mixed":
        rows = data.draw(st.permutations(rows))
    folder = tmp_path_factory.mktemp("rows")
    (folder / "a.inter").write_text(HEADER + "".join(rows[:: -1 if order == "down" else 1]))
    plain = [f"{user} {item}\n" for user, items in enumerate(sequences) for item in items]
    (folder / "a.txt").write_text("".join(plain))
    found, expected = load(folder / "a.inter"), load(folder / "a.txt", format="pairs")
    assert found.vocabulary == expected.vocabulary
    for part in ("train", "test"):
        rows = [decoded(data, _rows(data, part)) for data in (found, expected)]
        # Users may come in another order; an item that training lacks is None.
        assert sorted(rows[0], key=str) == sorted(rows[1], key=str)


def _rows(data, part):
    return data.train if part == "train" else data.test.history


def test_rows_that_repeat_items_lose_none(tmp_path):
    sequences = [[1, 1, 1, 1, 1], [1, 2, 1, 2, 1, 2, 1], [3, 3, 1]]
    path = tmp_path / "a.inter"
    path.write_text(HEADER + "".join(augmented(sequences)))
    data = load(path)
    assert decoded(data, data.test.history) == [items[:-1] for items in sequences]


def test_chains_of_equal_rows_begin_somewhere(tmp_path):
    path = tmp_path / "a.inter"
    path.write_text(HEADER + row(1, [5, 5, 5]) * 3 + row(2, [5, 6, 7]))
    data = load(path)
    assert len(data.train.values) + 2 * len(data.test.targets) == 3 + 1 + 1 + 3


def test_depths_of_chains():
    depth, root = _depths(np.array([-1, 0, 1, -1, 3, 2]))
    assert depth.tolist() == [0, 1, 2, 0, 1, 3]
    assert root.tolist() == [0, 0, 0, 3, 3, 0]


def test_splits_with_histories(tmp_path):
    sequences = [[1, 2, 3, 4], [2, 3, 5], [5, 1, 2]]
    files = {
        "train": augmented([items[:-1] for items in sequences]),
        "valid": [row(user, items[-3:]) for user, items in enumerate(sequences)],
        "test": [row("new", [5, 2, 9]), row(1, [3, 1])],
    }
    for part, rows in files.items():
        (tmp_path / f"a.{part}.inter").write_text(HEADER + "".join(rows))
    data = load(tmp_path)
    assert (data.format, data.split, data.ordered) == ("recbole", "given", True)
    assert decoded(data, data.train) == [[1, 2, 3], [2, 3], [5, 1]]
    assert decoded(data, data.valid.history) == [[2, 3], [2, 3], [5, 1]]
    assert decoded(data, data.test.history) == [[5, 2], [3]]
    assert decoded(data, data.test.targets) == [[None], [1]]
    assert data.notes == ("rows that go on where another one ends add their last item only",)
    (tmp_path / "a.valid.inter").unlink()
    data = load(tmp_path)
    assert decoded(data, data.valid.history) == [[1, 2], [2], [5]]
    (tmp_path / "a.test.inter").write_text("user_id:token\titem_id:token\n1\t2\n")
    with pytest.raises(DataError, match=r"a.test.inter: has no column of histories"):
        load(tmp_path)


def test_lists_alone_end_in_the_target(tmp_path):
    path = tmp_path / "a.inter"
    path.write_text("session_id:token\titem_id_list:token_seq\ns\t1 2 3 4\nt\t2 3 1\n")
    data = load(path)
    assert decoded(data, data.test.targets) == [[None], [1]]
    with pytest.raises(DataError, match="no item column"):
        count_items(path)


def test_counting_histories_counts_what_comes_after(tmp_path):
    path = tmp_path / "a.inter"
    path.write_text(HEADER + "".join(augmented([[1, 2, 3], [3, 2]])))
    tokens, counts = count_items(path)
    assert dict(zip(tokens.to_pylist(), counts.tolist(), strict=True)) == {2: 2, 3: 1}


def test_bad_rows_of_histories(tmp_path):
    good = "".join(augmented([[1, 2, 3, 4], [2, 3, 5]]))
    bad = "7\t1 2\n7\t1 2\t\n\t1 2\t3\n7\t1\0\t3\n"
    path, clean = tmp_path / "a.inter", tmp_path / "b.inter"
    path.write_text(HEADER + bad + good)
    clean.write_text(HEADER + good)
    with pytest.raises(DataError, match=r"line 2: expected 3 fields as in the header, found 2"):
        load(path)
    data = load(path, bad_rows="skip")
    assert data.skipped_rows == 4
    assert decoded(data, data.train) == decoded(data, load(clean).train)
