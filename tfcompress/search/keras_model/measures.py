"""What a search knows of a model beside its quality: harm of errors, what to refit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.search.item_scores import SCORED_EXAMPLES
from tfcompress.search.keras_model.fisher import fisher_metrics
from tfcompress.search.keras_model.inputs import num_examples
from tfcompress.search.keras_model.refit_bias import BiasRefit
from tfcompress.search.keras_model.scorer import Scorer
from tfcompress.search.scored_rows import row_metrics
from tfcompress.search.search import SCORED_START, START

if TYPE_CHECKING:
    import keras

    from tfcompress.rate_distortion.row_metrics import RowMetrics
    from tfcompress.search.keras_model.answers import Logits
    from tfcompress.search.keras_model.refit import DenseRefit
    from tfcompress.search.settings import Settings

_REFIT_EXAMPLES = 16384


@dataclass(frozen=True)
class Samples:
    """What a model is given, and what its answers are; no labels.

    Attributes:
        fresh: array or structure of arrays. Inputs that training has not met, at most
            SCORED_EXAMPLES: as those of use will be.
        trained: callable. At most so many inputs of the training, evenly spread.
        logits: callable or None. See `answers`.
        counts: mapping of embedding name to number array `(input_dim,)`. How often each id is read,
            where that is known.
    """

    fresh: Any
    trained: Callable[[int], Any]
    logits: Logits | None = None
    counts: Mapping[str, NDArray[np.number]] = field(default_factory=dict)


@dataclass(frozen=True)
class Measures:
    """Of one model.

    Attributes:
        model: keras.Model.
        samples: Samples.
        scorer: Scorer or None. Of scores, whose softmax counts, that come from a coded table.
        is_tied: bool. Whether there are such scores of which the rows are read as well.
        refits: bool. Whether dense layers, and item biases, are fitted to coded tables.
    """

    model: keras.Model
    samples: Samples
    scorer: Scorer | None
    is_tied: bool
    refits: bool = True

    @classmethod
    def of(
        cls,
        model: keras.Model,
        samples: Samples,
        coded: Collection[Any],
        read: Collection[Any],
        *,
        refits: bool = True,
    ) -> Measures:
        """For the tables of some embedding layers, and those of which rows are read."""
        both = [layer for layer in coded if any(layer is other for other in read)]
        is_tied = Scorer.find(model, both) is not None
        scorer = None if samples.logits is None else Scorer.find(model, coded)
        return cls(model, samples, scorer, is_tied, refits)

    @property
    def start(self) -> Settings:
        """Where a search begins."""
        return SCORED_START if self.is_tied else START

    def metrics(self, variables: dict[str, Any]) -> dict[str, NDArray[np.float64]]:
        """As `ModelTables` asks for them: sums over fresh inputs."""
        fresh = self.samples.fresh
        metrics = fisher_metrics(self.model, variables, fresh, self.samples.logits)
        if self.scorer is not None and self._fits_biases:
            name = self.scorer.table(variables)
            if name is not None:
                _, taken_back = self.scorer.scores(fresh).information()
                metrics[name] = metrics[name] - taken_back
        return metrics

    def row_metrics(
        self, variables: dict[str, Any], metrics: dict[str, NDArray[np.float64]]
    ) -> dict[str, RowMetrics]:
        """As `ModelTables` asks for them: of a table that scores are taken against."""
        name = self.scorer.table(variables) if self.scorer is not None else None
        if self.scorer is None or name is None:
            return {}
        # Fresh inputs may be few, and one row is not called for often.
        scores = self.scorer.scores(self.samples.trained(SCORED_EXAMPLES))
        metric = metrics[name] / max(1, num_examples(self.samples.fresh))
        counts = self.samples.counts.get(self.scorer.embedding.name, np.ones(len(scores.rows)))
        found = row_metrics(scores, metric, counts, biased=self._fits_biases)
        return {} if found is None else {name: found}

    def refit(self, coded: list[Any]) -> DenseRefit:
        """As `ModelTables` asks for it."""
        histories = self.samples.trained(_REFIT_EXAMPLES)
        return BiasRefit(self.model, coded, histories, self.samples.fresh, is_tied=self.is_tied)

    @property
    def _fits_biases(self) -> bool:
        return self.refits and self.scorer is not None and self.scorer.bias_layer is not None
