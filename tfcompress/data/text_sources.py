"""From a name or a path to a data set of labelled texts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tfcompress.data import archives, labelled_text
from tfcompress.data.bad_rows import BadRows
from tfcompress.data.formats import LABELLED_TEXT, locate
from tfcompress.data.interactions import index_tokens
from tfcompress.data.named import NAMED, NAMED_TEXTS
from tfcompress.data.options import check_least, refuse
from tfcompress.data.paths import existing, readable
from tfcompress.data.ragged import Ragged
from tfcompress.data.text_dataset import LabelledTexts, TextDataset, encode_texts, split_texts
from tfcompress.data.tokenizer import Tokenizer, split_words
from tfcompress.errors import ConfigError
from tfcompress.files import sha256_of_files
from tfcompress.vocabulary import Vocabulary


def load_texts(
    source: str | Path,
    *,
    format: str | None = None,
    min_count: int = 1,
    max_items: int | None = None,
    max_words: int = 64,
    bigram_buckets: int = 1 << 14,
    bad_rows: str = "error",
    vocabulary: Vocabulary | None = None,
) -> TextDataset:
    """Reads labelled texts, splits them and ranks the words by frequency.

    A directory of train, valid and test files gives the split. Of one file a tenth is drawn for
    validation and a tenth for the test; where there is no validation file, it is a tenth of the
    training file. The draws have a fixed seed. Words and labels are counted on the training part
    alone.

    Args:
        source: str or Path. A name of `NAMED_TEXTS`, a file or a directory.
        format: str or None. "labelled-text", the only one.
        min_count: int. Words that occur more rarely in training get the id 1.
        max_items: int or None. At most so many words have an id of their own, the most frequent.
        max_words: int. Words of a text that count, from its start.
        bigram_buckets: int. Buckets of hashed bigrams; 0 leaves bigrams out.
        bad_rows: str. "error" or "skip", as of `tfcompress.data.load`.
        vocabulary: Vocabulary or None. Gives the ids of words, whatever it was counted on; None
            counts the training part. `min_count` and `max_items` mean nothing with it.

    Raises:
        DataError: names the file and the line that cannot be used.
        ConfigError: an argument is out of its range.
    """
    least = {"min_count": 1, "max_items": 1, "max_words": 1, "bigram_buckets": 0}
    given = {
        "min_count": min_count,
        "max_items": max_items,
        "max_words": max_words,
        "bigram_buckets": bigram_buckets,
    }
    check_least(given, least)
    bad = BadRows(bad_rows)
    tokenizer = Tokenizer(max_words=max_words, num_buckets=bigram_buckets)
    ranking: dict[str, Any] = {
        "min_count": min_count,
        "max_items": max_items,
        "vocabulary": vocabulary,
    }
    if isinstance(source, str) and source in NAMED_TEXTS:
        refuse(source, {"format": format})
        return NAMED_TEXTS[source](tokenizer=tokenizer, **ranking)
    if source in NAMED or source in archives.ARCHIVES:
        raise ConfigError(
            f"{source}: holds interactions, which are for a sequence-ranker; a text-classifier "
            "takes labelled texts"
        )
    path = existing(source, NAMED_TEXTS)
    with readable(path):
        located = locate(path, format or LABELLED_TEXT, formats=(LABELLED_TEXT,))
        parts, words, labels = _read(located.files, max_words, bad)
        sha256 = sha256_of_files(list(located.files.values()))
    parts, notes = split_texts(parts)
    dataset = encode_texts(
        parts,
        words,
        labels,
        tokenizer=tokenizer,
        name=path.resolve().name,
        sha256=sha256,
        format=located.format,
        split="given" if located.is_split else "hold-out",
        notes=[*notes, *bad.notes],
        **ranking,
    )
    return replace(dataset, skipped_rows=bad.total)


def _read(
    files: dict[str, Path], max_words: int, bad: BadRows
) -> tuple[dict[str, LabelledTexts], pa.Array, pa.Array]:
    """The texts of each file, as indices into the words and the labels that are returned too."""
    labels: list[list[pa.Array]] = []
    words: list[list[pa.Array]] = []
    lengths = []
    for file in files.values():
        with readable(file):
            batches = list(labelled_text.read(file, bad))
        split = [split_words(batch.texts) for batch in batches]
        labels.append([batch.labels for batch in batches])
        words.append([found.dictionary_encode() for found, _ in split])
        lengths.append(np.concatenate([count for _, count in split]))
    indexed_words, indexed_labels = index_tokens(words), index_tokens(labels)
    parts = {
        role: LabelledTexts(Ragged.from_lengths(found, count).first(max_words), label)
        for role, found, count, label in zip(
            files, indexed_words.parts, lengths, indexed_labels.parts, strict=True
        )
    }
    # Numbers in a text are words like others.
    return parts, indexed_words.tokens.cast(pa.string()), indexed_labels.tokens
