"""Measures several .tflite files under the same conditions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfcompress.errors import ConfigError, ModelError, first_line, naming
from tfcompress.measure.environment import environment
from tfcompress.measure.inputs import ModelInput, find_inputs, takes_batches
from tfcompress.measure.labels import short_names
from tfcompress.measure.latency import Runner, Timings, check_runs, measure_latency
from tfcompress.measure.measurement import NOT_ASKED, Measurement, Memory, Quality
from tfcompress.measure.memory import measure_memory
from tfcompress.measure.own_data import loading, own_examples, stored_vocabulary
from tfcompress.measure.quality import measure_quality, why_no_quality
from tfcompress.vocabulary import Vocabulary

if TYPE_CHECKING:
    from tfcompress.data import Dataset, TextDataset
    from tfcompress.tflite import ModelInfo


@dataclass
class _File:
    """One file on its way through the measurements."""

    path: Path
    label: str
    info: ModelInfo
    notes: dict[str, str] = field(default_factory=dict)
    quality: Quality | None = None
    memory: Memory = field(default_factory=Memory)
    timings: Timings = field(default_factory=Timings)
    interpreter: Any = None
    inputs: tuple[ModelInput, ...] = ()


def measure(
    paths: str | Path | Sequence[str | Path],
    data: Dataset | TextDataset | str | Path | None = None,
    *,
    batch_sizes: Sequence[int] = (1, 32),
    runs: int = 200,
    quality: bool = True,
    latency: bool = True,
    memory: bool = True,
    remap: bool = False,
    vocabulary: Vocabulary | str | Path | None = None,
    format: str | None = None,
    user_column: str | None = None,
    item_column: str | None = None,
    time_column: str | None = None,
    bad_rows: str | None = None,
    k: int = 10,
    mask_history: bool = True,
    progress: Callable[[str], None] | None = None,
) -> list[Measurement]:
    """Measures .tflite files side by side.

    A file that cannot be run here, or whose metadata name no kind of model, is measured as far as
    it goes; `notes` of its `Measurement` say what is missing and why.

    Args:
        paths: path or sequence of paths. The files, in the order of the result.
        data: Dataset or TextDataset, or the source of one, or None. Its test split gives the
            quality. A name or path is loaded with the options each file was trained with.
        batch_sizes: sequence of int. For the latency; memory is measured with one example.
        runs: int. Timed invocations per file and batch size, at least 50.
        quality: bool. Whether quality is measured.
        latency: bool. Whether latency is measured.
        memory: bool. Whether memory is measured.
        remap: bool. Whether data other than those of the training are mapped through its
            vocabulary. Data given by name or path are then loaded with it; of a Dataset, only the
            tokens of its own vocabulary can be mapped.
        vocabulary: Vocabulary, path of one, or None. For `remap`; None takes the
            one inside each file, or vocabulary.parquet beside it.
        format: str or None. As of `tfcompress.data.load`, like the next ones; None as in the
            training. The notes say how the data were read.
        user_column: str or None. With `remap`.
        item_column: str or None. With `remap`.
        time_column: str or None. With `remap`.
        bad_rows: str or None. "error" or "skip". Skipped rows are counted in the notes.
        k: int. Rankers: length of the list that counts in nDCG@k and hit rate@k.
        mask_history: bool. Rankers: whether seen items are left out of the list.
        progress: callable or None. Told in a few words what is measured next.

    Returns:
        list of Measurement, one per path.

    Raises:
        ModelError: A path that is no readable .tflite file, or a model that gives NaN.
        ConfigError: An argument out of range, or data that are not those of the training.
        DataError: Data that cannot be read.
    """
    check_runs(batch_sizes, runs)
    given = [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    if not given:
        raise ConfigError("paths: none given; name at least one .tflite file")
    tell = progress or (lambda _: None)
    # Everything is read and checked before the first long measurement starts.
    infos = [_inspect(path) for path in given]
    labels = short_names([path.absolute() for path in given])
    files = [_File(*fields) for fields in zip(given, labels, infos, strict=True)]
    asked = {"quality": quality, "memory": memory, "latency": latency}
    for file in files:
        file.notes |= {name: NOT_ASKED for name, wanted in asked.items() if not wanted}
    if quality:
        if isinstance(vocabulary, str | Path):
            vocabulary = Vocabulary.load(Path(vocabulary))
        reading = {
            "format": format,
            "user_column": user_column,
            "item_column": item_column,
            "time_column": time_column,
            "bad_rows": bad_rows,
        }
        how_read = {name: value for name, value in reading.items() if value is not None}
        find_data = _DataFinder(data, remap, vocabulary, how_read)
        how: dict[str, Any] = {"remap": remap, "vocabulary": vocabulary}
        for file in _with_data(files, find_data, how):
            tell(f"quality of {file.label}")
            file.quality = measure_quality(
                file.path, file.info, find_data(file), k=k, mask_history=mask_history, **how
            )
    running = [file for file in files if _open(file)] if memory or latency else []
    if memory:
        for file in running:
            tell(f"memory of {file.label}")
            _measure_memory(file)
    if latency:
        tell("latency, the files in turns")
        _measure_latency(running, batch_sizes, runs)
    conditions = environment()
    return [
        Measurement(
            file=file.label,
            size=file.info,
            environment=conditions,
            quality=file.quality,
            latency=file.timings.latency,
            memory=file.memory,
            notes=file.notes,
        )
        for file in files
    ]


class _DataFinder:
    """The data a file is measured on, each way of reading them loaded once."""

    def __init__(
        self,
        data: Dataset | TextDataset | str | Path | None,
        remap: bool,
        vocabulary: Vocabulary | None,
        given: Mapping[str, str],
    ) -> None:
        self.data = data
        self._remap = remap
        self._vocabulary = vocabulary
        self._given = given
        self._loaded: dict[str, Dataset | TextDataset] = {}

    def __call__(self, file: _File) -> Dataset | TextDataset:
        if not isinstance(self.data, str | Path):
            assert self.data is not None
            return self.data
        from tfcompress.data import LOADERS

        vocabulary = None
        if self._remap:
            # Read with it, an item keeps its id even where the training part of the data lacks it.
            vocabulary = self._vocabulary or stored_vocabulary(file.path)
        kind, options = loading(file.info, self._given, other=self.data if self._remap else None)
        identity = [kind, options, vocabulary and vocabulary.sha256]
        key = json.dumps(identity, sort_keys=True, default=str)
        if key not in self._loaded:
            self._loaded[key] = LOADERS[kind](self.data, **options, vocabulary=vocabulary)
        return self._loaded[key]


def _inspect(path: Path) -> ModelInfo:
    from tfcompress.tflite import inspect_model
    from tfcompress.tflite.graph.file_bytes import read_file

    content = read_file(path)
    with naming(path):
        return inspect_model(content)


def _with_data(files: Sequence[_File], find_data: _DataFinder, how: dict[str, Any]) -> list[_File]:
    """The files whose quality can be measured, their data read and checked; notes say why not."""
    answering = []
    for file in files:
        reason = "no data given" if find_data.data is None else why_no_quality(file.info)
        if reason is not None:
            file.notes["quality"] = reason
            continue
        own_examples(file.path, file.info, found := find_data(file), **how)
        if found.notes:
            file.notes["data"] = "; ".join(found.notes)
        answering.append(file)
    return answering


def _open(file: _File) -> bool:
    """Opens a file and finds its inputs; where the runtime refuses, the notes say so."""
    from tfcompress.tflite import open_model

    try:
        file.interpreter = open_model(file.path, num_threads=1)
        file.inputs = find_inputs(file.interpreter, file.info)
    except (ModelError, RuntimeError, ValueError) as error:
        for name in ("latency", "memory"):
            file.notes.setdefault(name, first_line(error))
        return False
    return True


def _measure_memory(file: _File) -> None:
    try:
        file.memory, note = measure_memory(file.path, file.inputs)
    except ModelError as error:
        note = first_line(error)
    if note is not None:
        file.notes["memory"] = note


def _measure_latency(files: Sequence[_File], batch_sizes: Sequence[int], runs: int) -> None:
    runners = [Runner(file.interpreter, file.inputs) for file in files]
    timings = measure_latency(runners, batch_sizes=batch_sizes, runs=runs)
    for file, result in zip(files, timings, strict=True):
        file.timings = result
        reasons = [f"batch {batch}: {reason}" for batch, reason in result.refused.items()]
        if not takes_batches(file.inputs) and any(batch != 1 for batch in batch_sizes):
            reasons.append("its shapes are fixed, so one invocation stands under batch 1")
        if reasons:
            file.notes["latency"] = "; ".join(reasons)
