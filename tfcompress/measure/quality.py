"""Ranking quality of a .tflite, by running the file itself on the test split.

The file's metadata says what it was trained on. Ids mean nothing without their vocabulary, so other
data are refused, unless the tokens are mapped through the vocabulary of the training (`remap`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.data.dataset import Dataset, Examples
from tfcompress.data.ragged import Ragged
from tfcompress.errors import ConfigError, ModelError
from tfcompress.measure.inputs import first_line
from tfcompress.ranking import RankingQuality, evaluate, evaluate_top_k
from tfcompress.vocabulary import OOV_ID, PADDING_ID, Vocabulary

if TYPE_CHECKING:
    from tfcompress.tflite import ModelInfo

VOCABULARY_FILE = "vocabulary.parquet"
_KIND = "sequence-ranker"
# float32 scores of one batch: 64 MiB, whatever the catalogue's size.
_BATCH_SCORES = 1 << 24
_BATCH_USERS = 256


def why_no_quality(info: ModelInfo) -> str | None:
    """The reason why quality cannot be measured on a file, None when it can."""
    model = (info.metadata or {}).get("model", {})
    if model.get("kind") != _KIND or not model.get("history_length"):
        return "the file's metadata does not describe a sequence ranker"
    return None


def measure_quality(
    path: Path,
    info: ModelInfo,
    data: Dataset,
    *,
    remap: bool = False,
    vocabulary: Vocabulary | None = None,
    k: int = 10,
    mask_history: bool = True,
) -> RankingQuality:
    """Ranks the whole catalogue for every test user with the .tflite.

    Args:
        path: Path. The .tflite file.
        info: ModelInfo. Of the same file, one for which `why_no_quality` is None.
        data: Dataset. Its test split is used.
        remap: bool. Whether tokens of other data are mapped through the vocabulary of the training;
            those it does not know become id 1.
        vocabulary: Vocabulary or None. For `remap`; None looks for vocabulary.parquet beside the
            model.
        k: int. Length of the list that counts.
        mask_history: bool. Whether seen items are left out of the list.

    Returns:
        `RankingQuality`.

    Raises:
        ConfigError: The data are not those of the training and `remap` is false, or the vocabulary
            for it is missing or another one.
        ModelError: The file does not run, or gives NaN or outputs of an unexpected kind.
    """
    examples = own_examples(path, info, data, remap=remap, vocabulary=vocabulary)
    try:
        ranker = _Ranker(path, info)
        how: dict[str, Any] = {
            "length": ranker.length,
            "batch_size": ranker.batch_size,
            "k": k,
            "mask_history": mask_history,
        }
        if ranker.gives_lists:
            return evaluate_top_k(ranker.lists, examples, **how)
        return evaluate(ranker.scores, examples, **how)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def own_examples(
    path: Path,
    info: ModelInfo,
    data: Dataset,
    *,
    remap: bool = False,
    vocabulary: Vocabulary | None = None,
) -> Examples:
    """The test split in the ids of the model; arguments and errors as of `measure_quality`."""
    trained_on: Mapping[str, Any] = (info.metadata or {}).get("trained_on", {})
    expected, size = trained_on.get("vocabulary_sha256"), _input_dim(info)
    if data.vocabulary.sha256 == expected and data.sha256 == trained_on.get("sha256"):
        return data.test
    if remap:
        stored = vocabulary or vocabulary_beside(path)
        if stored is None:
            raise ConfigError(
                f"{path.parent / VOCABULARY_FILE}: not there; --remap needs the {VOCABULARY_FILE} "
                "of the model's run, beside the model or passed"
            )
        if expected is not None and stored.sha256 != expected:
            raise ConfigError(
                f"{path}: its vocabulary is {_short(expected)}, the one given is "
                f"{_short(stored.sha256)}; pass the vocabulary.parquet of the model's run"
            )
        if size is not None and stored.size != size:
            raise ConfigError(
                f"{path}: reads {size} ids, the vocabulary given has {stored.size}; pass the "
                "vocabulary.parquet of the model's run"
            )
        return _remap(data, stored)
    if data.sha256 != trained_on.get("sha256"):
        raise ConfigError(
            f"{path}: trained on data {_short(trained_on.get('sha256'))}, {data.name} is "
            f"{_short(data.sha256)}; pass the data of the training, or --remap to map tokens "
            "through its vocabulary"
        )
    raise ConfigError(
        f"{path}: trained with vocabulary {_short(expected)}, {data.name} as it was read now has "
        f"{_short(data.vocabulary.sha256)}; read it with the options of the training, or pass "
        "--remap"
    )


def vocabulary_beside(path: Path) -> Vocabulary | None:
    """The vocabulary of the run a model lies in; None where there is none."""
    stored = path.parent / VOCABULARY_FILE
    return Vocabulary.load(stored) if stored.is_file() else None


def _remap(data: Dataset, stored: Vocabulary) -> Examples:
    """Knows the tokens of `data.vocabulary` only; data loaded with `stored` have lost none."""
    new_ids = np.concatenate(
        [[PADDING_ID, OOV_ID], stored.encode(data.vocabulary.tokens)], dtype=np.int32
    )

    def translate(rows: Ragged) -> Ragged:
        return replace(rows, values=new_ids[rows.values])

    return Examples(translate(data.test.history), translate(data.test.targets))


def _input_dim(info: ModelInfo) -> int | None:
    size: int | None = (info.metadata or {}).get("model", {}).get("input_dim")
    return size


def _short(sha256: str | None) -> str:
    return sha256[:12] if sha256 else "unknown"


class _Ranker:
    """A sequence ranker in the interpreter, fed batch by batch."""

    def __init__(self, path: Path, info: ModelInfo) -> None:
        from tfcompress.tflite import open_model

        self.length = int((info.metadata or {})["model"]["history_length"])
        # The scores stand in memory for the whole catalogue even when only the best K come out.
        num_ids = max(_input_dim(info) or 1, 1)
        self.batch_size = max(1, min(_BATCH_USERS, _BATCH_SCORES // num_ids))
        self._interpreter = open_model(path, num_threads=os.cpu_count() or 1)
        inputs = self._interpreter.get_input_details()
        if len(inputs) != 1:
            raise ModelError(f"expected one input of ids, found {len(inputs)}")
        self._input = inputs[0]
        outputs = self._interpreter.get_output_details()
        kinds = [np.dtype(output["dtype"]).kind for output in outputs]
        if sorted(kinds) not in (["f"], ["f", "i"]):
            names = [np.dtype(output["dtype"]).name for output in outputs]
            raise ModelError(f"expected scores, or ids and scores, to come out, found {names}")
        self.gives_lists = "i" in kinds
        self._outputs = {kind: out["index"] for kind, out in zip(kinds, outputs, strict=True)}
        shape = (self.batch_size, self.length)
        try:
            self._interpreter.resize_tensor_input(self._input["index"], shape)
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"cannot be run on {shape} ids: {first_line(error)}") from error

    def scores(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """Scores of all items, `(B, n)`, for ids `(B, length)`."""
        self._invoke(ids)
        return self._output("f", len(ids))

    def lists(self, ids: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Ids and scores of the K best items, `(B, K)` each, for ids `(B, length)`."""
        self._invoke(ids)
        return self._output("i", len(ids)), self._output("f", len(ids))

    def _invoke(self, ids: NDArray[np.int32]) -> None:
        # The last batch is filled up with padding: a resize would prepare the graph again.
        batch = np.full((self.batch_size, self.length), PADDING_ID, self._input["dtype"])
        batch[: len(ids)] = ids
        self._interpreter.set_tensor(self._input["index"], batch)
        try:
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"refuses to invoke: {first_line(error)}") from error

    def _output(self, kind: str, rows: int) -> NDArray[Any]:
        output: NDArray[Any] = self._interpreter.get_tensor(self._outputs[kind])
        return output[:rows]
