"""What a packed table takes in a file: what packing goes by, and searches before they pack."""

import numpy as np
from numpy.typing import NDArray

from tfcompress.choices import Decoder
from tfcompress.codec.source import Source, as_source
from tfcompress.tflite.builtin import row_values
from tfcompress.tflite.builtin.row_coding import RowPlan, plan_rows
from tfcompress.tflite.builtin.rows import (
    MAX_OPERATORS,
    decoders,
    has_compact_lookups,
    operators,
)

_TABLE_OVERHEAD = 800
"""Bytes that a packed table takes besides its constants: its metadata, its tensors."""
_OPERATOR_BYTES = 100
"""Bytes of an operator and the tensor it writes."""
_DECODER_BYTES = 2700
"""Bytes of the small numbers and the shapes that a decoder of builtin operators has, at most."""


def coded_bytes(
    integers: NDArray[np.int8], *, decoder: str = "auto", lookups: int = 1, num_ids: int = 1
) -> int:
    """What rows of int8 take for builtin operators, the graph apart.

    Where packing would not make the file smaller that is what they take as they are.

    Args:
        integers: int8 array, shape `(n, D)`.
        decoder: str. "few-ids", "many-ids" or "auto".
        lookups: int. Operators that read rows.
        num_ids: int. Ids of a lookup; decides where the decoder is "auto".
    """
    values, left = row_values.split(integers, "int8", integers.shape[1])
    chosen = choose_decoder(values, as_source(integers), "auto", decoder, num_ids)
    if chosen is None:
        return int(integers.nbytes)
    shape, plan = chosen
    packed = plan.nbytes + sum(part.nbytes for part in left)
    graph = graph_bytes("builtin", lookups * operators(shape, plan.steps))
    return packed if packed + graph < integers.nbytes else integers.nbytes


def choose_decoder(
    values: NDArray[np.uint8], source: Source, codec: str, wanted: str, num_ids: int
) -> tuple[Decoder, RowPlan] | None:
    """How builtin operators decode rows: the shape of the decoder, and the plan for it.

    Args:
        values: uint8 array (n, D). From `row_values.split`.
        source: Source. The same table as the codec sees it.
        codec: str. "fixed", "indexed" or "auto".
        wanted: str. "few-ids", "many-ids" or "auto".
        num_ids: int. Ids of a lookup; decides where "auto" is wanted.

    Returns:
        None where rows take too many operators.
    """
    for decoder in decoders(wanted, num_ids):
        plan = plan_rows(values, source, codec, is_compact=has_compact_lookups(decoder))
        if operators(decoder, plan.steps) <= MAX_OPERATORS:
            return decoder, plan
    return None


def graph_bytes(target: str, num_operators: int) -> int:
    """About what a packed table takes in a file besides its constants."""
    decoder = _DECODER_BYTES if target == "builtin" else 0
    return _TABLE_OVERHEAD + num_operators * _OPERATOR_BYTES + decoder
