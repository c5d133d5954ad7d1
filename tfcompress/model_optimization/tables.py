"""Tables of few different values: k-means of a table's own values, in one dimension."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.errors import ConfigError
from tfcompress.quantization import FloatTable, quantize

MOST_CLUSTERS = 256
_MAX_ROUNDS = 200
_BINS = 1024


def cluster_values(
    table: FloatTable, num_clusters: int, *, name: str = "table"
) -> NDArray[np.float32]:
    """The table with every value replaced by the nearest of a few centroids.

    Lloyd's algorithm; the same table gives the same centroids. These then move to the nearest of
    255 steps of one scale, so that `quantize(clustered, 8, "per_table")` rounds nothing more and a
    codec finds `num_clusters` different integers.

    Args:
        table: float array, shape `(n, D)`.
        num_clusters: int. 2 to 256; centroids that meet on a step become one.
        name: str. What errors call the table.

    Returns:
        float32 array, shape `(n, D)`.

    Raises:
        ConfigError: `num_clusters` is out of its range, or a value is NaN or infinite.

    Reference:
        Lloyd 1982, "Least squares quantization in PCM"; the start: Panter and Dite 1951,
        "Quantization distortion in pulse-count modulation with nonuniform spacing of levels"; on
        weights: Han et al. 2016, "Deep compression", section 3.
    """
    if not 2 <= num_clusters <= MOST_CLUSTERS:
        raise ConfigError(
            f"clusters: got {num_clusters!r}, expected a number from 2 to {MOST_CLUSTERS}"
        )
    quantize(table, name=name)  # refuses what is no table of finite numbers
    values, counts = np.unique(np.asarray(table, np.float32), return_counts=True)
    centroids = _lloyd(values.astype(np.float64), counts, num_clusters)
    largest = np.abs(centroids).max(initial=0.0)
    step = np.float32(largest / 127)
    if step < np.finfo(np.float32).tiny:  # A subnormal step has too few bits to come back exactly.
        step = np.float32(1)
    grid = np.rint(centroids / step).astype(np.float32) * step
    return grid[_nearest(centroids, np.asarray(table, np.float32))]


def cluster_tables(model: Any, num_clusters: int) -> tuple[str, ...]:
    """Clusters the values of the tables of a model's lookups, each table on its own, in place.

    Convert with `table_dtype="int8", granularity="per_table"` and a codec: without one every value
    takes 8 bits however few there are.

    Args:
        model: keras.Model, built, on TensorFlow.
        num_clusters: int. See `cluster_values`.

    Returns:
        tuple of str. The tables, as "embedding/table".

    Raises:
        ConfigError: as `cluster_values`, or the model looks up no table of 8 columns or more.
    """
    from tfcompress import layers
    from tfcompress.tflite import table_use
    from tfcompress.tflite.tables.constants import NARROW_COLUMNS
    from tfcompress.training.variables import values

    names = table_use(model).looked_up
    found = {
        name: variable
        for embedding, layer in layers.model_embeddings(model).items()
        for key, variable in layers.layer_tables(layer).items()
        if (name := f"{embedding}/{key}") in names
        # Narrower ones are vectors of scales and the like, which conversion leaves as they are.
        and len(variable.shape) == 2
        and int(variable.shape[1]) >= NARROW_COLUMNS
    }
    if not found:
        raise ConfigError(f"clusters: the model looks up no table of {NARROW_COLUMNS} columns")
    for name, value in zip(found, values(list(found.values())), strict=True):
        found[name].assign(cluster_values(value, num_clusters, name=name))
    return tuple(found)


def _lloyd(
    values: NDArray[np.float64], counts: NDArray[np.int64], num_clusters: int
) -> NDArray[np.float64]:
    """Centroids of sorted values that occur so often, ascending."""
    if len(values) <= num_clusters:
        return values
    # Of the first so many values: how many there are, and their sum.
    number = np.concatenate([[0], np.cumsum(counts)])
    total = np.concatenate([[0.0], np.cumsum(values * counts)])
    centroids = _start(values, counts, num_clusters)
    for _ in range(_MAX_ROUNDS):
        middles = (centroids[1:] + centroids[:-1]) / 2
        ends = np.concatenate([[0], np.searchsorted(values, middles), [len(values)]])
        members = np.diff(number[ends])
        moved = np.diff(total[ends])[members > 0] / members[members > 0]
        if np.array_equal(moved, centroids):
            break
        centroids = moved
    return centroids


def _start(
    values: NDArray[np.float64], counts: NDArray[np.int64], num_clusters: int
) -> NDArray[np.float64]:
    """As dense as the cube root of the values' density, which is best for many clusters."""
    density, edges = np.histogram(values, _BINS, weights=counts)
    reached = np.concatenate([[0.0], np.cumsum(np.cbrt(density))])
    shares = (np.arange(num_clusters) + 0.5) / num_clusters
    centroids: NDArray[np.float64] = np.interp(shares * reached[-1], reached, edges)
    return centroids


def _nearest(centroids: NDArray[np.float64], table: NDArray[np.float32]) -> NDArray[np.intp]:
    return np.searchsorted((centroids[1:] + centroids[:-1]) / 2, table)
