import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tfcompress.data import NAMED, Dataset, count_items, load
from tfcompress.errors import ConfigError, DataError
from tfcompress.vocabulary import Vocabulary

CSV = "userId,movieId,timestamp\n" + "".join(
    f"{user},{item},{-time}\n"
    for user, items in enumerate([[4, 3, 2, 1], [9, 1, 1], [2, 1]])
    for time, item in enumerate(items)
)


@pytest.fixture
def csv_file(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text(CSV)
    return path


def tokens(data, rows):
    return [data.vocabulary.decode(row).to_pylist() for row in rows]


def test_leave_one_out_of_a_table(csv_file):
    data = load(csv_file)
    assert isinstance(data, Dataset)
    assert (data.name, data.format, data.split, data.ordered) == (
        "ratings.csv", "csv", "leave-one-out", True
    )  # fmt: skip
    # Counted on training alone: user 0 [1, 2], user 1 [1], user 2 [1, 2].
    assert data.vocabulary == Vocabulary(pa.array([1, 2]), np.array([3, 2]))
    assert tokens(data, data.train) == [[1, 2], [1], [1, 2]]
    assert [row.tolist() for row in data.valid.history] == [[2, 3], [2]]
    assert [row.tolist() for row in data.valid.targets] == [[1], [2]]  # 3 is not in training
    assert [row.tolist() for row in data.test.history] == [[2, 3, 1], [2, 2]]
    assert [row.tolist() for row in data.test.targets] == [[1], [1]]
    assert data.notes == (
        "user column 'userId', item column 'movieId', time column 'timestamp'",
        "users with fewer than 3 interactions (1) are in the training part only",
    )


def test_rare_items_become_id_one_in_their_place(csv_file):
    data = load(csv_file, max_items=1)
    assert [row.tolist() for row in data.train] == [[2, 1], [2], [2, 1]]
    assert load(csv_file, min_count=3).vocabulary.tokens.to_pylist() == [1]


def test_a_vocabulary_given_names_items_that_training_lacks(csv_file):
    given = Vocabulary(pa.array([3, 2, 7]), np.array([5, 4, 3]))
    data = load(csv_file, vocabulary=given)
    assert data.vocabulary is given
    # Users 0 and 1: [1, 2, 3, 4] and [1, 1, 9]; 3 is in no training part.
    assert [row.tolist() for row in data.test.history] == [[1, 3, 2], [1, 1]]
    named = load("synthetic", vocabulary=given)
    assert named.vocabulary is given


def test_the_same_interactions_in_every_format_are_the_same_data(tmp_path, csv_file):
    rows = [[1, 2, 3, 4], [1, 1, 9], [1, 2]]
    pairs = "".join(f"{user} {item}\n" for user, items in enumerate(rows) for item in items)
    files = {
        "pairs": pairs,
        "adjacency": "".join(f"{u} {' '.join(map(str, r))}\n" for u, r in enumerate(rows)),
        "sequences": "".join(f"{' '.join(map(str, row))}\n" for row in rows),
        "csv": "user,item\n" + pairs.replace(" ", ","),
        "tsv": "user\titem\n" + pairs.replace(" ", "\t"),
    }
    expected = load(csv_file)
    columns = {
        "user": [u for u, row in enumerate(rows) for _ in row],
        "item": [i for row in rows for i in row],
    }
    pq.write_table(pa.table(columns), tmp_path / "data.parquet")
    found = [load(tmp_path / "data.parquet")]
    for format, text in files.items():
        path = tmp_path / f"{format}.txt"
        path.write_text(text)
        found.append(load(path, format=format))
    for data in found:
        assert data.vocabulary == expected.vocabulary
        for ours, theirs in (
            (data.train, expected.train),
            (data.valid.history, expected.valid.history),
            (data.test.targets, expected.test.targets),
        ):
            np.testing.assert_array_equal(ours.values, theirs.values)
            np.testing.assert_array_equal(ours.offsets, theirs.offsets)


def test_given_splits_of_adjacency_have_no_order(tmp_path):
    (tmp_path / "train.txt").write_text(
        "".join(f"{user} 100 {user + 200}\n" for user in range(8)) + "8 100\n"
    )
    (tmp_path / "valid.txt").write_text("0 300 100\n")
    (tmp_path / "test.txt").write_text("0 400 200 207\n3 100\n")
    data = load(tmp_path)
    assert (data.format, data.split, data.ordered) == ("adjacency", "given", False)
    assert len(data.vocabulary.tokens) == 9
    assert tokens(data, data.test.history) == [[None, 100, 100, 200], [100, 203]]
    assert tokens(data, data.test.targets) == [[None, 200, 207], [100]]
    assert data.notes == ("items of a user have no order",)


def test_given_splits_of_tables(tmp_path):
    (tmp_path / "train.csv").write_text("user,item,time\nu,b,2\nu,a,1\nv,b,1\n")
    (tmp_path / "valid.csv").write_text("user,item,time\nu,a,9\n")
    (tmp_path / "test.csv").write_text("user,item,time\nv,c,9\nv,a,8\nu,b,7\n")
    data = load(tmp_path)
    assert (data.split, data.ordered) == ("given", True)
    assert tokens(data, data.test.history) == [["a", "b", "a"], ["b"]]
    assert tokens(data, data.test.targets) == [["b"], ["a", None]]


def test_hash_tells_one_content_from_another(tmp_path, csv_file):
    before = load(csv_file)
    assert load(csv_file, min_count=2).sha256 == before.sha256
    csv_file.write_text(CSV + "7,7,7\n")
    assert load(csv_file).sha256 != before.sha256


def test_named_data_sets():
    assert "synthetic" in NAMED
    data = load("synthetic", max_items=100)
    assert len(data.vocabulary.tokens) == 100
    with pytest.raises(ConfigError, match="format: 'csv' means nothing for synthetic"):
        load("synthetic", format="csv")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"min_count": 0}, ConfigError, "min_count: must be at least 1, got 0"),
        ({"max_items": 0}, ConfigError, "max_items: must be at least 1, got 0"),
        ({"min_count": 9}, DataError, r"no item occurs 9 times .* \(the most frequent one 3"),
        ({"item_column": "x"}, DataError, "no column 'x'"),
        ({"format": "pairs", "user_column": "x"}, ConfigError, "'x' means nothing for the format"),
        ({"format": "parquet"}, DataError, "not a Parquet file"),
        ({"format": "pairs"}, DataError, 'line 1: expected "user item"'),
    ],
)
def test_options_that_cannot_be_used(csv_file, options, error, message):
    with pytest.raises(error, match=message) as caught:
        load(csv_file, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "format", "message"),
    [
        ("\n\n", "pairs", "data.txt: holds no interactions"),
        ("1\n2\n", "adjacency", "data.txt: holds no interactions"),
        ("1 2\n1 3\n2 4\n", "pairs", "leaves no validation example; at least one user needs 3"),
    ],
)
def test_files_with_too_little_in_them(tmp_path, content, format, message):
    path = tmp_path / "data.txt"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        load(path, format=format)


