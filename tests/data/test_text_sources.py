import inspect

import numpy as np
import pytest

from tfcompress.data import load_texts
from tfcompress.errors import ConfigError, DataError
from tfcompress.training import TrainConfig

LINES = [
    "good\tvery good film",
    "bad\tnot good at all",
    "good\tgood film",
    "bad\tvery bad",
] * 5


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "reviews.tsv"
    path.write_text("\n".join(LINES) + "\n")
    return path


def directory(path, **parts):
    path.mkdir()
    for name, lines in parts.items():
        (path / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return path


def test_a_given_split_is_counted_on_training_alone(tmp_path):
    source = directory(
        tmp_path / "given", train=LINES[:4], dev=["good\tsuperb film"], test=["odd\tfilm film"]
    )
    data = load_texts(source, bigram_buckets=0)
    assert (data.split, data.format, data.name) == ("given", "labelled-text", "given")
    words = dict(zip(data.vocabulary.tokens.to_pylist(), data.vocabulary.counts, strict=True))
    assert words == {"good": 3, "film": 2, "very": 2, "all": 1, "at": 1, "bad": 1, "not": 1}
    assert data.classes == ("bad", "good")
    assert data.train.labels.tolist() == [1, 0, 1, 0]
    assert data.valid.inputs(3).tolist() == [[0, 1, 3]]
    assert data.test.labels.tolist() == [-1]
    assert data.notes == ("test: labels of 1 texts do not occur in training",)


def test_one_file_is_split_by_a_fixed_draw(file):
    first, second = load_texts(file), load_texts(file)
    assert first.split == "hold-out"
    assert [len(part) for part in (first.train, first.valid, first.test)] == [16, 2, 2]
    for one, other in ((first.train, second.train), (first.test, second.test)):
        np.testing.assert_array_equal(one.ids.values, other.ids.values)
        np.testing.assert_array_equal(one.labels, other.labels)
    assert "held out" in first.notes[0]


def test_without_a_validation_file_a_tenth_of_training_is_drawn(tmp_path):
    data = load_texts(directory(tmp_path / "two", train=LINES, test=LINES[:3]))
    assert [len(part) for part in (data.train, data.valid, data.test)] == [18, 2, 3]


def test_integer_labels_are_in_the_order_of_numbers(tmp_path):
    lines = [f"{label}\ttext {label} 5" for label in (10, 9, -1) for _ in range(10)]
    (tmp_path / "data.txt").write_text("\n".join(lines) + "\n")
    data = load_texts(tmp_path / "data.txt")
    assert data.classes == (-1, 9, 10)
    # Numbers in texts are words, also where there is nothing else.
    assert data.vocabulary.tokens.to_pylist()[:2] == ["5", "text"]


def test_bad_lines_are_counted(file):
    expected = load_texts(file)
    file.write_bytes(b"no tab\n" + file.read_bytes() + b"bad\t\xff\n")
    data = load_texts(file, bad_rows="skip")
    assert data.skipped_rows == 2
    assert data.notes[-1].startswith("reviews.tsv: 2 bad rows skipped, such as line ")
    assert data.vocabulary == expected.vocabulary


def test_options_of_the_input(file):
    data = load_texts(file, max_words=2, bigram_buckets=7, max_items=3)
    assert data.tokenizer.row_length == 3
    assert data.input_dim == 5 + 7
    assert data.train.ids.lengths.max() == 3
    assert data.train.ids.values.max() < data.input_dim
    counts = data.id_counts
    assert len(counts) == data.input_dim
    assert (np.diff(counts[2:]) <= 0).all()


def test_a_vocabulary_given_names_the_words(file):
    first = load_texts(file, max_items=2)
    again = load_texts(file, vocabulary=first.vocabulary)
    np.testing.assert_array_equal(first.test.ids.values, again.test.ids.values)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_words": 0}, "max_words: must be at least 1, got 0"),
        ({"bigram_buckets": -1}, "bigram_buckets: must be at least 0, got -1"),
        ({"format": "csv"}, "'csv' is not known; choose from labelled-text"),
    ],
)
def test_options_that_cannot_be_used(file, options, message):
    with pytest.raises(ConfigError, match=message):
        load_texts(file, **options)


@pytest.mark.parametrize("name", ["synthetic", "movielens-1m"])
def test_interactions_are_no_texts(name):
    with pytest.raises(ConfigError, match=f"{name}: holds interactions, which are for a sequence"):
        load_texts(name)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["good\ta"] * 20, "has the label 'good' only"),
        ([f"{k}\ta" for k in range(20)], "all 16 training texts have a label of their own"),
        (["good\t!", "bad\t?"] * 10, "no word occurs 1 times"),
        (["good\ta", "bad\tb"], "leaves no train example"),
    ],
)
def test_files_with_too_little_in_them(tmp_path, lines, message):
    (tmp_path / "data.txt").write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=message):
        load_texts(tmp_path / "data.txt")


def test_the_defaults_are_those_of_the_configuration():
    config = TrainConfig.parse({"data": {"source": "x"}, "model": "text-classifier"})
    parameters = inspect.signature(load_texts).parameters
    for name in ("max_words", "bigram_buckets"):
        assert getattr(config.data, name) == parameters[name].default
