"""Scores that a .tflite takes against its own tables: what errors do to them, and their biases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tfcompress.rate_distortion.row_metrics import RowMetrics
from tfcompress.search.coded_together import probe_rows
from tfcompress.search.divergence import mean_divergence
from tfcompress.search.item_scores import ItemScores
from tfcompress.search.scored_rows import row_metrics
from tfcompress.search.tflite_file.runs import file_outputs
from tfcompress.tflite.graph.flatbuffer import TfliteFile
from tfcompress.tflite.packing.float_tables import write_floats
from tfcompress.tflite.tables.constants import TableConstant
from tfcompress.tflite.tables.fold_rotation import seen_directions
from tfcompress.tflite.tables.score_inputs import ScoreInputs, score_inputs, vectors_model

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

_PROBE_NOISE = 0.1
"""Of errors that show what reading does with them, against the root mean square of the table."""


@dataclass(frozen=True)
class _Scored:
    """A table that scores are taken against.

    Attributes:
        inputs: ScoreInputs. What they are taken with, in the file.
        model: TfliteFile. What makes the vectors.
        calls: float64 array `(n,)` or None. How often each item was called for; None where no bias
            can be fitted to that.
    """

    inputs: ScoreInputs
    model: TfliteFile
    calls: F64 | None


class FileScores:
    """Scores against the tables of a file, for some examples.

    Args:
        file: TfliteFile. With the tables as they were trained; `fit_biases` changes it.
        constants: mapping of str to TableConstant. Its tables, float32.
        inputs: int32 array, shape `(examples, length)`. What the model is given.
        counts: mapping of str to number array `(n,)`. How often rows are read, where it is known.

    Attributes:
        metrics: dict str -> float64 array `(D, D)`. What errors in the rows do to the answers, read
            or scored against, by the names of the tables that `score_inputs` knows.
        row_metrics: dict str -> RowMetrics. The same of each of their rows.
    """

    def __init__(
        self,
        file: TfliteFile,
        constants: Mapping[str, TableConstant],
        inputs: NDArray[np.int32],
        counts: Mapping[str, NDArray[np.number]],
    ) -> None:
        self._file, self._constants, self._inputs = file, constants, inputs
        self._scored: dict[str, _Scored] = {}
        self.metrics: dict[str, F64] = {}
        self.row_metrics: dict[str, RowMetrics] = {}
        for name, constant in constants.items():
            taken = score_inputs(file, constant)
            if taken is None:
                continue
            model, fits = vectors_model(file, taken), taken.own_bias is not None
            scores = self._scores(model, constant.table.value, taken.bias)
            exact, back = scores.information()
            metric = exact - back if fits else exact
            self.metrics[name] = metric + self._information_of_reads(model, constant, scores)
            of_rows = row_metrics(
                scores,
                self.metrics[name] / max(1, len(inputs)),
                counts.get(name, np.ones(len(scores.rows))),
                biased=fits,
            )
            if of_rows is not None:
                self.row_metrics[name] = of_rows
            self._scored[name] = _Scored(taken, model, scores.calls() if fits else None)

    @property
    def fitted(self) -> frozenset[str]:
        """Names of the tables whose scores have biases to fit."""
        return frozenset(name for name, one in self._scored.items() if one.calls is not None)

    def fit_biases(self, values: Mapping[str, F32]) -> None:
        """Puts biases into the file that go with these values of its tables.

        Args:
            values: mapping of str to float32 array. Of all tables.
        """
        for name, scored in self._scored.items():
            if scored.calls is None:
                continue
            for other, constant in self._constants.items():
                write_floats(scored.model, constant, values[other])
            scores = self._scores(scored.model, values[name], scored.inputs.bias)
            self._write_bias(scored, scores.fitted_bias(scored.calls))

    def put_back(self) -> None:
        """Puts the trained biases back."""
        for name in self.fitted:
            self._write_bias(self._scored[name], self._scored[name].inputs.bias)

    def _scores(self, model: TfliteFile, rows: F32, bias: F32) -> ItemScores:
        vectors = file_outputs(model.to_bytes(), self._inputs)
        return ItemScores(vectors, rows.reshape(len(rows), -1), bias)

    def _information_of_reads(
        self, model: TfliteFile, constant: TableConstant, scores: ItemScores
    ) -> F64:
        """The Fisher information of the rows as they are read, where they are.

        Its directions are those that the layers behind the rows see; how much they count is what
        noise in all rows does to the answers.
        """
        columns = constant.table.columns
        if not any(constant.places(subgraph) for subgraph in model.subgraphs):
            return np.zeros((columns, columns))
        directions = seen_directions(model, constant)
        if directions is None:
            directions = np.eye(columns)
        trained = constant.table.value
        size = _PROBE_NOISE * float(np.sqrt(np.mean(np.square(trained, dtype=np.float64))))
        noise = np.random.default_rng(0).normal(0, size, trained.shape).astype(np.float32)
        probe = self._inputs[probe_rows(len(self._inputs))]
        logits = []
        for value in (trained, trained + noise):
            write_floats(model, constant, value)
            vectors = file_outputs(model.to_bytes(), probe)
            logits.append(replace(scores, vectors=vectors).logits())
        write_floats(model, constant, trained)
        # Errors e of variance s^2 harm by e F e^T / 2 for each row, s^2 trace(F) / 2 in the mean.
        harm = mean_divergence(*logits) * len(self._inputs)
        scale = 2 * harm / (size**2 * np.trace(directions)) if size else 0.0
        return np.asarray(directions * scale, np.float64)

    def _write_bias(self, scored: _Scored, bias: F32) -> None:
        assert scored.inputs.own_bias is not None
        self._file.model.buffers[scored.inputs.own_bias.buffer].data = bias.view(np.uint8)
