"""Vocabulary: ranks, counts, and a file that is a vocabulary or refused."""

import hashlib
import struct
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfcompress import vocabulary
from tfcompress.errors import DataError
from tfcompress.vocabulary import FIRST_ID, OOV_ID, PADDING_ID, Vocabulary, count_tokens

text = st.text(st.characters(codec="utf-8"), max_size=5)
int64 = st.integers(-(2**63), 2**63 - 1)
token_lists = st.one_of(st.lists(text, min_size=1), st.lists(int64, min_size=1))


def of(tokens, **options):
    return Vocabulary.from_counts(*count_tokens([pa.array(tokens)]), **options)


def test_most_frequent_first_and_ties_by_token():
    vocabulary = of(["b", "c", "c", "a", "c", "b", "a", "é", "z"])
    assert vocabulary.tokens.to_pylist() == ["c", "a", "b", "z", "é"]
    assert vocabulary.counts.tolist() == [3, 2, 2, 1, 1]
    assert vocabulary.size == 7
    assert vocabulary.id_counts.tolist() == [0, 0, 3, 2, 2, 1, 1]


def test_integer_ties_go_by_value_not_by_spelling():
    assert of([10, 9, -1]).tokens.to_pylist() == [-1, 9, 10]


def test_encode_and_decode():
    vocabulary = of(["b", "b", "a"])
    ids = vocabulary.encode(["a", "unknown", None, "b"])
    assert ids.dtype == np.int32
    assert ids.tolist() == [3, OOV_ID, OOV_ID, 2]
    assert vocabulary.decode([PADDING_ID, OOV_ID, 2, 3]).to_pylist() == [None, None, "b", "a"]
    assert vocabulary.encode([]).tolist() == []


@pytest.mark.parametrize("wrong", [-1, 4, 2**31])
def test_decode_refuses_ids_out_of_range(wrong):
    with pytest.raises(DataError, match=rf"ids: {wrong} is not in 0\.\.3"):
        of(["b", "a"]).decode([2, wrong])


@pytest.mark.parametrize("wrong", [[2.7], [True], ["2"], [None]])
def test_decode_refuses_what_is_no_id(wrong):
    with pytest.raises(DataError, match=r"ids: got values of type .*, expected integers"):
        of(["b", "a"]).decode(wrong)


def test_integers_and_their_spelling_are_the_same_token():
    assert of([7, 7, 5]).encode(["7", "07", "x", "5"]).tolist() == [2, 1, 1, 3]
    assert of(["7", "7", "x"]).encode([7, 8]).tolist() == [2, 1]


def test_integers_beyond_int64_are_unknown_not_an_error():
    assert of([1, 2]).encode(np.array([2, 2**63], np.uint64)).tolist() == [3, 1]


def test_min_count_and_max_size():
    tokens = ["a"] * 3 + ["b"] * 2 + ["c"] * 2 + ["d"]
    assert of(tokens, min_count=2).tokens.to_pylist() == ["a", "b", "c"]
    assert of(tokens, max_size=2).tokens.to_pylist() == ["a", "b"]
    assert of(tokens, max_size=2).encode(["c"]).tolist() == [OOV_ID]
    assert len(of(tokens, min_count=4).tokens) == 0


@given(token_lists, st.integers(1, 7))
def test_streamed_counts_are_the_counts(tokens, step):
    batches = [pa.array(tokens[start : start + step]) for start in range(0, len(tokens), step)]
    found, counts = count_tokens(batches)
    assert dict(zip(found.to_pylist(), counts.tolist(), strict=True)) == Counter(tokens)


def test_counts_do_not_depend_on_when_partial_ones_are_merged(monkeypatch):
    monkeypatch.setattr(vocabulary, "_MERGE_ROWS", 3)
    rng = np.random.default_rng(0)
    tokens = rng.zipf(1.5, 3000)
    found, counts = count_tokens(pa.array(piece) for piece in np.array_split(tokens, 100))
    assert dict(zip(found.to_pylist(), counts.tolist(), strict=True)) == Counter(tokens.tolist())


def test_dictionary_encoded_batches_count_like_plain_ones():
    encoded = pa.array(["a", "b", "a"]).dictionary_encode()
    found, counts = count_tokens([encoded, pa.array(["b", "c"]), pa.chunked_array([["a"], ["c"]])])
    assert dict(zip(found.to_pylist(), counts.tolist(), strict=True)) == {"a": 3, "b": 2, "c": 2}


def test_nothing_to_count():
    tokens, counts = count_tokens([])
    assert len(tokens) == len(counts) == 0
    assert Vocabulary.from_counts(tokens, counts).size == FIRST_ID


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ([pa.array(["a"]), pa.array([1])], "batch 1 holds int64, the ones before it string"),
        ([pa.array(["a"]), pa.array(["b", None])], "batch 1 has 1 missing"),
        ([pa.array(["b", None]).dictionary_encode()], "batch 0 has 1 missing"),
        ([pa.array([1.5])], "must be strings or integers, got double"),
        ([["a", "\ud800"]], "must be all strings .*surrogates not allowed"),
    ],
)
def test_batches_that_cannot_be_counted(batches, message):
    with pytest.raises(DataError, match=message):
        count_tokens(batches)


