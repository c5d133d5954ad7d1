"""Made-up labelled texts on which the ways to shrink a table differ as they do on real ones.

Words are Zipf-popular and each belongs to the topic of one class. A text of a class draws a
share of its words from the topic of the class, by popularity, so that much of what gives it away
stands in the tail of the vocabulary. Some of them are borrowed from the topic of another class and
stand behind the word "not": only the bigram tells.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tfcompress.data.options import check_least
from tfcompress.data.ragged import Ragged
from tfcompress.data.text_dataset import LabelledTexts, TextDataset, encode_texts, split_texts
from tfcompress.data.tokenizer import Tokenizer
from tfcompress.vocabulary import Vocabulary

# Part of the hash: raise it whenever the same options would give other data.
_VERSION = 1
_EXPONENT = 1.0
_SHORTEST = 4
_FROM_TOPIC = 0.35
_NEGATED = 0.2
_NOT = 0  # the index of the word "not"
_CONSONANTS = "bdfghjklmnprstvz"
_VOWELS = "aeiou"


def generate(
    *,
    num_texts: int = 20_000,
    num_words: int = 8_000,
    num_classes: int = 4,
    mean_length: int = 20,
    seed: int = 0,
    tokenizer: Tokenizer | None = None,
    min_count: int = 1,
    max_items: int | None = None,
    vocabulary: Vocabulary | None = None,
) -> TextDataset:
    """Makes the data set; the same options always give the same one.

    Args:
        num_texts: int. Texts in all, a tenth of them for validation and a tenth for the test.
        num_words: int. Different words ("not", "bababa", "bababe", ..).
        num_classes: int. Classes ("class-0", ..), equally frequent.
        mean_length: int. Mean number of words of a text; the shortest ones have 4.
        seed: int. Of all random draws.
        tokenizer: Tokenizer or None. None takes 32 words and 4,096 buckets of bigrams.
        min_count: int. As in `tfcompress.data.load_texts`.
        max_items: int or None. As in `tfcompress.data.load_texts`.
        vocabulary: Vocabulary or None. As in `tfcompress.data.load_texts`.

    Raises:
        ConfigError: an option is too small for the others.
    """
    options = {
        "num_texts": num_texts,
        "num_words": num_words,
        "num_classes": num_classes,
        "mean_length": mean_length,
        "seed": seed,
    }
    least = {"num_classes": 2, "mean_length": _SHORTEST + 1, "seed": 0}
    least |= {"num_texts": 10 * num_classes, "num_words": 10 * num_classes}
    check_least(options, least)
    tokenizer = tokenizer or Tokenizer(max_words=32, num_buckets=1 << 12)
    words, labels = texts(**options)
    parts, notes = split_texts({"all": LabelledTexts(words.first(tokenizer.max_words), labels)})
    identity = json.dumps({"synthetic-text": _VERSION} | options, sort_keys=True)
    return encode_texts(
        parts,
        word_tokens(num_words),
        pa.array([f"class-{number}" for number in range(num_classes)]),
        tokenizer=tokenizer,
        name="synthetic-text",
        sha256=hashlib.sha256(identity.encode()).hexdigest(),
        format="synthetic-text",
        split="hold-out",
        notes=notes,
        min_count=min_count,
        max_items=max_items,
        vocabulary=vocabulary,
    )


def texts(
    *, num_texts: int, num_words: int, num_classes: int, mean_length: int, seed: int
) -> tuple[Ragged, NDArray[np.int32]]:
    """The texts as rows of indices into `word_tokens`, and their classes; see `generate`."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, num_classes, num_texts).astype(np.int32)
    lengths = _SHORTEST + rng.poisson(mean_length - _SHORTEST, num_texts)
    starts = np.cumsum(lengths) - lengths
    classes = np.repeat(labels, lengths)
    popularity = (np.arange(num_words) + 1.0) ** -_EXPONENT
    popularity[_NOT] = 0.0
    topics = rng.integers(0, num_classes, num_words)
    chosen = _draw(rng, popularity, len(classes))
    telling = rng.random(len(classes)) < _FROM_TOPIC
    negated = telling & (rng.random(len(classes)) < _NEGATED)
    negated[starts] = False  # nothing stands before the first word
    # A negated word belongs to another class, and "not" takes the place before it.
    shift = np.where(negated, rng.integers(1, num_classes, len(classes)), 0)
    wanted = (classes + shift) % num_classes
    for topic in range(num_classes):
        places = np.flatnonzero(telling & (wanted == topic))
        weights = np.where(topics == topic, popularity, 0.0)
        # Of many classes one may have no words of its own.
        chosen[places] = _draw(rng, weights if weights.any() else popularity, len(places))
    chosen[np.flatnonzero(negated) - 1] = _NOT
    return Ragged.from_lengths(chosen.astype(np.int32), lengths), labels


def word_tokens(num_words: int) -> pa.Array:
    """The word "not" and made-up words of syllables, all different: pa.Array of string."""
    syllables = [consonant + vowel for consonant in _CONSONANTS for vowel in _VOWELS]
    width = 3 + (num_words > len(syllables) ** 3)
    words = ["not"]
    for number in range(num_words - 1):
        digits = [number // len(syllables) ** place for place in reversed(range(width))]
        words.append("".join(syllables[digit % len(syllables)] for digit in digits))
    return pa.array(words)


def _draw(rng: np.random.Generator, weights: NDArray[Any], size: int) -> NDArray[np.int64]:
    """Indices with probability proportional to `weights`."""
    mass = np.cumsum(weights)
    return np.asarray(np.searchsorted(mass, rng.random(size) * mass[-1], side="right"))
