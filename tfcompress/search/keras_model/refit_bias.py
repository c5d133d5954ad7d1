"""Dense layers fitted anew, then the item biases, where scores come from coded tables.

`item_scores` says what the biases are for; here they are those of a Keras model.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.search.item_scores import ItemScores
from tfcompress.search.keras_model.refit import DenseRefit
from tfcompress.training.variables import assign

if TYPE_CHECKING:
    import keras

_BATCH = 512


class BiasRefit(DenseRefit):
    """The dense layers of `DenseRefit`, then the item biases, where scores come from coded tables.

    Args:
        model: keras.Model. Functional, with the trained tables.
        embeddings: collection of Layer. Those whose tables are coded.
        inputs: array. Training inputs.
        examples: array. Inputs that training has not met, as those of use will be: what the model
            knows by heart it is too sure of.
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
        self._wanted: list[Any] | None = None
        self._bias_layer = bias_of_scores(model, embeddings)
        if self._bias_layer is None:
            return
        self._scores = _Scores(model, self._bias_layer, examples)
        self._wanted = super().wanted() if is_tied else None
        self._dense_variables = self.variables
        self.variables = [*self._dense_variables, self._bias_layer.bias]
        trained = self._scores.now()
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
        return [*solved, self._scores.now(self._trained_bias).fitted_bias(self._calls)]

    def settle(self) -> None:
        """Fits the item biases to whatever tables and dense weights are in the model."""
        if self._bias_layer is not None:
            self._bias_layer.bias.assign(self._scores.now().fitted_bias(self._calls))


class _Scores:
    """The scores that item biases are added to.

    Args:
        model: keras.Model.
        bias_layer: Layer. From `bias_of_scores`.
        examples: array. Inputs.

    Attributes:
        embedding: Layer. Whose rows scores are taken against.
    """

    def __init__(self, model: keras.Model, bias_layer: Any, examples: Any) -> None:
        import keras

        self.embedding, node, _ = bias_layer.input._keras_history
        (vectors,) = self.embedding._inbound_nodes[node].input_tensors
        self._vectors = keras.Model(model.inputs, vectors)
        self._bias_layer, self._examples = bias_layer, examples

    def now(self, bias: NDArray[np.float32] | None = None) -> ItemScores:
        """With the weights that are in the model, perhaps but for the biases."""
        own = np.array(self._bias_layer.bias) if bias is None else bias
        rows = np.array(self.embedding(np.arange(len(own), dtype=np.int32)))
        vectors = self._vectors.predict(self._examples, batch_size=_BATCH, verbose=0)
        return ItemScores(vectors, rows, own)


def scored_table(
    variables: Mapping[str, Any], model: keras.Model, bias_layer: Any, inputs: Any
) -> tuple[str, ItemScores] | None:
    """The table among some that scores are taken against, and the scores for some inputs.

    Args:
        variables: mapping of table name to keras.Variable.
        model: keras.Model.
        bias_layer: Layer. From `bias_of_scores`.
        inputs: array. Examples.

    Returns:
        Its name and scores, or None where it is not among them.
    """
    scores = _Scores(model, bias_layer, inputs)
    now = scores.now()
    for name, own in variables.items():
        # By name too: an untied output matrix has the shape of the table that is read.
        if own.shape == now.rows.shape and name.startswith(f"{scores.embedding.name}/"):
            return name, now
    return None


def bias_of_scores(model: keras.Model, embeddings: Collection[Any]) -> Any | None:
    """The layer that adds item biases to the scores of one of the embeddings; None without one."""
    from tfcompress.models.pooling import ItemBias

    for layer in model.layers:
        if isinstance(layer, ItemBias) and any(layer.scorer is one for one in embeddings):
            return layer
    return None
