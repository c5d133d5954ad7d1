"""Scores that a .tflite takes against its own tables: what errors do to them, and their biases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfcompress.search.file_runs import file_outputs
from tfcompress.search.item_scores import ItemScores
from tfcompress.tflite.graph.flatbuffer import TfliteFile
from tfcompress.tflite.packing.float_tables import write_floats
from tfcompress.tflite.tables.constants import TableConstant
from tfcompress.tflite.tables.score_inputs import ScoreInputs, score_inputs, vectors_model

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class _Scored:
    """A table that scores are taken against.

    Attributes:
        inputs: ScoreInputs. What they are taken with, in the file.
        model: TfliteFile. What makes the vectors.
        bias: float32 array `(n,)`. As it was trained; zeros where there is none.
        calls: float64 array `(n,)`. How often each item was called for.
    """

    inputs: ScoreInputs
    model: TfliteFile
    bias: F32
    calls: NDArray[np.float64]


class FileScores:
    """Scores against the tables of a file, for some examples.

    Args:
        file: TfliteFile. With the tables as they were trained; `fit_biases` changes it.
        constants: mapping of str to TableConstant. Its tables, float32.
        inputs: int32 array, shape `(examples, length)`. What the model is given.

    Attributes:
        metrics: dict str -> float64 array `(D, D)`. What errors in the rows do to the answers, by
            the names of tables that scores are taken against in one place.
    """

    def __init__(
        self, file: TfliteFile, constants: Mapping[str, TableConstant], inputs: NDArray[np.int32]
    ) -> None:
        self._file, self._constants, self._inputs = file, constants, inputs
        self._scored: dict[str, _Scored] = {}
        self.metrics: dict[str, NDArray[np.float64]] = {}
        for name, constant in constants.items():
            taken, model = score_inputs(file, constant), vectors_model(file, constant)
            if taken is None or model is None:
                continue
            bias = None if taken.bias is None else file.array(taken.bias)
            known = np.zeros(constant.table.rows, np.float32) if bias is None else bias.copy()
            scores = self._scores(model, constant.table.value, known)
            exact, back = scores.information()
            self.metrics[name] = exact if bias is None else exact - back
            self._scored[name] = _Scored(taken, model, known, scores.calls())

    @property
    def fitted(self) -> frozenset[str]:
        """Names of the tables whose scores have biases to fit."""
        return frozenset(
            name for name, scored in self._scored.items() if scored.inputs.bias is not None
        )

    def fit_biases(self, values: Mapping[str, F32]) -> None:
        """Puts biases into the file that go with these values of its tables.

        Args:
            values: mapping of str to float32 array. Of all tables.
        """
        for name in self.fitted:
            scored = self._scored[name]
            for other, constant in self._constants.items():
                write_floats(scored.model, constant, values[other])
            scores = self._scores(scored.model, values[name], scored.bias)
            self._write_bias(scored, scores.fitted_bias(scored.calls))

    def put_back(self) -> None:
        """Puts the trained biases back."""
        for name in self.fitted:
            self._write_bias(self._scored[name], self._scored[name].bias)

    def _scores(self, model: TfliteFile, rows: F32, bias: F32) -> ItemScores:
        vectors = file_outputs(model.to_bytes(), self._inputs)
        return ItemScores(vectors, rows.reshape(len(rows), -1), bias)

    def _write_bias(self, scored: _Scored, bias: F32) -> None:
        assert scored.inputs.bias is not None
        self._file.model.buffers[scored.inputs.bias.buffer].data = bias.view(np.uint8)
