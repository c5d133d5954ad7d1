"""What a search knows of the model of a run beside its quality: harm of errors, what to refit."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.search.item_scores import SCORED_EXAMPLES, ItemScores
from tfcompress.search.keras_model.fisher import fisher_metrics
from tfcompress.search.keras_model.refit_bias import BiasRefit, bias_of_scores, scored_table
from tfcompress.search.scored_rows import row_metrics
from tfcompress.search.search import SCORED_START, START

if TYPE_CHECKING:
    import keras

    from tfcompress.rate_distortion.row_metrics import RowMetrics
    from tfcompress.search.keras_model.refit import DenseRefit
    from tfcompress.search.run.quality import RunQuality
    from tfcompress.search.settings import Settings

_REFIT_EXAMPLES = 16384


@dataclass(frozen=True)
class Measures:
    """Of one model on the data of its run.

    Attributes:
        model: keras.Model.
        measured: RunQuality.
        bias_layer: Layer or None. What adds item biases to scores that come from a coded table.
        is_tied: bool. Whether there are such scores of which the rows are read as well.
        refits: bool. Whether dense layers, and those biases, are fitted to coded tables.
    """

    model: keras.Model
    measured: RunQuality
    bias_layer: Any
    is_tied: bool
    refits: bool = True

    @classmethod
    def of(
        cls,
        model: keras.Model,
        measured: RunQuality,
        coded: Collection[Any],
        read: Collection[Any],
        *,
        refits: bool = True,
    ) -> Measures:
        """For the tables of some embedding layers, and those of which rows are read."""
        both = [layer for layer in coded if any(layer is other for other in read)]
        is_tied = bias_of_scores(model, both) is not None
        return cls(model, measured, bias_of_scores(model, coded), is_tied, refits)

    @property
    def inputs(self) -> NDArray[np.int32]:
        """Validation inputs; no labels."""
        length = self.model.inputs[0].shape[1]
        inputs: NDArray[np.int32] = self.measured.dataset.valid.inputs(length, SCORED_EXAMPLES)
        return inputs

    @property
    def start(self) -> Settings:
        """Where a search begins."""
        return SCORED_START if self.is_tied else START

    def metrics(self, variables: dict[str, Any]) -> dict[str, NDArray[np.float64]]:
        """As `ModelTables` asks for them: sums over `inputs`."""
        inputs = self.inputs
        metrics = fisher_metrics(self.model, variables, inputs, self.measured.task.logits)
        scored = self._scored(variables, inputs) if self.refits else None
        if scored is not None:
            name, scores = scored
            _, taken_back = scores.information()
            metrics[name] = metrics[name] - taken_back
        return metrics

    def row_metrics(
        self, variables: dict[str, Any], metrics: dict[str, NDArray[np.float64]]
    ) -> dict[str, RowMetrics]:
        """As `ModelTables` asks for them: of a table that scores are taken against."""
        # Validation may be small, and one row is not called for often.
        scored = self._scored(variables, self.measured.task.training_inputs(SCORED_EXAMPLES))
        if scored is None:
            return {}
        name, scores = scored
        counts = self.measured.dataset.id_counts
        metric = metrics[name] / max(1, len(self.inputs))
        found = row_metrics(scores, metric, counts, biased=self.refits)
        return {} if found is None else {name: found}

    def _scored(
        self, variables: dict[str, Any], inputs: NDArray[np.int32]
    ) -> tuple[str, ItemScores] | None:
        if self.bias_layer is None:
            return None
        return scored_table(variables, self.model, self.bias_layer, inputs)

    def refit(self, coded: list[Any]) -> DenseRefit:
        """As `ModelTables` asks for it."""
        histories = self.measured.task.training_inputs(_REFIT_EXAMPLES)
        return BiasRefit(self.model, coded, histories, self.inputs, is_tied=self.is_tied)
