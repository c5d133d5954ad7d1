"""Item biases fitted anew to scores that come from coded tables: no labels, no bytes.

Where scores are taken against a coded table (tied outputs), the errors of a row shift the scores of
its item, and those of rare items, which are coarser, more: they sink or rise as a whole. The bias
of an item is stored as a float anyway, so it takes the shift back. It is set such that every item
has the probability that the trained model gives it, in the mean over validation histories; the
softmax's divergence from that of the trained model is convex in the biases, and least there.

Reference:
    Deming and Stephan 1940, "On a least squares adjustment of a sampled frequency table when the
    expected marginal totals are known" (iterative proportional fitting, of which this is one side).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.search.refit import DenseRefit
from tfcompress.training.variables import assign
from tfcompress.vocabulary import FIRST_ID

if TYPE_CHECKING:
    import keras

_BATCH_SCORES = 1 << 24
"""Scores of a batch of examples: 64 MB of float32, of which some copies are held."""
_ROUNDS = 3
_LEAST = 1e-5
"""Added to mean probabilities: items that examples hardly call for keep their biases."""


class BiasRefit(DenseRefit):
    """The dense layers of `DenseRefit`, then the item biases, where scores come from coded tables.

    Args:
        model: keras.Model. Functional, with the trained tables.
        embeddings: collection of Layer. Those whose tables are coded.
        inputs: array. Training inputs.
        examples: array. Inputs that training has not met, as those of use will be: what the model
            knows by heart it is too sure of.
    """

    def __init__(
        self, model: keras.Model, embeddings: Collection[Any], inputs: Any, examples: Any
    ) -> None:
        super().__init__(model, embeddings, inputs)
        self._bias_layer = bias_of_scores(model, embeddings)
        if self._bias_layer is None:
            return
        self._examples = examples
        self._wanted = super().wanted()
        self._mean_probabilities = _mean_probabilities(model, self._bias_layer)
        self._dense_variables = self.variables
        self.variables = [*self._dense_variables, self._bias_layer.bias]
        self._trained_bias = np.array(self._bias_layer.bias)
        self._calls = self._mean_probabilities(self._examples, self._trained_bias)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the layers."""
        return super().names + (() if self._bias_layer is None else (self._bias_layer.name,))

    def wanted(self) -> list[Any]:
        """What dense layers are to give: with the trained tables, where scores come from them too.

        Shrunk rows are fine to read, not to be scored against: what is read then answers for both.
        """
        return super().wanted() if self._bias_layer is None else self._wanted

    def solve(self, wanted: list[Any]) -> list[NDArray[np.float32]]:
        """Values for `variables`, with coded tables in the model and trained dense weights.

        The dense weights in the model then are those solved for.
        """
        solved = super().solve(wanted)
        if self._bias_layer is None:
            return solved
        assign(self._dense_variables, solved)
        return [*solved, self._fitted(self._trained_bias)]

    def settle(self) -> None:
        """Fits the item biases to whatever tables and dense weights are in the model."""
        if self._bias_layer is not None:
            self._bias_layer.bias.assign(self._fitted(np.array(self._bias_layer.bias)))

    def _fitted(self, bias: NDArray[np.float32]) -> NDArray[np.float32]:
        for _ in range(_ROUNDS):
            calls = self._mean_probabilities(self._examples, bias)
            bias = (bias + np.log((self._calls + _LEAST) / (calls + _LEAST))).astype(np.float32)
        return bias


def less_biases(
    metrics: dict[str, NDArray[np.float64]],
    variables: dict[str, Any],
    model: keras.Model,
    bias_layer: Any,
    inputs: Any,
) -> dict[str, NDArray[np.float64]]:
    """Fisher information of tables without what item biases can take back.

    An error e in the row of an item harms, beside biases fitted to it, by the variance of its
    scores e h, not by their mean square: both over vectors h weighted by p (1 - p), p being the
    item's probability. This is the Schur complement of the biases in the information of both.

    Args:
        metrics: dict str -> float64 array `(D, D)`. From `fisher_metrics`, of the same inputs.
        variables: dict of table name to keras.Variable.
        model: keras.Model.
        bias_layer: Layer. From `bias_of_scores`.
        inputs: array. Examples.
    """
    import keras
    from keras import ops

    scores = bias_layer.input
    embedding, node, _ = scores._keras_history
    (vectors,) = embedding._inbound_nodes[node].input_tensors
    both = keras.Model(model.inputs, [vectors, scores])
    num_items = bias_layer.bias.shape[0]
    sums, weights = np.zeros((num_items, vectors.shape[-1])), np.zeros(num_items)
    offsets = np.array(bias_layer.bias) + _never(num_items)
    for part in _batches(inputs, num_items):
        h, raw = both(ops.convert_to_tensor(part), training=False)
        shares = ops.softmax(raw + offsets, axis=-1)
        uncertain = shares * (1 - shares)
        sums += ops.convert_to_numpy(ops.matmul(ops.transpose(uncertain), h))
        weights += ops.convert_to_numpy(ops.sum(uncertain, axis=0))
    taken = sums.T @ (sums / np.maximum(weights, np.finfo(np.float32).tiny)[:, None])
    name = next(
        (
            name
            for name, own in variables.items()
            # By name too: an untied output matrix has the shape of the table that is read.
            if own.shape == sums.shape and name.startswith(f"{embedding.name}/")
        ),
        None,
    )
    return {**metrics, name: metrics[name] - taken} if name in metrics else metrics


def _never(num_items: int) -> NDArray[np.float32]:
    """Added to scores: ids below the first are never an answer."""
    result = np.zeros(num_items, np.float32)
    result[:FIRST_ID] = -np.inf
    return result


def bias_of_scores(model: keras.Model, embeddings: Collection[Any]) -> Any | None:
    """The layer that adds item biases to the scores of one of the embeddings; None without one."""
    from tfcompress.models.pooling import ItemBias

    for layer in model.layers:
        if isinstance(layer, ItemBias):
            scores = layer.input._keras_history.operation
            if any(scores is embedding for embedding in embeddings):
                return layer
    return None


def _batches(inputs: Any, num_items: int) -> Iterator[Any]:
    size = max(1, _BATCH_SCORES // num_items)
    return (inputs[start : start + size] for start in range(0, len(inputs), size))


def _mean_probabilities(
    model: keras.Model, bias_layer: Any
) -> Callable[[Any, NDArray[np.float32]], NDArray[np.float64]]:
    """From inputs and biases to the mean probability of every item; ids before the first have 0."""
    import keras
    from keras import ops

    scores = keras.Model(model.inputs, bias_layer.input)
    never = _never(bias_layer.bias.shape[0])

    def mean(inputs: Any, bias: NDArray[np.float32]) -> NDArray[np.float64]:
        total = np.zeros(len(never))
        for part in _batches(inputs, len(never)):
            batch = ops.convert_to_tensor(part)
            shares = ops.softmax(scores(batch, training=False) + (bias + never), axis=-1)
            total += ops.convert_to_numpy(ops.sum(shares, axis=0))
        return total / max(1, len(inputs))

    return mean
