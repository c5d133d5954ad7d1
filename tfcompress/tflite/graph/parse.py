"""The bytes of a .tflite as the objects of its schema: what `serialize` undoes.

Buffers of models over 2 GB stand behind the flatbuffer, which gives their offsets and sizes; the
objects hold them like the others.
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfcompress.errors import ModelError
from tfcompress.tflite.graph.serialize import IDENTIFIER


def parse(content: bytes) -> Any:
    """Parses a flatbuffer.

    Args:
        content: bytes. Whatever stands behind the flatbuffer is left alone.

    Returns:
        schema.ModelT, with at least one subgraph. Its buffers are views into `content`.

    Raises:
        ModelError: it is no .tflite file, or it is cut off or damaged.
    """
    if content[4:8] != IDENTIFIER:
        raise ModelError(
            f"not a .tflite file: bytes 4 to 7 are {content[4:8]!r}, expected {IDENTIFIER!r}"
        )
    try:
        model = schema.ModelT.InitFromPackedBuf(content, 0)
        _load_outside_buffers(model, content)
    except Exception as error:
        raise ModelError(
            f"damaged .tflite file: the flatbuffer cannot be read ({error})"
        ) from error
    if not model.subgraphs or not model.buffers:
        raise ModelError("damaged .tflite file: it holds no graph")
    return model


def _load_outside_buffers(model: Any, content: bytes) -> None:
    """Brings in buffers that stand behind the flatbuffer (models over 2 GB) by offset and size."""
    for buffer in model.buffers or []:
        if buffer.offset > 1:
            end = buffer.offset + buffer.size
            if end > len(content):
                raise ModelError(f"a buffer ends at byte {end} of {len(content)}")
            buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
        buffer.offset = buffer.size = 0
    for subgraph in model.subgraphs or []:
        for operator in subgraph.operators or []:
            start, size = operator.largeCustomOptionsOffset, operator.largeCustomOptionsSize
            if start > 1:
                operator.customOptions = np.frombuffer(content, np.uint8, size, start)
            operator.largeCustomOptionsOffset = operator.largeCustomOptionsSize = 0
