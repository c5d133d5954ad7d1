"""Scores that a Keras model takes against the rows of an embedding, with item biases or without."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tfcompress.search.item_scores import ItemScores
from tfcompress.vocabulary import FIRST_ID

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

_BATCH = 512


@dataclass(frozen=True)
class Scorer:
    """One embedding of a functional model that is called with `reverse=True`.

    Attributes:
        embedding: Layer. Whose rows scores are taken against.
        vectors: keras.Model. From the model's inputs to what scores are taken with.
        bias_layer: ItemBias or None. What adds a bias for every item to the scores.
    """

    embedding: Any
    vectors: keras.Model
    bias_layer: Any | None

    @classmethod
    def find(cls, model: keras.Model, embeddings: Collection[Any]) -> Scorer | None:
        """Of the first of some embeddings that there is; None where scores come otherwise."""
        import keras

        from tfcompress.models.pooling import ItemBias

        for embedding in embeddings:
            for node in _scoring_calls(model, embedding):
                vectors = keras.Model(model.input, node.input_tensors[0])
                biases = (
                    layer
                    for layer in model.layers
                    if isinstance(layer, ItemBias) and layer.scorer is embedding
                )
                return cls(embedding, vectors, next(biases, None))
        return None

    def table(self, variables: Mapping[str, Any]) -> str | None:
        """The name of the embedding's table among some; None where it is not one table."""
        for name, own in variables.items():
            # By name too: an untied output matrix has the shape of the table that is read.
            if own.shape == (self.embedding.input_dim, self.embedding.output_dim) and (
                name.startswith(f"{self.embedding.name}/")
            ):
                return name
        return None

    def scores(self, inputs: Any, bias: NDArray[np.float32] | None = None) -> ItemScores:
        """For some inputs, with the weights that are in the model, perhaps but for the biases."""
        ids = np.arange(self.embedding.input_dim, dtype=np.int32)
        rows = np.array(self.embedding(ids)).astype(np.float32)  # under a policy of fewer bits too
        vectors = self.vectors.predict(inputs, batch_size=_BATCH, verbose=0).astype(np.float32)
        vectors = vectors.reshape(-1, vectors.shape[-1])  # of every position, where there are some
        if self.bias_layer is None:  # A model of the user's own, where every id is an answer.
            return ItemScores(vectors, rows, np.zeros(len(rows), np.float32), first_id=0)
        own = np.array(self.bias_layer.bias) if bias is None else bias
        return ItemScores(vectors, rows, own, first_id=FIRST_ID)


def _scoring_calls(model: keras.Model, embedding: Any) -> list[Any]:
    """The nodes of a functional model that take scores against the rows of an embedding."""
    if not getattr(embedding, "tie_weights", True):
        return []  # Keras' ReversibleEmbedding then has a matrix of its own for them.
    depths = getattr(model, "_nodes_by_depth", {})  # none in a subclassed model
    own = {id(node) for nodes in depths.values() for node in nodes}
    return [
        node
        for node in embedding._inbound_nodes
        if id(node) in own and node.arguments.kwargs.get("reverse")
    ]
