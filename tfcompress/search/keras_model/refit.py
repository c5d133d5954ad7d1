"""Dense layers fitted anew to what coded tables give them: closed form, no labels, no bytes.

Coded rows differ from the trained ones in ways that go on into the next linear layer: shrunk
directions, errors that several rows of a history share. Ridge regression on training inputs finds
the kernel nearest to the trained one that brings the layer's outputs back to what they were.

    kernel' = kernel + (Y^T Y + lambda I)^-1 Y^T (X - Y) kernel

X and Y are the layer's inputs, less their means, with the tables that were coded for and with the
coded ones; the bias takes the difference of the means.

Reference:
    Hoerl and Kennard 1970, "Ridge regression: biased estimation for nonorthogonal problems"; the
    idea of correcting weights after quantisation by layer outputs: Nagel et al. 2019, "Data-free
    quantization through weight equalization and bias correction", section 4.2.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.search.keras_model.inputs import batches

if TYPE_CHECKING:
    import keras

_RIDGE = 0.03
"""Part of the mean energy of an input that holds the kernel where it was."""
_LEAST_RIDGE = 1e-6
"""The same of the trained input: where coded rows are all alike, only rounding tells them apart."""
_BATCH = 512


@dataclass(frozen=True)
class _Wanted:
    """What a layer gives with the tables that were coded for.

    Attributes:
        mean: float64 array `(inputs,)`. Of its inputs.
        products: float64 array `(examples, units)`. Of its inputs less their means.
        energy: float. Mean over the inputs of their squares, summed over the examples.
    """

    mean: NDArray[np.float64]
    products: NDArray[np.float64]
    energy: float


class DenseRefit:
    """The dense layers that follow lookups, on vectors of a training batch.

    Args:
        model: keras.Model. Functional; layers inside nested models are not found.
        embeddings: collection of Layer. Those whose tables are coded.
        inputs: array or structure of arrays. Training inputs.

    Attributes:
        variables: list of keras.Variable. Kernels and biases that change; none where no dense layer
            follows.
    """

    def __init__(self, model: keras.Model, embeddings: Collection[Any], inputs: Any) -> None:
        import keras

        self._layers = _next_dense(model, embeddings)
        self._inputs = inputs
        self.variables = [
            variable
            for layer in self._layers
            for variable in (layer.kernel, layer.bias)
            if variable is not None
        ]
        self._trained = [
            (np.array(layer.kernel, np.float64), layer.bias is not None) for layer in self._layers
        ]
        if self._layers:
            self._features = keras.Model(model.input, [layer.input for layer in self._layers])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the layers."""
        return tuple(layer.name for layer in self._layers)

    def wanted(self) -> list[_Wanted]:
        """What the layers give now, with the tables to be coded for in the model."""
        result = []
        for (mean, rest), (kernel, _) in zip(self._means_apart(), self._trained, strict=True):
            energy = float(np.square(rest).sum()) / len(kernel)
            result.append(_Wanted(mean, rest @ kernel, energy))
        return result

    def solve(self, wanted: list[_Wanted]) -> list[NDArray[np.float32]]:
        """Values for `variables`, with coded tables in the model and trained dense weights."""
        solved = []
        for (mean, rest), (kernel, _), own in zip(
            self._means_apart(), self._trained, wanted, strict=True
        ):
            energies = rest.T @ rest
            ridge = _RIDGE * np.trace(energies) / len(energies)
            ridge = max(ridge, _LEAST_RIDGE * own.energy) or 1.0
            missing = rest.T @ (own.products - rest @ kernel)
            changed = kernel + np.linalg.solve(energies + ridge * np.eye(len(energies)), missing)
            solved.append((changed, own.mean @ kernel - mean @ changed))
        return self._values(solved)

    def settle(self) -> None:
        """Fits anew what training around coded tables does not: nothing here."""

    def _values(
        self, solved: list[tuple[NDArray[np.float64], NDArray[np.float64]]]
    ) -> list[NDArray[np.float32]]:
        values = []
        for layer, (kernel, shift) in zip(self._layers, solved, strict=True):
            values.append(kernel.astype(np.float32))
            if layer.bias is not None:
                values.append((np.array(layer.bias) + shift).astype(np.float32))
        return values

    def _means_apart(self) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Means of the inputs of each layer, and the inputs less them.

        Zeros, and the inputs, where a layer has no bias to take a difference of means.
        """
        from keras import tree

        if not self._layers:
            return []
        parts = [
            tree.flatten(self._features.predict_on_batch(batch))
            for batch in batches(self._inputs, _BATCH)
        ]
        result = []
        for number, (kernel, has_bias) in enumerate(self._trained):
            features = np.concatenate([np.asarray(part[number]) for part in parts])
            mean = features.mean(axis=0, dtype=np.float64) if has_bias else np.zeros(len(kernel))
            result.append((mean, features - mean))
        return result


def _next_dense(model: keras.Model, embeddings: Collection[Any]) -> list[Any]:
    """Dense layers on vectors that the outputs of embeddings reach with no other in between."""
    import keras

    readers: dict[int, list[Any]] = {}
    for operation in getattr(model, "operations", ()):  # none in a subclassed model
        for node in operation._inbound_nodes:
            for tensor in node.input_tensors:
                readers.setdefault(id(tensor._keras_history.operation), []).append(operation)
    found: list[Any] = []
    seen, open_ends = set(), list(embeddings)
    while open_ends:
        operation = open_ends.pop()
        for reader in readers.get(id(operation), ()):
            if id(reader) in seen:
                continue
            seen.add(id(reader))
            if not isinstance(reader, keras.layers.Dense):
                open_ends.append(reader)
            elif len(reader._inbound_nodes) == 1 and len(reader.input.shape) == 2:
                found.append(reader)
    return found
