"""A data set as training and measuring see it: frequency-ranked ids, split, with its identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.data.ragged import Ragged
from tfcompress.data.sample import padded
from tfcompress.vocabulary import Vocabulary


@dataclass(frozen=True)
class Examples:
    """What a ranker is asked: after this history, which items come next?

    Attributes:
        history: Ragged. All known ids of a user before the targets, oldest first where the data
            has an order. A model reads the last L of them; all of them count as seen.
        targets: Ragged. One or more ids per user; 1 where the item never occurs in training.
    """

    history: Ragged
    targets: Ragged

    def inputs(self, length: int, most: int | None = None) -> NDArray[np.int32]:
        """What a model of `length` ids reads: int32 array, shape `(num_users, length)`.

        Args:
            length: int.
            most: int or None. At most so many users, evenly spread; None means all.
        """
        return padded(self.history, length, most)


@dataclass(frozen=True, kw_only=True)
class SplitData:
    """What data of every kind say of themselves.

    Attributes:
        name: str. The name or the last part of the path it was loaded from.
        sha256: str. Hash of the raw files, so that a model can tell whether it meets its own data.
        format: str. The reader that read it.
        split: str. "given", or how it was made: "leave-one-out", "hold-out".
        vocabulary: Vocabulary. Counted on the training part alone.
        notes: tuple of str. Decisions of the reader and the split that results should be read with.
        skipped_rows: int. Rows of the files that could not be used and were passed over.
    """

    name: str
    sha256: str
    format: str
    split: str
    vocabulary: Vocabulary
    notes: tuple[str, ...] = ()
    skipped_rows: int = 0

    @property
    def input_dim(self) -> int:
        """The number of ids."""
        return self.vocabulary.size

    @property
    def id_counts(self) -> NDArray[np.int64]:
        """Training counts by id: int64 array, shape `(input_dim,)`."""
        return self.vocabulary.id_counts

    def identity(self, options: dict[str, Any]) -> dict[str, Any]:
        """What tells a model's own data from other data; stored in the run and in the .tflite.

        Args:
            options: dict. The keyword arguments of the function that loaded it.
        """
        return {
            "name": self.name,
            "sha256": self.sha256,
            "format": self.format,
            "split": self.split,
            "vocabulary_sha256": self.vocabulary.sha256,
            "options": {key: value for key, value in options.items() if value is not None},
        }


@dataclass(frozen=True, kw_only=True)
class Dataset(SplitData):
    """Interactions: what users did, and what they did next.

    Attributes:
        ordered: bool. Whether the order inside a row is the order in time.
        train: Ragged. One row of ids per user.
        valid: Examples.
        test: Examples.
    """

    ordered: bool
    train: Ragged
    valid: Examples
    test: Examples
