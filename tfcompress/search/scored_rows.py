"""What errors in each row of a table do that scores are taken against."""

import numpy as np
from numpy.typing import NDArray

from tfcompress.rate_distortion.row_metrics import RowMetrics
from tfcompress.search.item_scores import ItemScores

F64 = NDArray[np.float64]

_MOST_VALUES = 1 << 26
"""Of matrices of single rows, 256 MB: those read most often have them."""
_FLOOR = 0.01
"""Part of its mean that the metric of the table has in every direction."""
_SHARED = 0.3
"""Part that the metric of the table has in that of every row: examples show a row only so well."""


def row_metrics(
    scores: ItemScores, metric: F64, counts: NDArray[np.number], *, biased: bool
) -> RowMetrics | None:
    """The metrics of rows one by one, from scores for some examples.

    Args:
        scores: ItemScores. With the trained rows, for inputs of the training or others.
        metric: float64 array, shape `(D, D)`. Of the whole table, an example: what errors in its
            rows do where they are scored against, and where they are read. What the former leave
            of it, rows share by how often they are read.
        counts: number array, shape `(n,)`. How often each row is read.
        biased: bool. Whether biases are fitted to coded rows, and take back what they can.

    Returns:
        RowMetrics, or None where nothing does any harm.
    """
    examples, columns = scores.vectors.shape
    # Drawn answers less exact shares of biases: some directions may come out below nothing.
    values, vectors = np.linalg.eigh(metric)
    values = np.maximum(values, _FLOOR * values.mean())
    total = float(values.sum())
    if examples == 0 or not values.mean() > 0:
        return None
    most = _MOST_VALUES // columns**2
    rows = np.sort(np.argsort(-counts, kind="stable")[:most])
    own, traces = scores.row_information(rows, biased=biased)
    own *= np.float32((1 - _SHARED) / examples)
    traces /= examples
    reads = max(0.0, total - float(traces.sum()))
    weights = traces.copy()
    weights[rows] *= _SHARED
    weights += reads * counts / max(1, counts.sum())
    shared = (vectors * (values / total)) @ vectors.T
    return RowMetrics(shared.astype(np.float32), weights, rows, own)