def test_a_path_that_is_not_there():
    with pytest.raises(DataError, match=r"nowhere: no such file .* no known name \(synthetic"):
        load("nowhere")


def test_damaged_compression(tmp_path):
    path = tmp_path / "data.txt.gz"
    path.write_bytes(b"\x1f\x8b\x08 this is no gzip")
    for format in (None, "pairs", "csv"):
        with pytest.raises(DataError, match=f"{path}: cannot be read .* is it damaged"):
            load(path, format=format)


class TestCounting:
    def test_items_of_a_table(self, csv_file):
        found, counts = count_items(csv_file)
        result = dict(zip(found.to_pylist(), counts.tolist(), strict=True))
        assert result == {1: 4, 2: 2, 3: 1, 4: 1, 9: 1}

    def test_only_the_item_column_is_needed(self, tmp_path):
        path = tmp_path / "words.csv"
        path.write_text("word\nb\na\nb\n")
        found, counts = count_items(path, item_column="word")
        assert dict(zip(found.to_pylist(), counts.tolist(), strict=True)) == {"a": 1, "b": 2}
        pq.write_table(pa.table({"word": ["b", "a", "b"]}), tmp_path / "words.parquet")
        found, counts = count_items(tmp_path / "words.parquet", item_column="word")
        assert dict(zip(found.to_pylist(), counts.tolist(), strict=True)) == {"a": 1, "b": 2}

    def test_lines(self, tmp_path):
        path = tmp_path / "data.txt"
        path.write_text("1 2 3\n4 2\n")
        assert sum(count_items(path, format="adjacency")[1]) == 3
        assert sum(count_items(path, format="sequences")[1]) == 5
        with pytest.raises(ConfigError, match="item_column"):
            count_items(path, format="sequences", item_column="x")

    def test_one_file_at_a_time(self, tmp_path):
        for name in ("train.txt", "test.txt"):
            (tmp_path / name).write_text("1 2\n")
        with pytest.raises(DataError, match="holds several files"):
            count_items(tmp_path)
