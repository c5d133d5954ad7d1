"""From a split of token indices to a data set of frequency-ranked ids."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tfcompress.data.dataset import Dataset, Examples
from tfcompress.data.ragged import Ragged
from tfcompress.data.splits import Split
from tfcompress.errors import DataError
from tfcompress.vocabulary import Vocabulary


def encode(
    split: Split,
    tokens: pa.Array,
    *,
    name: str,
    sha256: str,
    format: str,
    min_count: int = 1,
    max_items: int | None = None,
    vocabulary: Vocabulary | None = None,
) -> Dataset:
    """Counts the training part, ranks its tokens and gives every item its id.

    Args:
        split: Split. Its values are indices into `tokens`.
        tokens: pa.Array. The distinct tokens.
        name: str. See `Dataset`, as for `sha256` and `format`.
        sha256: str.
        format: str.
        min_count: int. Items rarer than that in training get the id 1.
        max_items: int or None. At most so many items, the most frequent ones, keep an id.
        vocabulary: Vocabulary or None. Gives the ids, whatever it was counted on; None counts
            the training part. `min_count` and `max_items` mean nothing with it.

    Raises:
        DataError: there is nothing to train on, to validate with or to test.
    """
    for part, what in ((split.valid, "validation"), (split.test, "test")):
        if not len(part.targets):
            raise DataError(
                f"{name}: leaves no {what} example; at least one user needs 3 interactions, or the "
                f"{what} file an item"
            )
    if vocabulary is None:
        vocabulary = rank_tokens(
            tokens, split.train.values, name, "item", min_count=min_count, max_size=max_items
        )
    ids = vocabulary.encode(tokens)
    return Dataset(
        name=name,
        sha256=sha256,
        format=format,
        split=split.name,
        ordered=split.ordered,
        vocabulary=vocabulary,
        train=_apply(ids, split.train),
        valid=Examples(_apply(ids, split.valid.history), _apply(ids, split.valid.targets)),
        test=Examples(_apply(ids, split.test.history), _apply(ids, split.test.targets)),
        notes=split.notes,
    )


def rank_tokens(
    tokens: pa.Array,
    values: NDArray[np.int32],
    name: str,
    unit: str,
    *,
    min_count: int,
    max_size: int | None,
) -> Vocabulary:
    """The vocabulary of a training part.

    Args:
        tokens: pa.Array. The distinct tokens.
        values: int array. Indices into `tokens`, one for each time one of them occurs.
        name: str. The data set's, for the error.
        unit: str. What a token is: "item" or "word".
        min_count: int. Rarer tokens are left out.
        max_size: int or None. At most so many are kept, the most frequent ones.

    Raises:
        DataError: no token is left.
    """
    counts = np.bincount(values, minlength=len(tokens))
    vocabulary = Vocabulary.from_counts(tokens, counts, min_count=min_count, max_size=max_size)
    if not len(vocabulary.tokens):
        raise DataError(
            f"{name}: no {unit} occurs {min_count} times in the training part (the most frequent "
            f"one {counts.max(initial=0)} times); lower the minimum"
        )
    return vocabulary


def _apply(ids: np.ndarray[tuple[int], np.dtype[np.int32]], rows: Ragged) -> Ragged:
    return Ragged(ids[rows.values], rows.offsets)
