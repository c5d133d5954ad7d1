r"""Texts as ids of words and of hashed bigrams, in steps that Kotlin and Swift repeat to the bit.

1. Words: each code point by its simple lower-case mapping (Unicode), then every longest run that
   matches `[\p{L}\p{M}\p{N}]+` (letters, marks, digits). Only the first `max_words` count.
2. The id of a word: 0 is padding, 1 a word that is not in the vocabulary, 2.. by frequency.
3. Bigrams: for every two neighbours the 32-bit FNV-1a hash of the UTF-8 bytes of "first second",
   one space between them, whether the vocabulary knows the words or not:

       hash = 2166136261; for each byte: hash = (hash xor byte) * 16777619 mod 2^32
       id = vocabulary size + (hash and 0x7fffffff) mod num_buckets

   The vocabulary size counts the ids 0 and 1, so bigrams take the ids behind the words.
4. The row: word ids, then bigram ids, padded with 0 on the left to `row_length`.

Reference:
    FNV-1a: Fowler, Noll, Vo; the offset basis and the prime of 32 bits. Hashed bigrams as features
    of a bag of words: Joulin et al. 2016, "Bag of tricks for efficient text classification",
    section 2.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tfcompress.data.ragged import Ragged
from tfcompress.vocabulary import Vocabulary

_BETWEEN_WORDS = r"[^\p{L}\p{M}\p{N}]+"
_FNV_BASIS = np.uint32(2166136261)
_FNV_PRIME = np.uint32(16777619)
_SPACE = np.uint32(ord(" "))
# Bigrams hashed at a time: their states stay in the cache while the bytes go by.
_CHUNK = 1 << 16


def split_words(texts: pa.Array) -> tuple[pa.Array, NDArray[np.int64]]:
    """The words of texts, lower-cased.

    Args:
        texts: pa.Array of string.

    Returns:
        The words of all texts one after the other (pa.Array of string), and how many each text has
        (int64 array, shape `(len(texts),)`).
    """
    spaced = pc.replace_substring_regex(pc.utf8_lower(texts), _BETWEEN_WORDS, " ")
    trimmed = pc.ascii_trim(spaced, " ")
    split = pc.split_pattern(trimmed, " ")
    lengths = np.diff(split.offsets.to_numpy()).astype(np.int64)
    words = split.flatten()
    # Splitting "" gives one empty word.
    lengths[pc.equal(trimmed, "").to_numpy(zero_copy_only=False)] = 0
    return words.filter(pc.not_equal(words, "")), lengths


@dataclass(frozen=True)
class Tokenizer:
    """How much of a text a model reads.

    Attributes:
        max_words: int. Words from the start of the text.
        num_buckets: int. Buckets of bigrams; 0 leaves bigrams out.
    """

    max_words: int
    num_buckets: int

    @property
    def row_length(self) -> int:
        """L, the most ids a text can have."""
        return self.max_words + (self.max_words - 1 if self.num_buckets else 0)

    def encode(self, words: Ragged, tokens: pa.Array, vocabulary: Vocabulary) -> Ragged:
        """Ids of texts, words first.

        Args:
            words: Ragged. One row per text of indices into `tokens`, at most `max_words` each.
            tokens: pa.Array of string. The distinct words.
            vocabulary: Vocabulary.
        """
        ids = Ragged(vocabulary.encode(tokens)[words.values], words.offsets)
        if not self.num_buckets:
            return ids
        begins = np.flatnonzero(words.values_after() > 0)
        buckets = hash_bigrams(tokens, words.values[begins], words.values[begins + 1])
        bigrams = vocabulary.size + buckets % self.num_buckets
        lengths = np.maximum(words.lengths - 1, 0)
        return ids.append(Ragged.from_lengths(bigrams.astype(np.int32), lengths))


def hash_bigrams(
    tokens: pa.Array, first: NDArray[np.int32], second: NDArray[np.int32]
) -> NDArray[np.int64]:
    """FNV-1a of "first second" without its highest bit.

    Args:
        tokens: pa.Array of string, without nulls.
        first: int array, shape `(num_bigrams,)`. Indices into `tokens`.
        second: int array of the same shape.

    Returns:
        int64 array, shape `(num_bigrams,)`, values in 0..2^31 - 1.
    """
    if not len(first):
        return np.empty(0, np.int64)
    _, offsets, text = tokens.buffers()
    ends = np.frombuffer(offsets, np.int32)[tokens.offset :][: len(tokens) + 1].astype(np.int64)
    data = np.frombuffer(text or b"", np.uint8).astype(np.uint32)
    starts, lengths = ends[:-1], np.diff(ends)
    # What the first word and the space leave is the same for every bigram that begins with it.
    begun = _absorb(np.full(len(tokens), _FNV_BASIS), data, starts, lengths)
    begun = (begun ^ _SPACE) * _FNV_PRIME
    hashes = np.empty(len(first), np.int64)
    for chunk in range(0, len(first), _CHUNK):
        one, two = first[chunk : chunk + _CHUNK], second[chunk : chunk + _CHUNK]
        state = _absorb(begun[one], data, starts[two], lengths[two])
        hashes[chunk : chunk + _CHUNK] = state & np.uint32(0x7FFFFFFF)
    return hashes


def _absorb(
    state: NDArray[np.uint32],
    data: NDArray[np.uint32],
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
) -> NDArray[np.uint32]:
    """Takes the bytes `data[starts:starts + lengths]` into each hash, one position at a time."""
    active = np.arange(len(state))
    for position in range(int(lengths.max(initial=0))):
        active = active[lengths[active] > position]
        state[active] = (state[active] ^ data[starts[active] + position]) * _FNV_PRIME
    return state