@settings(max_examples=25)
@given(token_lists)
def test_saved_and_loaded_is_the_same(tmp_path_factory, tokens):
    path = tmp_path_factory.mktemp("vocabulary") / "vocabulary.parquet"
    saved = of(tokens)
    saved.save(path)
    loaded = Vocabulary.load(path)
    assert loaded == saved
    assert loaded.tokens.type == saved.tokens.type
    assert loaded.sha256 == saved.sha256
    assert saved.decode(saved.encode(tokens)).to_pylist() == tokens


def test_hash_is_of_the_tokens_in_order_and_their_type():
    base = Vocabulary(pa.array(["ab", "c"]), np.array([2, 1]))
    assert Vocabulary(pa.array(["ab", "c"]), np.array([9, 1])).sha256 == base.sha256
    assert Vocabulary(pa.array(["x", "ab", "c"])[1:], np.array([2, 1])).sha256 == base.sha256
    others = [pa.array(["a", "bc"]), pa.array(["c", "ab"]), pa.array(["ab"]), pa.array([1, 2])]
    hashes = {Vocabulary(tokens, np.ones(len(tokens), np.int64)).sha256 for tokens in others}
    assert len(hashes | {base.sha256}) == 5
    assert Vocabulary(pa.array(["1"]), np.ones(1)) != Vocabulary(pa.array([1]), np.ones(1))


def test_hash_is_defined_by_bytes_anyone_can_hash():
    strings = b"string\0" + struct.pack("<2q", 1, 2) + "bé".encode()
    assert of(["b", "b", "é"]).sha256 == hashlib.sha256(strings).hexdigest()
    integers = b"int64\0" + struct.pack("<2q", 7, -5)
    assert of([7, 7, -5]).sha256 == hashlib.sha256(integers).hexdigest()
    assert of([]).sha256 == hashlib.sha256(b"string\0").hexdigest()


@pytest.mark.parametrize(
    ("tokens", "counts", "message"),
    [
        (pa.array([1.0]), [1], "must be string or int64, got double"),
        (pa.array(["a", "b"]), [1], "2 of them, but 1 counts"),
        (pa.array(["a", None]), [1, 1], "1 are missing"),
        (pa.array(["a", "b"]), [1, -1], "must not be negative, got -1"),
        (pa.array(["a", "b", "c"]), [2, 1, 3], "row 2 is above"),
        (pa.array(["a", "a"]), [1, 1], "only 1 of 2 are distinct"),
    ],
)
def test_no_vocabulary_breaks_its_own_rules(tokens, counts, message):
    with pytest.raises(DataError, match=message):
        Vocabulary(tokens, np.array(counts))


class TestFilesThatAreNoVocabulary:
    @pytest.fixture
    def path(self, tmp_path):
        return tmp_path / "vocabulary.parquet"

    def refused(self, path, message):
        with pytest.raises(DataError, match=message) as caught:
            Vocabulary.load(path)
        assert str(caught.value).startswith(str(path))
        assert "\n" not in str(caught.value)

    def test_missing(self, path):
        self.refused(path, "no such file")

    def test_empty(self, path):
        path.write_bytes(b"")
        self.refused(path, "not a readable Parquet file")

    def test_text(self, path):
        path.write_text("token,count\na,1\n" * 100)
        self.refused(path, "not a readable Parquet file")

    def test_directory(self, path):
        path.mkdir()
        self.refused(path, "not a readable Parquet file")

    def test_truncated_anywhere(self, path):
        of([str(number) for number in range(200)]).save(path)
        content = path.read_bytes()
        for length in range(0, len(content) - 1, 97):
            path.write_bytes(content[:length])
            self.refused(path, "not a readable Parquet file")

    def test_flipped_bits_give_an_error_or_the_same_vocabulary(self, path):
        saved = of([str(number) for number in range(200)])
        saved.save(path)
        content = path.read_bytes()
        same = 0
        for place in range(0, len(content), 23):
            damaged = bytearray(content)
            damaged[place] ^= 16
            path.write_bytes(damaged)
            try:
                loaded = Vocabulary.load(path)
            except DataError:
                continue
            assert loaded == saved, place  # the bit was in a statistic, or the writer's name
            same += 1
        assert same < len(content) / 23 / 2

    def test_other_parquet(self, path):
        pq.write_table(pa.table({"user": [1], "rating": [2]}), path)
        self.refused(path, "columns user, rating, but not a vocabulary")

    def test_future_format(self, path):
        table = pa.table({"token": ["a"], "count": [1]})
        pq.write_table(table.replace_schema_metadata({"tfcompress.vocabulary": "7"}), path)
        self.refused(path, "format 7, this version reads 1; update")

    @pytest.mark.parametrize(
        "columns",
        [
            {"token": ["a", "b"], "count": [1, 2]},
            {"token": ["a", "a"], "count": [1, 1]},
            {"token": ["a", "b"], "count": [1, None]},
            {"token": ["a"], "count": ["x"]},
            {"token": [0.5], "count": [1]},
            {"token": ["a"]},
        ],
    )
    def test_changed_content(self, path, columns):
        metadata = {"tfcompress.vocabulary": "1"}
        pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path)
        self.refused(path, "was the vocabulary changed by hand")


def test_a_file_is_replaced_only_when_asked(tmp_path):
    path = tmp_path / "vocabulary.parquet"
    of(["a"]).save(path)
    with pytest.raises(FileExistsError, match="exists already"):
        of(["b"]).save(path, overwrite=False)
    assert Vocabulary.load(path) == of(["a"])
