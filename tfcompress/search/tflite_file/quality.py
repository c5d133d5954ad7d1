"""The quality of a .tflite on the data of its training, by running the file."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from tfcompress.errors import ConfigError
from tfcompress.measure.own_data import Split, loading, own_examples
from tfcompress.measure.quality import examine, measure_quality, why_no_quality
from tfcompress.search.item_scores import SCORED_EXAMPLES
from tfcompress.search.tflite_file.runs import on_disk
from tfcompress.vocabulary import VOCABULARY_FILE, Vocabulary

if TYPE_CHECKING:
    from tfcompress.classification import ClassificationQuality
    from tfcompress.ranking_quality import RankingQuality
    from tfcompress.tflite import ModelInfo


class FileQuality:
    """What measures a file, and others made of it.

    Args:
        info: ModelInfo. Of the file.
        dataset: Dataset or TextDataset. The data of its training.
        metric: str or None. A key of its quality; None takes the first one.
    """

    def __init__(self, info: ModelInfo, dataset: Any, metric: str | None = None) -> None:
        self._info, self.dataset, self._metric = info, dataset, metric

    @classmethod
    def load(cls, path: Path, info: ModelInfo, data: str, metric: str | None = None) -> Self:
        """The same by a file's path and where its data lie.

        Raises:
            ConfigError: its metadata do not say how to measure it, or the data are not those of
                the training.
        """
        from tfcompress.data import LOADERS

        if (reason := why_no_quality(info)) is not None:
            raise ConfigError(f"{path}: {reason}; use --snr, or --max-bytes without --data")
        kind, options = loading(info)
        dataset: Any = LOADERS[kind](data, **options)
        own_examples(path, info, dataset)
        return cls(info, dataset, metric)

    @property
    def counts(self) -> NDArray[np.int64]:
        """How often each id is read."""
        counts: NDArray[np.int64] = self.dataset.id_counts
        return counts

    def examine(self, content: bytes) -> tuple[float, float]:
        """Quality of a file on the validation split, and its smooth companion.

        Raises:
            ConfigError: there is no such metric.
        """
        quality, soft = on_disk(content, lambda path: examine(path, self._info, self.dataset))
        known = _measures(quality)
        metric = self._metric or next(iter(known))
        if metric not in known:
            raise ConfigError(f"--metric: got {metric!r}, expected one of {', '.join(known)}")
        return known[metric], soft

    def on(self, examples: Any) -> FileQuality:
        """The same with other examples in the place of the validation split."""
        other = copy(self)
        other.dataset = replace(self.dataset, valid=examples)
        return other

    def splits(self, content: bytes) -> dict[str, float]:
        """Quality of a file on "validation" and "test"; the keys end in the metric."""
        return file_splits(content, self._info, self.dataset, self._metric)

    @property
    def inputs(self) -> NDArray[np.int32]:
        """Validation inputs; no labels."""
        model = (self._info.metadata or {})["model"]
        length = int(model.get("history_length") or model["length"])
        inputs: NDArray[np.int32] = self.dataset.valid.inputs(length, SCORED_EXAMPLES)
        return inputs


def file_splits(
    content: bytes, info: ModelInfo, dataset: Any, metric: str | None
) -> dict[str, float]:
    """Quality of a file on both splits: keys "validation METRIC" and "test METRIC".

    Args:
        content: bytes. The .tflite file.
        info: ModelInfo. Of a file with the same metadata.
        dataset: Dataset or TextDataset. The data of its training.
        metric: str or None. A key of its quality; None takes the first one.
    """
    splits: tuple[Split, ...] = ("validation", "test")
    result = {}
    for split in splits:

        def measured(path: Path, split: Split = split) -> dict[str, float]:
            return _measures(measure_quality(path, info, dataset, split=split))

        known = on_disk(content, measured)
        name = metric or next(iter(known))
        result[f"{split} {name}"] = known[name]
    return result


def stored_counts(path: Path, info: ModelInfo) -> NDArray[np.int64] | None:
    """How often each id was read in training, by the vocabulary.parquet beside a file.

    None where there is none, it is not the one that the file was trained with, or nothing was read.
    """
    beside = path.parent / VOCABULARY_FILE
    expected = (info.metadata or {}).get("trained_on", {}).get("vocabulary_sha256")
    if expected is None or not beside.is_file():
        return None
    vocabulary = Vocabulary.load(beside)
    is_of_use = vocabulary.sha256 == expected and vocabulary.id_counts.any()
    return vocabulary.id_counts if is_of_use else None


def _measures(quality: RankingQuality | ClassificationQuality) -> dict[str, float]:
    return {name: value for name, value in quality.to_json().items() if isinstance(value, float)}
