"""How often each row of each table of an embedding layer is read, from how often each id is.

The layers are told apart by class name and known by their arguments alone, so that nothing here
imports Keras.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.errors import ConfigError
from tfcompress.rate_distortion.row_classes import check_weights

Weights = NDArray[np.float64]
ByTable = dict[str, Weights]


def row_weights(layer: Any, counts: NDArray[np.number]) -> ByTable:
    """How often the rows of a layer's tables are read.

    Args:
        layer: Layer. One of `tfcompress.layers`, `keras.layers.Embedding`, or one of a class
            derived from these that reads the same rows.
        counts: number array, shape `(input_dim,)`. How often each id occurs.

    Returns:
        dict str -> float64 array, shape `(rows,)`, by the names of `layers.layer_tables`. Rows of a
        factor that every id reads (P, C) have the sum of all. Most tables come out sorted, most
        frequent first; the second hash of a double hash, say, does not, and `TransformCoder` then
        has fewer row classes, or one.

    Raises:
        ConfigError: The counts do not go with the layer, or the layer is of an unknown class.
    """
    weights = check_weights(counts, int(layer.input_dim), getattr(layer, "name", "layer"))
    ranks = getattr(layer, "ranks", None)
    if ranks is not None:
        by_rank = np.empty_like(weights)
        by_rank[np.asarray(ranks)] = weights
        weights = by_rank
    return _by_class(layer, weights)


def _by_class(layer: Any, weights: Weights) -> ByTable:
    for kind in type(layer).__mro__:
        if kind.__name__ in _TABLES:
            return _TABLES[kind.__name__](layer, weights)
    name, known = type(layer).__name__, ", ".join(_TABLES)
    raise ConfigError(f"layer: got a {name}, whose rows are not known; expected {known}")


def _all(layer: Any, weights: Weights) -> Weights:
    return np.full(layer.output_dim, weights.sum())


def _one_row_each(layer: Any, weights: Weights) -> ByTable:
    return {"embeddings": weights}


def _summed(weights: Weights, rows: NDArray[np.int64], size: int) -> Weights:
    """Weights of ids added up by the row that each reads."""
    return np.bincount(rows, weights, size).astype(np.float64)


def _modulo(weights: Weights, size: int) -> Weights:
    return _summed(weights, np.arange(len(weights)) % size, size)


def _quotient(weights: Weights, divisor: int) -> Weights:
    return _summed(weights, np.arange(len(weights)) // divisor, -(-len(weights) // divisor))


def _truncated(layer: Any, weights: Weights) -> ByTable:
    kept = layer.num_kept
    return {"embeddings": np.append(weights[:kept], weights[kept:].sum())}


def _hash(layer: Any, weights: Weights) -> ByTable:
    rows = layer.buckets()
    read = np.broadcast_to(weights[:, None], rows.shape)
    return {"U": _summed(read.reshape(-1), rows.reshape(-1), layer.num_buckets)}


def _quotient_remainder(layer: Any, weights: Weights) -> ByTable:
    size = layer.num_buckets
    return {"Q": _quotient(weights, size), "R": _modulo(weights, size)}


def _memcom(layer: Any, weights: Weights) -> ByTable:
    tables = {"U": _modulo(weights, layer.num_buckets), "v": weights}
    return tables | {"w": weights} if layer.use_bias else tables


def _huffman(layer: Any, weights: Weights) -> ByTable:
    tree = layer._tree
    # Rank r of the tree is id (r + 2) mod n, as ids 0 and 1 take the last codes.
    by_rank = np.roll(weights, -2)
    read = by_rank[:, None] * (tree.weights_by_rank(mean=False) > 0)
    return {"T": _summed(read.reshape(-1), tree.rows().reshape(-1), tree.num_rows)}


def _tensor_train(layer: Any, weights: Weights) -> ByTable:
    rows = layer.shapes[0]
    tables = {}
    for k in range(len(rows)):
        digits = np.arange(len(weights)) // math.prod(rows[k + 1 :]) % rows[k]
        tables[f"G{k + 1}"] = _summed(weights, digits, rows[k])
    return tables


def _fpd(layer: Any, weights: Weights) -> ByTable:
    side = layer.side
    first = np.append(_quotient(weights, side), np.zeros(side))[:side]
    return {"A": first, "B": _modulo(weights, side), "C": _all(layer, weights)}


def _low_rank(layer: Any, weights: Weights) -> ByTable:
    return {"A": weights, "P": _all(layer, weights)}


def _tiered(layer: Any, weights: Weights) -> ByTable:
    tail = _by_class(layer.tail, weights[layer.head :])
    return {"head": weights[: layer.head]} | {f"tail/{name}": own for name, own in tail.items()}


def _mixed_width(layer: Any, weights: Weights) -> ByTable:
    parts = np.split(weights, layer.boundaries)
    tables = {f"E{tier + 1}": own for tier, own in enumerate(parts)}
    return tables | {"P": _all(layer, weights)}


_TABLES: dict[str, Callable[[Any, Weights], ByTable]] = {
    "Embedding": _one_row_each,
    "ReversibleEmbedding": _one_row_each,
    "FullEmbedding": _one_row_each,
    "TruncatedEmbedding": _truncated,
    "HashEmbedding": _hash,
    "QuotientRemainderEmbedding": _quotient_remainder,
    "MEmComEmbedding": _memcom,
    "HuffmanEmbedding": _huffman,
    "TensorTrainEmbedding": _tensor_train,
    "FPDEmbedding": _fpd,
    "LowRankEmbedding": _low_rank,
    "TieredEmbedding": _tiered,
    "MixedWidthEmbedding": _mixed_width,
}
