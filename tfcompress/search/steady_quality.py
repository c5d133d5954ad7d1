"""The quality of a changed model where validation is small: examples of the training beside it.

What coding takes from a model is nearly the same share of its quality on examples that it was
trained on and on new ones, whatever the qualities are. On ml1m_seq (512 validation users, 6,040 of
training and test, seed 0) the nDCG@10 of codings 12 to 50 times smaller changes in percent by

| | 12x | 16x | 20x | 25x | 30x | 40x | 50x |
| --- | --- | --- | --- | --- | --- | --- | --- |
| validation | +1.2 | -3.2 | -3.5 | -4.5 | -5.5 | -3.7 | -9.5 |
| last items of training rows | -0.8 | -1.1 | -1.8 | -2.5 | -4.1 | -6.7 | -10.4 |
| test | -0.8 | -1.3 | -1.0 | -2.6 | -3.4 | -6.6 | -11.6 |

It is no measure of training, which learns these very examples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np

from tfcompress.data import Dataset
from tfcompress.data.dataset import Examples
from tfcompress.data.sample import spread_rows

_SUFFICES = 10_000
"""Validation targets that are enough by themselves: a change then has a standard error of 1 %."""
_WANTED = 20_000
"""Targets of both together, where validation has fewer than suffice."""
_TARGETS_OF_A_ROW = 3

SubjectT = TypeVar("SubjectT")
_SubjectT_contra = TypeVar("_SubjectT_contra", contravariant=True)


def added_examples(dataset: Any) -> Examples | None:
    """Examples of the training that steady a small validation: the last items of rows.

    Args:
        dataset: Dataset, or one of another kind.

    Returns:
        Examples, or None where validation suffices, or the data are no interactions: a classifier
        knows most of what it was trained on.
    """
    if not isinstance(dataset, Dataset) or len(dataset.valid.targets.values) >= _SUFFICES:
        return None
    long = np.flatnonzero(dataset.train.lengths > _TARGETS_OF_A_ROW)
    missing = _WANTED - len(dataset.valid.targets.values)
    picked = long[spread_rows(len(long), missing // _TARGETS_OF_A_ROW)]
    if not len(picked):
        return None
    rows = dataset.train.take(picked)
    is_target = rows.values_after() < _TARGETS_OF_A_ROW
    return Examples(rows.where(~is_target), rows.where(is_target))


class Examiner(Protocol[_SubjectT_contra]):
    """What measures a model or a file on the validation split of its data.

    Attributes:
        dataset: Dataset, or one of another kind.
    """

    dataset: Any

    def examine(self, subject: _SubjectT_contra, /) -> tuple[float, float]:
        """Quality and its smooth companion (see `Task.examine`)."""

    def on(self, examples: Any, /) -> Self:
        """The same with other examples in the place of the validation split."""


class SteadyQuality(Generic[SubjectT]):
    """Measures by validation and added examples, each relative to what was trained gives.

    Args:
        measured: Examiner.
        trained: keras.Model or bytes of a file, as it was trained.
        added: Examples.
    """

    def __init__(self, measured: Examiner[SubjectT], trained: SubjectT, added: Examples) -> None:
        self._parts = [measured, measured.on(added)]
        counts = [len(part.dataset.valid.targets.values) for part in self._parts]
        self._weights = np.array(counts) / sum(counts)
        self._trained = self._examined(trained)

    def examine(self, subject: SubjectT) -> tuple[float, float]:
        """Quality and its smooth companion, of what was trained the same as validation alone.

        Targets weigh alike.
        """
        if not self._trained.all():  # Nothing to be relative to.
            return self._parts[0].examine(subject)
        kept = self._weights @ (self._examined(subject) / self._trained)
        quality, soft = self._trained[0] * kept
        return float(quality), float(soft)

    def _examined(self, subject: SubjectT) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.array([part.examine(subject) for part in self._parts])


def steady_examine(
    measured: Examiner[SubjectT], trained: SubjectT
) -> Callable[[SubjectT], tuple[float, float]]:
    """What measures changes of something trained: with examples added where validation is small.

    Args:
        measured: Examiner.
        trained: keras.Model or bytes of a file, as it was trained.
    """
    added = added_examples(measured.dataset)
    return measured.examine if added is None else SteadyQuality(measured, trained, added).examine
