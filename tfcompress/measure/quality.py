"""Quality of a .tflite, by running the file itself on the test split."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfcompress import classification, ranking
from tfcompress.data.dataset import Dataset, Examples
from tfcompress.data.text_dataset import LabelledTexts, TextDataset
from tfcompress.errors import ModelError
from tfcompress.measure.batch_runner import BatchRunner
from tfcompress.measure.own_data import own_examples
from tfcompress.vocabulary import Vocabulary

if TYPE_CHECKING:
    from tfcompress.classification import ClassificationQuality
    from tfcompress.ranking import RankingQuality
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
    remap: bool = False,
    vocabulary: Vocabulary | None = None,
    k: int = 10,
    mask_history: bool = True,
) -> RankingQuality | ClassificationQuality:
    """Ranks the whole catalogue for every test user, or classifies every test text.

    Args:
        path: Path. The .tflite file.
        info: ModelInfo. Of the same file, one for which `why_no_quality` is None.
        data: Dataset or TextDataset. Its test split is used.
        remap: bool. As in `own_examples`.
        vocabulary: Vocabulary or None. As in `own_examples`.
        k: int. Rankers: length of the list that counts.
        mask_history: bool. Rankers: whether seen items are left out of the list.

    Raises:
        ConfigError: as `own_examples`.
        ModelError: the file does not run, or gives NaN or outputs of an unexpected kind.
    """
    examples = own_examples(path, info, data, remap=remap, vocabulary=vocabulary)
    try:
        if isinstance(examples, LabelledTexts):
            return _classify(path, info, examples)
        return _rank(path, info, examples, k=k, mask_history=mask_history)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


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


def _classify(path: Path, info: ModelInfo, texts: LabelledTexts) -> ClassificationQuality:
    model = (info.metadata or {})["model"]
    num_classes = len(model["classes"])
    runner = BatchRunner(path, int(model["length"]), num_classes)
    runner.expect(["f"])
    return classification.evaluate(
        lambda ids: runner.run(ids)["f"],
        texts,
        length=runner.length,
        num_classes=num_classes,
        batch_size=runner.batch_size,
    )
