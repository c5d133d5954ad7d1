"""A split in the ids of a model, or a refusal.

A file's metadata says what it was trained on. Ids mean nothing without their vocabulary, so other
data are refused, unless the tokens are mapped through the vocabulary of the training (`remap`).
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from tfcompress.data import ARCHIVES, LOADERS, NAMED, NAMED_TEXTS
from tfcompress.data.dataset import Dataset, Examples
from tfcompress.data.formats import TABULAR, locate
from tfcompress.data.options import refuse
from tfcompress.data.paths import existing
from tfcompress.data.ragged import Ragged
from tfcompress.data.text_dataset import UNKNOWN_CLASS, LabelledTexts, TextDataset
from tfcompress.data.tokenizer import Tokenizer
from tfcompress.errors import ConfigError
from tfcompress.vocabulary import OOV_ID, PADDING_ID, VOCABULARY_FILE, Vocabulary

if TYPE_CHECKING:
    from tfcompress.tflite import ModelInfo

Split = Literal["validation", "test"]

_COLUMNS = ("user_column", "item_column", "time_column")
# Options of the training that a vocabulary takes the place of.
_RANKING = ("min_count", "max_items")


def loading(
    info: ModelInfo,
    given: Mapping[str, str] | None = None,
    *,
    other: str | Path | None = None,
) -> tuple[str, dict[str, Any]]:
    """How data are read for a model: a key of `data.LOADERS`, keyword arguments.

    Args:
        info: ModelInfo. One for which `why_no_quality` is None.
        given: mapping or None. Keyword arguments that are not to be those of the training.
        other: str, Path or None. The source of other data, which are read with the vocabulary of
            the training. They are read as its data were, too, but for what their source or format
            has no use for. None: the data of the training are meant.

    Raises:
        ConfigError: what is given means nothing for the kind of model, or names columns that its
            training did not read.
    """
    metadata = info.metadata or {}
    kind = metadata["model"]["kind"]
    given = given or {}
    known = inspect.signature(LOADERS[kind]).parameters.keys() - {"source", "vocabulary"}
    refuse(f"a {kind}", {name: given[name] for name in given.keys() - known})
    trained_with = metadata.get("trained_on", {}).get("options") or {}
    options = {name: value for name, value in trained_with.items() if name in known}
    if other is not None:
        format = given.get("format") or options.get("format")
        useless = {*_RANKING, *_useless(kind, other, format)}
        options = {name: value for name, value in options.items() if name not in useless}
    for name in () if other else given.keys() & _COLUMNS:
        if given[name] != options.get(name):
            raise ConfigError(
                f"{name}: got {given[name]!r}, but data of the training are read with its columns; "
                "leave it out, or measure with --remap"
            )
    return kind, {**options, **given}


def _useless(kind: str, source: str | Path, format: str | None) -> tuple[str, ...]:
    """Options that the loader of a kind of model would refuse for a source."""
    if kind == "text-classifier":
        return ("format",) if source in NAMED_TEXTS else ()
    if source in NAMED or source in ARCHIVES:
        return ("format", *_COLUMNS)
    path = existing(source, (*NAMED, *ARCHIVES))
    return () if locate(path, format).format in TABULAR else _COLUMNS


def own_examples(
    path: Path,
    info: ModelInfo,
    data: Dataset | TextDataset,
    *,
    split: Split = "test",
    remap: bool = False,
    vocabulary: Vocabulary | None = None,
) -> Examples | LabelledTexts:
    """A split in the ids (and class numbers) of the model.

    Args:
        path: Path. The .tflite file.
        info: ModelInfo. Of the same file, one for which `why_no_quality` is None.
        data: Dataset or TextDataset, as the kind of model wants it.
        split: str. "validation" or "test".
        remap: bool. Whether tokens of other data are mapped through the vocabulary of the training;
            those it does not know become id 1.
        vocabulary: Vocabulary or None. For `remap`; None takes the one inside the model, or
            vocabulary.parquet beside it.

    Raises:
        ConfigError: the data are of another kind, or not those of the training and `remap` is
            false, or the vocabulary for it is missing or another one.
    """
    metadata = info.metadata or {}
    model: Mapping[str, Any] = metadata.get("model", {})
    trained_on: Mapping[str, Any] = metadata.get("trained_on", {})
    _refuse_other_kind(path, model, data)
    expected = trained_on.get("vocabulary_sha256")
    if data.vocabulary.sha256 == expected and data.sha256 == trained_on.get("sha256"):
        return _split(data, split)
    if remap:
        stored = vocabulary or stored_vocabulary(path)
        if stored is None:
            raise ConfigError(
                f"{path.parent / VOCABULARY_FILE}: not there; --remap needs the {VOCABULARY_FILE} "
                "of the model's run, beside the model or passed, or one inside it (convert with "
                "--vocabulary)"
            )
        if expected is not None and stored.sha256 != expected:
            raise ConfigError(
                f"{path}: its vocabulary is {_short(expected)}, the one given is "
                f"{_short(stored.sha256)}; pass the vocabulary.parquet of the model's run"
            )
        size = model.get("first_bigram_id", model.get("input_dim"))
        if size is not None and stored.size != size:
            raise ConfigError(
                f"{path}: reads {size} ids, the vocabulary given has {stored.size}; pass the "
                "vocabulary.parquet of the model's run"
            )
        return _remap(data, split, stored, model)
    if data.sha256 != trained_on.get("sha256"):
        raise ConfigError(
            f"{path}: trained on data {_short(trained_on.get('sha256'))}, {data.name} is "
            f"{_short(data.sha256)}; pass the data of the training, or measure with "
            "--remap, which maps tokens through its vocabulary"
        )
    raise ConfigError(
        f"{path}: trained with vocabulary {_short(expected)}, {data.name} as it was read now has "
        f"{_short(data.vocabulary.sha256)}; read it with the options of the training, or "
        "measure with --remap"
    )


def stored_vocabulary(path: Path) -> Vocabulary | None:
    """The vocabulary inside a model, else that of the run it lies in; None where there is none."""
    from tfcompress.tflite import read_vocabulary

    if (inside := read_vocabulary(path)) is not None:
        return inside.to_vocabulary()
    beside = path.parent / VOCABULARY_FILE
    return Vocabulary.load(beside) if beside.is_file() else None


def _refuse_other_kind(path: Path, model: Mapping[str, Any], data: Dataset | TextDataset) -> None:
    if (model.get("kind") == "text-classifier") != isinstance(data, TextDataset):
        found = "labelled texts" if isinstance(data, TextDataset) else "interactions"
        raise ConfigError(f"{path}: is a {model.get('kind')}, but {data.name} holds {found}")
    if isinstance(data, TextDataset):
        wanted = Tokenizer(model["max_words"], model["bigram_buckets"])
        if data.tokenizer != wanted:
            raise ConfigError(f"{path}: reads texts with {wanted}, {data.name}: {data.tokenizer}")


def _remap(
    data: Dataset | TextDataset, split: Split, stored: Vocabulary, model: Mapping[str, Any]
) -> Examples | LabelledTexts:
    """Knows the tokens of `data.vocabulary` only; data loaded with `stored` have lost none."""
    new_ids = np.concatenate(
        [[PADDING_ID, OOV_ID], stored.encode(data.vocabulary.tokens)], dtype=np.int32
    )
    if isinstance(data, TextDataset):
        # Buckets of bigrams stand behind the words, however many there are.
        buckets = stored.size + np.arange(data.tokenizer.num_buckets, dtype=np.int32)
        new_ids = np.concatenate([new_ids, buckets], dtype=np.int32)
        texts = _split(data, split)
        labels = _relabel(texts, data.classes, model["classes"])
        return LabelledTexts(_translate(texts.ids, new_ids), labels)
    examples = _split(data, split)
    return Examples(_translate(examples.history, new_ids), _translate(examples.targets, new_ids))


@overload
def _split(data: Dataset, split: Split) -> Examples: ...
@overload
def _split(data: TextDataset, split: Split) -> LabelledTexts: ...
def _split(data: Dataset | TextDataset, split: Split) -> Examples | LabelledTexts:
    return data.valid if split == "validation" else data.test


def _translate(rows: Ragged, new_ids: NDArray[np.int32]) -> Ragged:
    return replace(rows, values=new_ids[rows.values])


def _relabel(
    texts: LabelledTexts, labels: Sequence[str | int], classes: list[str | int]
) -> NDArray[np.int32]:
    """The labels of texts as class numbers of the model."""
    number = {str(label): k for k, label in enumerate(classes)}
    known = [number.get(str(label), UNKNOWN_CLASS) for label in labels]
    # The last entry is where -1 points to.
    return np.array([*known, UNKNOWN_CLASS], np.int32)[texts.labels]


def _short(sha256: str | None) -> str:
    return sha256[:12] if sha256 else "unknown"
