"""Quality of a .tflite, by running the file itself on a split of its data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfcompress import classification, ranking
from tfcompress.data.dataset import Dataset, Examples
from tfcompress.data.text_dataset import LabelledTexts, TextDataset
from tfcompress.errors import naming
from tfcompress.measure.batch_runner import BatchRunner
from tfcompress.measure.own_data import Split, own_examples
from tfcompress.vocabulary import Vocabulary

if TYPE_CHECKING:
    from tfcompress.classification import ClassificationQuality
    from tfcompress.ranking_quality import RankingQuality
    from tfcompress.tflite import ModelInfo

# What the metadata must say, by kind of model.
_NEEDED = {
    "sequence-ranker": ("history_length",),
    "text-classifier": ("length", "classes", "max_words", "bigram_buckets"),
}


def why_no_quality(info: ModelInfo) -> str | None:
    """The reason why quality cannot be measured on a file, None when it can."""
    model = (info.metadata or {}).get("model", {})
    needed = _NEEDED.get(model.get("kind"))
    if needed is None or any(model.get(key) is None for key in needed):
        return "the file's metadata does not describe a sequence ranker or a text classifier"
    return None


def measure_quality(
    path: Path,
    info: ModelInfo,
    data: Dataset | TextDataset,
    *,
    split: Split = "test",
    remap: bool = False,
    vocabulary: Vocabulary | None = None,
    k: int = 10,
    mask_history: bool = True,
) -> RankingQuality | ClassificationQuality:
    """Ranks the whole catalogue for every user of a split, or classifies every text.

    Args:
        path: Path. The .tflite file.
        info: ModelInfo. Of the same file, one for which `why_no_quality` is None.
        data: Dataset or TextDataset.
        split: str. "validation" or "test".
        remap: bool. As in `own_examples`.
        vocabulary: Vocabulary or None. As in `own_examples`.
        k: int. Rankers: length of the list that counts.
        mask_history: bool. Rankers: whether seen items are left out of the list.

    Raises:
        ConfigError: as `own_examples`.
        ModelError: the file does not run, or gives NaN or outputs of an unexpected kind.
    """
    examples = own_examples(path, info, data, split=split, remap=remap, vocabulary=vocabulary)
    with naming(path):
        if isinstance(examples, LabelledTexts):
            return _Classifier(path, info).quality(examples)
        return _rank(path, info, examples, k=k, mask_history=mask_history)


def examine(
    path: Path, info: ModelInfo, data: Dataset | TextDataset
) -> tuple[RankingQuality | ClassificationQuality, float]:
    """Quality on the validation split, and a smooth companion of it (see `Task.examine`).

    Args:
        path: Path. The .tflite file.
        info: ModelInfo. Of a file with the same metadata, for which `why_no_quality` is None.
        data: Dataset or TextDataset. Those of the training.

    Raises:
        ConfigError: as `own_examples`.
        ModelError: as `measure_quality`.
    """
    examples = own_examples(path, info, data, split="validation")
    with naming(path):
        if isinstance(examples, LabelledTexts):
            classifier = _Classifier(path, info)
            return classifier.quality(examples), classifier.log_likelihood(examples)
        quality = _rank(path, info, examples)
        return quality, quality.soft_gain


def _rank(path: Path, info: ModelInfo, examples: Examples, **how: Any) -> RankingQuality:
    model = (info.metadata or {})["model"]
    # The scores stand in memory for the whole catalogue even when only the best K come out.
    runner = BatchRunner(path, int(model["history_length"]), model.get("input_dim") or 1)
    runner.expect(["f"], ["f", "i"])
    how |= {"length": runner.length, "batch_size": runner.batch_size}
    if "i" in runner.kinds:

        def best(ids: Any) -> Any:
            outputs = runner.run(ids)
            return outputs["i"], outputs["f"]

        return ranking.evaluate_top_k(best, examples, **how)
    return ranking.evaluate(lambda ids: runner.run(ids)["f"], examples, **how)


class _Classifier:
    """A classifier that runs on texts."""

    def __init__(self, path: Path, info: ModelInfo) -> None:
        model = (info.metadata or {})["model"]
        self._num_classes = len(model["classes"])
        self._runner = BatchRunner(path, int(model["length"]), self._num_classes)
        self._runner.expect(["f"])
        self._how = {"length": self._runner.length, "batch_size": self._runner.batch_size}

    def quality(self, texts: LabelledTexts) -> ClassificationQuality:
        how = {"num_classes": self._num_classes, **self._how}
        return classification.evaluate(self._score, texts, **how)

    def log_likelihood(self, texts: LabelledTexts) -> float:
        return classification.mean_log_likelihood(self._score, texts, **self._how)

    def _score(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        return self._runner.run(ids)["f"]
