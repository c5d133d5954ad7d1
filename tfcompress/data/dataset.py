"""A data set as training and measuring see it: frequency-ranked ids, split, with its identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tfcompress.data.ragged import Ragged
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


@dataclass(frozen=True)
class Dataset:
    """Interactions encoded by a vocabulary that was counted on the training part alone.

    Attributes:
        name: str. The name or the last part of the path it was loaded from.
        sha256: str. Hash of the raw files, so that a model can tell whether it meets its own data.
        format: str. The reader that read it.
        split: str. "leave-one-out" or "given".
        ordered: bool. Whether the order inside a row is the order in time.
        vocabulary: Vocabulary.
        train: Ragged. One row of ids per user.
        valid: Examples.
        test: Examples.
        notes: tuple of str. Decisions of the reader and the split that results should be read with.
    """

    name: str
    sha256: str
    format: str
    split: str
    ordered: bool
    vocabulary: Vocabulary
    train: Ragged
    valid: Examples
    test: Examples
    notes: tuple[str, ...] = ()

    def identity(self, options: dict[str, Any]) -> dict[str, Any]:
        """What tells a model's own data from other data; stored in the run and in the .tflite.

        Args:
            options: dict. The keyword arguments `load` was called with.
        """
        return {
            "name": self.name,
            "sha256": self.sha256,
            "format": self.format,
            "split": self.split,
            "vocabulary_sha256": self.vocabulary.sha256,
            "options": {key: value for key, value in options.items() if value is not None},
        }
