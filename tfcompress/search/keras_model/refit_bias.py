"""Dense layers fitted anew, then the item biases, where scores come from coded tables.

`item_scores` says what the biases are for; here they are those of a Keras model.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.search.item_scores import ItemScores
from tfcompress.search.keras_model.refit import DenseRefit
from tfcompress.search.keras_model.scorer import Scorer
from tfcompress.training.variables import assign

if TYPE_CHECKING:
    import keras


class BiasRefit(DenseRefit):
    """The dense layers of `DenseRefit`, then the item biases, where scores come from coded tables.

    Args:
        model: keras.Model. Functional, with the trained tables.
        embeddings: collection of Layer. Those whose tables are coded.
        inputs: array or structure of arrays. Training inputs.
        examples: the same. Inputs that training has not met, as those of use will be: what the
            model knows by heart it is too sure of.
        is_tied: bool. Whether rows of what is scored against are read as well.
    """

    def __init__(
        self,
        model: keras.Model,
        embeddings: Collection[Any],
        inputs: Any,
        examples: Any,
        *,
        is_tied: bool = True,
    ) -> None:
        super().__init__(model, embeddings, inputs)
        scorer = Scorer.find(model, embeddings)
        self._wanted = super().wanted() if scorer and is_tied else None
        self._bias_layer = scorer.bias_layer if scorer else None
        if scorer is None or self._bias_layer is None:
            return
        self._scorer, self._examples = scorer, examples
        self._dense_variables = self.variables
        self.variables = [*self._dense_variables, self._bias_layer.bias]
        trained = self._now()
        self._trained_bias, self._calls = trained.bias, trained.calls()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the layers."""
        return super().names + (() if self._bias_layer is None else (self._bias_layer.name,))

    def wanted(self) -> list[Any]:
        """What dense layers are to give: with the trained tables, where scores come from them too.

        Shrunk rows are fine to read, not to be scored against: what is read then answers for both.
        """
        return super().wanted() if self._wanted is None else self._wanted

    def solve(self, wanted: list[Any]) -> list[NDArray[np.float32]]:
        """Values for `variables`, with coded tables in the model and trained dense weights.

        The dense weights in the model then are those solved for.
        """
        solved = super().solve(wanted)
        if self._bias_layer is None:
            return solved
        assign(self._dense_variables, solved)
        return [*solved, self._now(self._trained_bias).fitted_bias(self._calls)]

    def settle(self) -> None:
        """Fits the item biases to whatever tables and dense weights are in the model."""
        if self._bias_layer is not None:
            self._bias_layer.bias.assign(self._now().fitted_bias(self._calls))

    def _now(self, bias: NDArray[np.float32] | None = None) -> ItemScores:
        return self._scorer.scores(self._examples, bias)
