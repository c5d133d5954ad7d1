import numpy as np
import pytest

from tfcompress.classification import evaluate
from tfcompress.data import LabelledTexts, Ragged
from tfcompress.errors import ModelError

LABELS = np.array([0, 0, 1, 1, 2, -1], np.int32)
ANSWERS = np.array([0, 1, 1, 1, 0, 2])


def texts(labels=LABELS):
    return LabelledTexts(Ragged.from_rows([[k + 2] for k in range(len(labels))]), labels)


def scorer(answers=ANSWERS, classes=4):
    """Scores of a model that answers text k, whose only id is k + 2, with `answers[k]`."""
    return lambda ids: np.eye(classes, dtype=np.float32)[answers[ids[:, -1] - 2]]


@pytest.mark.parametrize("batch_size", [2, 256])
def test_accuracy_and_macro_f1(batch_size):
    found = evaluate(scorer(), texts(), length=3, num_classes=4, batch_size=batch_size)
    assert found.accuracy == pytest.approx(3 / 6)
    # Class 0: TP 1, FP 1, FN 1. Class 1: TP 2, FP 1. Class 2: FP 1, FN 1. Class 3 nowhere.
    assert found.macro_f1 == pytest.approx((1 / 2 + 4 / 5 + 0) / 3)
    assert found.to_json() == {
        "accuracy": found.accuracy,
        "macro_f1": found.macro_f1,
        "texts": 6,
        "classes": 4,
        "unknown_labels": 1,
    }
    assert found.headline == ("accuracy", found.accuracy)
    assert found.conditions() == "6 texts of 4 classes, 1 unknown label"


def test_texts_are_padded_batch_by_batch(monkeypatch):
    last = Ragged.last
    sizes = []
    monkeypatch.setattr(Ragged, "last", lambda self, n: sizes.append(len(self)) or last(self, n))
    evaluate(scorer(), texts(), length=3, num_classes=4, batch_size=4)
    assert sizes == [4, 2]


def test_of_equal_scores_the_smallest_class_is_the_answer():
    found = evaluate(
        lambda ids: np.zeros((len(ids), 3), np.float32), texts(), length=1, num_classes=3
    )
    assert found.accuracy == pytest.approx(2 / 6)


def test_nan_and_wrong_shapes_are_refused():
    def broken(ids):
        scores = scorer()(ids)
        scores[ids[:, -1] == 5] = np.nan
        return scores

    with pytest.raises(ModelError, match="text row 3: the model gave NaN"):
        evaluate(broken, texts(), length=1, num_classes=4, batch_size=2)
    with pytest.raises(ModelError, match=r"scores of shape \(6, 4\) .* expected \(6, 3\)"):
        evaluate(scorer(), texts(), length=1, num_classes=3)
