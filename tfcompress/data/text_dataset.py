"""Labelled texts as training and measuring see them: rows of ids, class numbers, three parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tfcompress.data.dataset import SplitData
from tfcompress.data.encoding import rank_tokens
from tfcompress.data.ragged import Ragged
from tfcompress.data.sample import padded
from tfcompress.data.tokenizer import Tokenizer
from tfcompress.errors import DataError
from tfcompress.vocabulary import Vocabulary

UNKNOWN_CLASS = -1
_HELD_OUT = 0.1
_HOLD_OUT_SEED = 0
_NO_VALIDATION_NOTE = f"no validation file: {_HELD_OUT:.0%} of the training texts are held out"


@dataclass(frozen=True)
class LabelledTexts:
    """Texts and what they are.

    Attributes:
        ids: Ragged. One row per text, word ids and then bigram ids.
        labels: int32 array, shape `(num_texts,)`. Class numbers; -1 for a label that does not
            occur in training, which no answer can match.
    """

    ids: Ragged
    labels: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.int64]) -> LabelledTexts:
        """The given texts, in the given order."""
        return LabelledTexts(self.ids.take(rows), self.labels[rows])

    def inputs(self, length: int, most: int | None = None) -> NDArray[np.int32]:
        """What a model of `length` ids reads: int32 array, shape `(num_texts, length)`.

        Args:
            length: int.
            most: int or None. At most so many texts, evenly spread; None means all.
        """
        return padded(self.ids, length, most)


@dataclass(frozen=True, kw_only=True)
class TextDataset(SplitData):
    """Labelled texts, encoded by a vocabulary of words and hashed bigrams.

    Attributes:
        tokenizer: Tokenizer.
        classes: tuple of str or of int. The labels of the training part in ascending order; class
            k is `classes[k]`.
        train: LabelledTexts.
        valid: LabelledTexts.
        test: LabelledTexts.
    """

    tokenizer: Tokenizer
    classes: tuple[str | int, ...]
    train: LabelledTexts
    valid: LabelledTexts
    test: LabelledTexts

    @property
    def input_dim(self) -> int:
        """The number of ids: padding, unknown, words, buckets of bigrams."""
        return self.vocabulary.size + self.tokenizer.num_buckets

    @property
    def id_counts(self) -> NDArray[np.int64]:
        """Counts that fall with the id, as layers take them: int64 array, shape `(input_dim,)`.

        Buckets are not ranked and stand behind the words, so each counts as their mean, but as no
        more than the rarest word.
        """
        words = self.vocabulary.id_counts
        num_buckets = self.tokenizer.num_buckets
        if not num_buckets:
            return words
        mean = np.maximum(self.train.ids.lengths // 2, 0).sum() // num_buckets
        return np.concatenate([words, np.full(num_buckets, min(words[-1], max(mean, 1)))])


def split_texts(parts: dict[str, LabelledTexts]) -> tuple[dict[str, LabelledTexts], list[str]]:
    """Makes the parts that are missing by a draw with a fixed seed.

    Args:
        parts: dict. "all"; or "train", "test" and perhaps "valid".

    Returns:
        "train", "valid" and "test", and notes on what was drawn.
    """
    if "all" in parts:
        rest, test = _hold_out(parts["all"], 2)
        valid, test = test.take(np.arange(0, len(test), 2)), test.take(np.arange(1, len(test), 2))
        note = f"{_HELD_OUT:.0%} of the texts are held out for validation, {_HELD_OUT:.0%} for test"
        return {"train": rest, "valid": valid, "test": test}, [note]
    if "valid" in parts:
        return parts, []
    train, valid = _hold_out(parts["train"], 1)
    return {"train": train, "valid": valid, "test": parts["test"]}, [_NO_VALIDATION_NOTE]


def _hold_out(texts: LabelledTexts, num_parts: int) -> tuple[LabelledTexts, LabelledTexts]:
    """Draws `num_parts` equal parts out of `texts`, together, and returns the rest before them."""
    order = np.random.default_rng(_HOLD_OUT_SEED).permutation(len(texts))
    held_out = num_parts * max(1, round(_HELD_OUT * len(texts)))
    return texts.take(np.sort(order[held_out:])), texts.take(order[:held_out])


def encode_texts(
    parts: dict[str, LabelledTexts],
    words: pa.Array,
    labels: pa.Array,
    *,
    tokenizer: Tokenizer,
    name: str,
    sha256: str,
    format: str,
    split: str,
    notes: list[str],
    min_count: int = 1,
    max_items: int | None = None,
    vocabulary: Vocabulary | None = None,
) -> TextDataset:
    """Counts the words of the training part, ranks them and gives every text its ids.

    Args:
        parts: dict. "train", "valid" and "test": rows of indices into `words` and indices into
            `labels`.
        words: pa.Array of string. The distinct words.
        labels: pa.Array, string or int64. The distinct labels.
        tokenizer: Tokenizer.
        name: str. See `SplitData`, as for `sha256`, `format`, `split` and `notes`.
        sha256: str.
        format: str.
        split: str.
        notes: list of str.
        min_count: int. Words rarer than that in training get the id 1.
        max_items: int or None. At most so many words, the most frequent ones, keep an id.
        vocabulary: Vocabulary or None. Gives the ids of words, whatever it was counted on.

    Raises:
        DataError: a part is empty, or training has fewer than two classes or no words.
    """
    for part, texts in parts.items():
        if not len(texts):
            raise DataError(f"{name}: leaves no {part} example; it needs more texts")
    train = parts["train"]
    if vocabulary is None:
        vocabulary = rank_tokens(
            words, train.ids.values, name, "word", min_count=min_count, max_size=max_items
        )
    classes, class_of = _classes(name, train.labels, labels)
    encoded = {
        part: LabelledTexts(tokenizer.encode(texts.ids, words, vocabulary), class_of[texts.labels])
        for part, texts in parts.items()
    }
    for part in ("valid", "test"):
        if unknown := int((encoded[part].labels == UNKNOWN_CLASS).sum()):
            notes = [*notes, f"{part}: labels of {unknown} texts do not occur in training"]
    return TextDataset(
        name=name,
        sha256=sha256,
        format=format,
        split=split,
        vocabulary=vocabulary,
        notes=tuple(notes),
        tokenizer=tokenizer,
        classes=classes,
        train=encoded["train"],
        valid=encoded["valid"],
        test=encoded["test"],
    )


def _classes(
    name: str, train: NDArray[np.int32], labels: pa.Array
) -> tuple[tuple[str | int, ...], NDArray[np.int32]]:
    """The labels of training in ascending order, and the class number of each of `labels`."""
    used = np.unique(train)
    found = labels.take(pa.array(used))
    if len(used) < 2:
        raise DataError(
            f"{name}: the training part has the label {found[0].as_py()!r} only; a classifier "
            "needs at least two"
        )
    if len(used) == len(train):
        raise DataError(
            f"{name}: all {len(train)} training texts have a label of their own; lines must be "
            "label<TAB>text"
        )
    order = pc.array_sort_indices(found).to_numpy()
    class_of = np.full(len(labels), UNKNOWN_CLASS, np.int32)
    class_of[used[order]] = np.arange(len(used))
    return tuple(found.take(pa.array(order)).to_pylist()), class_of
