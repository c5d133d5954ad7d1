import numpy as np
import pytest

from tfcompress.data import load, load_texts, synthetic_text
from tfcompress.data.tokenizer import split_words
from tfcompress.errors import ConfigError

SMALL = {"num_texts": 400, "num_words": 200, "num_classes": 4, "mean_length": 12}


def test_the_same_options_give_the_same_texts():
    first, second = (synthetic_text.generate(**SMALL) for _ in range(2))
    assert first.sha256 == second.sha256
    np.testing.assert_array_equal(first.train.ids.values, second.train.ids.values)
    other = synthetic_text.generate(**SMALL, seed=1)
    assert other.sha256 != first.sha256
    assert other.train.ids.values.tobytes() != first.train.ids.values.tobytes()


def test_words_are_different_and_one_word_each():
    tokens = synthetic_text.word_tokens(3000)
    assert len(set(tokens.to_pylist())) == 3000
    words, lengths = split_words(tokens)
    assert words.equals(tokens)
    assert (lengths == 1).all()


def test_texts_have_the_shape_asked_for():
    words, labels = synthetic_text.texts(**SMALL, seed=0)
    assert words.lengths.min() >= 4
    assert abs(words.lengths.mean() - 12) < 0.5
    assert np.bincount(labels).min() > 60
    counts = np.bincount(words.values, minlength=200)
    assert counts[1:20].sum() > 3 * counts[150:].sum()


def test_a_class_without_words_of_its_own_has_those_of_all():
    # Of this seed's topics one is nobody's.
    rows, labels = synthetic_text.texts(
        num_texts=200, num_words=200, num_classes=20, mean_length=5, seed=122
    )
    assert len(labels) == 200
    assert rows.values.max() < 200


def test_by_name():
    data = load_texts("synthetic-text", max_words=8, bigram_buckets=10)
    assert data.tokenizer.row_length == 15
    with pytest.raises(ConfigError, match="means nothing for synthetic-text"):
        load_texts("synthetic-text", format="labelled-text")


def test_it_is_no_data_for_a_ranker():
    with pytest.raises(ConfigError, match="train --model text-classifier"):
        load("synthetic-text")


def test_options_that_are_too_small_are_named():
    with pytest.raises(ConfigError, match="num_words: must be at least 40, got 39"):
        synthetic_text.generate(num_words=39)
