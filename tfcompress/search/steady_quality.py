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

from typing import TYPE_CHECKING, Any

import numpy as np

from tfcompress.data import Dataset
from tfcompress.data.dataset import Examples
from tfcompress.data.sample import spread_rows

if TYPE_CHECKING:
    import keras

    from tfcompress.search.run_quality import RunQuality

_SUFFICES = 10_000
"""Validation targets that are enough by themselves: a change then has a standard error of 1 %."""
_WANTED = 20_000
"""Targets of both together, where validation has fewer than suffice."""
_TARGETS_OF_A_ROW = 3


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


class SteadyQuality:
    """Measures by validation and added examples, each relative to what the trained model gives.

    Args:
        measured: RunQuality.
        model: keras.Model. As it was trained.
        added: Examples.
    """

    def __init__(self, measured: RunQuality, model: keras.Model, added: Examples) -> None:
        self._parts = [measured, measured.on(added)]
        counts = [len(part.dataset.valid.targets.values) for part in self._parts]
        self._weights = np.array(counts) / sum(counts)
        self._trained = self._examined(model)

    def examine(self, model: keras.Model) -> tuple[float, float]:
        """Quality and its smooth companion, as `RunQuality.examine`, of the trained model the same.

        Targets weigh alike.
        """
        if not self._trained.all():  # Nothing to be relative to.
            return self._parts[0].examine(model)
        kept = self._weights @ (self._examined(model) / self._trained)
        quality, soft = self._trained[0] * kept
        return float(quality), float(soft)

    def _examined(self, model: keras.Model) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.array([part.examine(model) for part in self._parts])
