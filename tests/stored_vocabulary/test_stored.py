"""The stored vocabulary answers as the vocabulary it was made from; damaged bytes are an error."""

import zlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfcompress.errors import CorruptTableError, DataError
from tfcompress.stored_vocabulary import StoredVocabulary, store
from tfcompress.vocabulary import Vocabulary

COUNTS = st.integers(1, 9)
TOKENS = st.dictionaries(st.text(max_size=6), COUNTS) | st.dictionaries(
    st.integers(-(2**63), 2**63 - 1), COUNTS
)


def vocabulary(counts):
    kind = pa.int64() if counts and isinstance(next(iter(counts)), int) else pa.string()
    return Vocabulary.from_counts(pa.array(counts, kind), list(counts.values()))


@given(TOKENS)
def test_round_trip(counts):
    expected = vocabulary(counts)
    found = StoredVocabulary(store(expected))
    tokens = expected.tokens.to_pylist()
    assert found.size == len(found) == expected.size
    assert found.tokens() == tokens
    assert found.encode(tokens) == list(range(2, expected.size))
    assert found.decode(range(expected.size)) == [None, None, *tokens]
    assert found.to_vocabulary().sha256 == expected.sha256
    assert store(found.to_vocabulary()) == store(expected)


@given(TOKENS, st.lists(st.text(max_size=3) | st.integers(-(2**63), 2**63 - 1)))
def test_unknown_tokens_and_the_other_type_are_read_as_the_vocabulary_reads_them(counts, asked):
    expected = vocabulary(counts)
    found = StoredVocabulary(store(expected))
    for token in [*asked, "07", "7", 7, "+7", "-0", "", "\u0667", "1_0"]:
        assert found.id_of(token) == expected.encode([token])[0], token


@pytest.mark.parametrize("token", ["9" * 5000, "\ud800", "x\0", 2**70, -(2**70)])
@pytest.mark.parametrize("known", [{"x": 1}, {7: 1}, {}])
def test_tokens_that_no_vocabulary_holds(known, token):
    assert StoredVocabulary(store(vocabulary(known))).id_of(token) == 1


@pytest.mark.parametrize("token", [None, 7.0, b"x", True])
def test_what_is_no_token_is_named(token):
    with pytest.raises(DataError, match="expected a string or an integer"):
        StoredVocabulary(store(vocabulary({"x": 1}))).id_of(token)


@pytest.mark.parametrize("id_", [-1, 3])
def test_ids_out_of_range_are_named(id_):
    with pytest.raises(DataError, match=rf"id: {id_} is not in 0\.\.2"):
        StoredVocabulary(store(vocabulary({"x": 1}))).token_of(id_)


@pytest.mark.parametrize("id_", [2.0, 2.7, True, "2", None])
def test_what_is_no_id_is_named(id_):
    with pytest.raises(DataError, match="expected an integer"):
        StoredVocabulary(store(vocabulary({"x": 1}))).token_of(id_)


def words(count):
    generator = np.random.default_rng(count)
    return {
        "".join(generator.choice(list("abcde"), size)): int(generator.zipf(1.5))
        for size in generator.integers(2, 9, count)
    }


@pytest.mark.parametrize("kind", [str, int])
def test_no_damaged_byte_goes_unnoticed(kind):
    counts = words(60) if kind is str else {k * k: 60 - k // 3 for k in range(60)}
    content = store(vocabulary(counts))
    for at in range(len(content)):
        for damage in (1, 128, 255):
            damaged = content[:at] + bytes([content[at] ^ damage]) + content[at + 1 :]
            with pytest.raises(CorruptTableError):
                StoredVocabulary(damaged)
    for size in range(len(content)):
        with pytest.raises(CorruptTableError):
            StoredVocabulary(content[:size])


@pytest.mark.parametrize("kind", [str, int])
def test_damaged_bytes_under_a_right_checksum_end_in_an_error_or_an_answer(kind):
    """A file made to harm: reading it may give other tokens, but it ends, and never crashes."""
    counts = words(90) if kind is str else {k * k: 60 - k // 3 for k in range(90)}
    content = store(vocabulary(counts))
    generator = np.random.default_rng(0)
    refused = []
    for _ in range(600):
        damaged = bytearray(content)
        for at in generator.integers(6, len(content), 2):
            damaged[at] = generator.integers(256)
        damaged[12:16] = zlib.crc32(damaged[16:], zlib.crc32(damaged[:12])).to_bytes(4, "little")
        try:
            found = StoredVocabulary(bytes(damaged))
            for token in found.decode(range(0, min(found.size, 100), 7)):
                assert token is None or 0 <= found.id_of(token) < found.size
            found.tokens()
        except CorruptTableError as error:
            refused.append(str(error))
    assert 100 < len(refused) < 600
    assert not any("\n" in line for line in refused)


def test_a_later_version_is_refused():
    content = bytearray(store(vocabulary({"x": 1})))
    content[4] = 2
    with pytest.raises(CorruptTableError, match="version 2, this one reads 1; update tfcompress"):
        StoredVocabulary(bytes(content))
