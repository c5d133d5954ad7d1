"""Quality of a classifier: accuracy and macro-F1.

The answer is the class of the highest score, the smallest number where several are equal. A text
whose label does not occur in training counts as wrong. Macro-F1 is the mean of
F1 = 2 TP / (2 TP + FP + FN) over the classes that are the label or the answer of some text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfcompress.data.sample import spread_rows
from tfcompress.data.text_dataset import UNKNOWN_CLASS, LabelledTexts
from tfcompress.errors import DataError, ModelError

Scorer = Callable[[NDArray[np.int32]], NDArray[np.float32]]

_SAMPLE = 8192
_TEMPERATURES = 2.0 ** (np.arange(-2, 13) / 4)


@dataclass(frozen=True)
class ClassificationQuality:
    """Means over texts.

    Attributes:
        accuracy: float. Share of texts whose answer is their label.
        macro_f1: float. In 0..1.
        num_texts: int.
        num_classes: int. Classes the model knows.
        unknown_labels: int. Texts with a label the model does not know, counted as wrong.
    """

    accuracy: float
    macro_f1: float
    num_texts: int
    num_classes: int
    unknown_labels: int

    @property
    def headline(self) -> tuple[str, float]:
        """What tables show."""
        return "accuracy", self.accuracy

    def to_json(self) -> dict[str, float | int | bool]:
        """The keys of the `quality` object of `tfcompress measure --json`."""
        return {
            "accuracy": self.accuracy,
            "macro_f1": self.macro_f1,
            "texts": self.num_texts,
            "classes": self.num_classes,
            "unknown_labels": self.unknown_labels,
        }

    def conditions(self) -> str:
        """What the numbers stand for, for a note below a table."""
        count = self.unknown_labels
        unknown = f", {count:,} unknown label{'s' * (count > 1)}" if count else ""
        return f"{self.num_texts:,} texts of {self.num_classes:,} classes{unknown}"

    def reservations(self) -> str:
        """What makes them lower than they could be: nothing."""
        return ""


def evaluate(
    score: Scorer, texts: LabelledTexts, *, length: int, num_classes: int, batch_size: int = 256
) -> ClassificationQuality:
    """Classifies every text by the scores of a model.

    Args:
        score: callable. int32 ids `(B, length)` to float32 scores `(B, num_classes)`.
        texts: LabelledTexts. At least one.
        length: int. Ids the model reads.
        num_classes: int.
        batch_size: int. Texts at a time; the last batch may be smaller.

    Returns:
        `ClassificationQuality`.

    Raises:
        ModelError: scores of a wrong shape, or a NaN among them (the error names the text's row).
    """
    answers = np.empty(len(texts), np.int64)
    for start in range(0, len(texts), batch_size):
        batch = texts.ids.between(start, start + batch_size).last(length)
        scores = score(batch)
        if scores.shape != (len(batch), num_classes):
            raise ModelError(
                f"the model gave scores of shape {scores.shape} for {len(batch)} texts; expected "
                f"({len(batch)}, {num_classes})"
            )
        bad = np.flatnonzero(np.isnan(scores).any(axis=1))
        if len(bad):
            raise ModelError(f"text row {start + int(bad[0])}: the model gave NaN as a score")
        answers[start : start + batch_size] = scores.argmax(axis=1)
    right = answers == texts.labels
    known = texts.labels[texts.labels != UNKNOWN_CLASS]
    true_positives = np.bincount(answers[right], minlength=num_classes)
    asked_or_given = np.bincount(known, minlength=num_classes) + np.bincount(
        answers, minlength=num_classes
    )  # 2 TP + FP + FN
    occurs = asked_or_given > 0
    return ClassificationQuality(
        accuracy=float(right.mean()),
        macro_f1=float(np.mean(2 * true_positives[occurs] / asked_or_given[occurs])),
        num_texts=len(texts),
        num_classes=num_classes,
        unknown_labels=len(texts) - len(known),
    )


def mean_log_likelihood(
    score: Scorer, texts: LabelledTexts, *, length: int, batch_size: int = 256
) -> float:
    """Mean log of the softmax of the right classes, at the temperature that suits the model best.

    A model is mostly surer of itself than it should be, and whatever makes its logits smaller, such
    as coarse tables, would look like a gain without it.

    Args:
        score: callable. int32 ids `(B, length)` to float32 logits `(B, num_classes)`.
        texts: LabelledTexts. Those with a class of the training count; at most 8,192 of them,
            evenly spread, are asked.
        length: int. Ids the model reads.
        batch_size: int. Texts at a time; the last batch may be smaller.

    Returns:
        float, in nats, at most 0.

    Reference:
        Guo et al. 2017, "On calibration of modern neural networks", section 4.2 (temperature
        scaling).

    Raises:
        DataError: There is no example.
    """
    known = np.flatnonzero(texts.labels != UNKNOWN_CLASS)
    if not len(known):
        raise DataError("validation: no example has an answer that occurs in training")
    picked = known[spread_rows(len(known), _SAMPLE)]
    asked = texts.take(picked)
    ids = asked.inputs(length)
    totals = np.zeros(len(_TEMPERATURES))
    for start in range(0, len(picked), batch_size):
        batch = slice(start, start + batch_size)
        scores = np.asarray(score(ids[batch]), np.float32)
        scores = scores - scores.max(axis=1, keepdims=True)
        answers = asked.labels[batch, None].astype(np.int64)
        right = np.take_along_axis(scores, answers, axis=1)[:, 0]
        for k, temperature in enumerate(_TEMPERATURES):
            sums = np.exp(scores / np.float32(temperature)).sum(axis=1, dtype=np.float64)
            totals[k] += float((right / temperature - np.log(sums)).sum())
    return float(totals.max()) / len(picked)
