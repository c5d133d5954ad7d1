"""The bytes of a .tflite file and the ratios they make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfcompress.measure.measurement import Size

if TYPE_CHECKING:
    from tfcompress.tflite import ModelInfo

_FLOAT32_BYTES = 4


def measure_size(info: ModelInfo) -> Size:
    """Takes the size out of what `tfcompress.tflite.inspect_model` found.

    A file that does not say what its embeddings replace (made by another tool) is compared with
    the float32 size of the tables it holds.

    Args:
        info: ModelInfo.

    Returns:
        `Size`.
    """
    full = info.full_table_bytes
    if full is None:
        full = sum(table.rows * table.cols * _FLOAT32_BYTES for table in info.tables)
    return Size(
        file_bytes=info.file_bytes,
        table_bytes=info.table_bytes,
        dense_bytes=info.dense_bytes,
        graph_bytes=info.graph_bytes,
        vocabulary_bytes=info.vocabulary_bytes,
        full_table_bytes=full,
        tables=tuple(info.tables),
    )
