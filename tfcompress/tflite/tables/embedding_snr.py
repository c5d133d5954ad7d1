"""The signal-to-noise ratio of the embedding that several rounded tables make."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.quantization import decibels
from tfcompress.tflite.tables.constants import ModelEmbedding
from tfcompress.tflite.tables.table_dtype import StoredTable

_CHUNK_VALUES = 1 << 22


def embedding_snr_db(embedding: ModelEmbedding, stored: Mapping[str, StoredTable]) -> float | None:
    """Compares the rows of every id before and after.

    Args:
        embedding: ModelEmbedding.
        stored: mapping str -> StoredTable, by table name.

    Returns:
        float. Signal energy over noise energy in decibels, `inf` when equal; None when no table of
        the layer was rounded.
    """
    tables = [stored[table.name] for table in embedding.tables if table.name in stored]
    rounded = [table for table in tables if table.value is not None]
    if not rounded:
        return None
    if len(embedding.tables) == 1 and tables[0].rows == embedding.layer.input_dim:
        return tables[0].snr_db
    return _compare(embedding, stored)


def _compare(embedding: ModelEmbedding, stored: Mapping[str, StoredTable]) -> float:

    from tfcompress.layers import layer_tables

    layer = embedding.layer
    copy = type(layer).from_config(layer.get_config())
    copy.build(None)
    variables = layer_tables(copy)
    for table, variable in zip(embedding.tables, variables.values(), strict=True):
        became = stored.get(table.name)
        rounded = table.value if became is None or became.value is None else became.value
        variable.assign(rounded.reshape(variable.shape))
    rows = max(1, _CHUNK_VALUES // layer.output_dim)
    signal = noise = 0.0
    for start in range(0, layer.input_dim, rows):
        ids = np.arange(start, min(start + rows, layer.input_dim), dtype=np.int32)
        before = _rows(layer, ids)
        signal += float(np.square(before).sum())
        noise += float(np.square(before - _rows(copy, ids)).sum())
    return decibels(signal, noise)


def _rows(layer: Any, ids: NDArray[np.int32]) -> NDArray[np.float64]:
    from keras import ops

    return np.asarray(ops.convert_to_numpy(layer(ids)), np.float64)
