import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfcompress.data.ragged import Ragged
from tfcompress.data.tokenizer import Tokenizer, hash_bigrams, split_words
from tfcompress.vocabulary import Vocabulary

DOCS = (Path(__file__).parents[2] / "docs" / "text-classifier.md").read_text()


def words_of(*texts):
    words, lengths = split_words(pa.array(texts))
    return [row.tolist() for row in np.split(np.array(words.to_pylist()), np.cumsum(lengths)[:-1])]


def fnv1a(text: str) -> int:
    """The hash as the module states it, one byte at a time."""
    state = 2166136261
    for byte in text.encode():
        state = (state ^ byte) * 16777619 % 2**32
    return state & 0x7FFFFFFF


def test_words_are_runs_of_letters_marks_and_digits():
    assert words_of("It's NOT good, 10/10!", "Ärger  im\tCafe\u0301", "मुझे_यह", "...", "") == [
        ["it", "s", "not", "good", "10", "10"],
        ["ärger", "im", "cafe\u0301"],
        ["मुझे", "यह"],
        [],
        [],
    ]


def test_letters_are_lower_cased_one_by_one():
    # The full mappings would give "i̇" and a final sigma; Kotlin and Swift disagree about those.
    assert words_of("İSTANBUL ΟΔΟΣ STRASSE ẞ") == [["istanbul", "οδοσ", "strasse", "ß"]]


@settings(max_examples=50)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=5))
def test_no_word_is_lost_or_cut(texts):
    joined = [word for row in words_of(*texts) for word in row]
    assert all(joined)
    apart = [word for text in texts for word in words_of(text)[0]]
    assert joined == apart
    letters = "".join(texts).lower()
    assert sum(map(len, joined)) >= sum(letter.isascii() and letter.isalnum() for letter in letters)


@settings(max_examples=50)
@given(st.lists(st.text(min_size=1, max_size=9), min_size=1, max_size=6, unique=True), st.data())
def test_bigrams_are_hashed_as_stated(tokens, data):
    index = st.lists(st.integers(0, len(tokens) - 1), max_size=8)
    first = data.draw(index)
    second = [data.draw(st.integers(0, len(tokens) - 1)) for _ in first]
    # A slice, whose text does not begin at the first byte of its buffer.
    array = pa.array(["before", *tokens])[1:]
    found = hash_bigrams(array, np.array(first, np.int32), np.array(second, np.int32))
    expected = [fnv1a(f"{tokens[a]} {tokens[b]}") for a, b in zip(first, second, strict=True)]
    assert found.tolist() == expected


def test_a_row_is_words_then_bigrams():
    tokens = pa.array(["good", "not", "rare"])
    vocabulary = Vocabulary(pa.array(["good", "not"]), np.array([3, 2]))
    words = Ragged.from_rows([[1, 0], [2, 1, 0], [0], []])
    tokenizer = Tokenizer(max_words=3, num_buckets=100)
    rows = [row.tolist() for row in tokenizer.encode(words, tokens, vocabulary)]
    not_good, rare_not = (4 + fnv1a(text) % 100 for text in ("not good", "rare not"))
    assert rows == [[3, 2, not_good], [1, 3, 2, rare_not, not_good], [2], []]
    assert tokenizer.row_length == 5
    without = Tokenizer(max_words=3, num_buckets=0)
    assert without.encode(words, tokens, vocabulary)[0].tolist() == [3, 2]
    assert without.row_length == 3


@pytest.mark.parametrize(
    ("bigram", "expected"), re.findall(r"^\| `([^`]+)` \| (\d+) \|$", DOCS, re.MULTILINE)
)
def test_the_hashes_in_the_docs(bigram, expected):
    first, second = bigram.split(" ")
    found = hash_bigrams(pa.array([first, second]), np.array([0]), np.array([1]))
    assert found.tolist() == [int(expected)] == [fnv1a(bigram)]


def test_nothing_to_hash():
    assert len(hash_bigrams(pa.array([], pa.string()), np.array([]), np.array([]))) == 0
