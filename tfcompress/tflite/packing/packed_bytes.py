"""What a packed table takes in a file: what packing goes by, and searches before they pack."""

import numpy as np
from numpy.typing import NDArray

from tfcompress.codec.source import as_source
from tfcompress.tflite.builtin import row_values
from tfcompress.tflite.builtin.row_coding import plan_rows
from tfcompress.tflite.builtin.rows import operators

_TABLE_OVERHEAD = 800
"""Bytes that a packed table takes besides its constants: its metadata, its tensors."""
_OPERATOR_BYTES = 100
"""Bytes of an operator and the tensor it writes."""
_DECODER_BYTES = 2700
"""Bytes of the small numbers and the shapes that a decoder of builtin operators has, at most."""


def coded_bytes(integers: NDArray[np.int8]) -> int:
    """What rows of int8 take for builtin operators and many ids, the graph apart.

    Where packing would not make the file smaller that is what they take as they are.

    Args:
        integers: int8 array, shape `(n, D)`.
    """
    values, left = row_values.split(integers, "int8", integers.shape[1])
    plan = plan_rows(values, as_source(integers), "auto", is_compact=False)
    packed = plan.nbytes + sum(part.nbytes for part in left)
    graph = graph_bytes("builtin", operators("many-ids", plan.steps))
    return packed if packed + graph < integers.nbytes else integers.nbytes


def graph_bytes(target: str, num_operators: int) -> int:
    """About what a packed table takes in a file besides its constants."""
    decoder = _DECODER_BYTES if target == "builtin" else 0
    return _TABLE_OVERHEAD + num_operators * _OPERATOR_BYTES + decoder
