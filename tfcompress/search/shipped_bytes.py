"""What a coded table takes in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfcompress.rate_distortion import TransformedTable
from tfcompress.rate_distortion.transformed_table import NUMBER_BYTES

if TYPE_CHECKING:
    from tfcompress.tflite.tables.table_reads import TableReads

_SCALE_BYTES = 12
"""Of the stored rotation: its scale, and the zero point beside it."""


def shipped_bytes(
    table: TransformedTable, target: str, reads: TableReads, *, decoder: str = "auto"
) -> int:
    """Bytes of a table, of all that ships with it, in a packed file; as `inspect` counts them.

    Args:
        table: TransformedTable.
        target: str. "delegate" or "builtin": what decodes the rows.
        reads: TableReads. What reads it there.
        decoder: str. For target "builtin": "few-ids", "many-ids" or "auto", as `pack_model` has it.
    """
    from tfcompress.tflite.packing.packed_bytes import coded_bytes, graph_bytes

    lookups, others = reads.lookups, reads.others
    classes = len(table.steps)
    numbers = classes + bool(table.shrink)
    # Each operator that finds the step of a row holds where all classes but the first one start.
    numbers += (classes - 1) * lookups
    # So do builtin operators that take scores; the delegate's has all starts in a constant.
    numbers += (classes if target == "delegate" else classes - 1) * others
    side = NUMBER_BYTES * numbers
    if table.offset is not None:
        side += table.offset.nbytes
    if table.rotation is not None and not reads.is_folded:
        side += table.rotation.nbytes + _SCALE_BYTES
    if target == "builtin":
        # Builtin operators leave a table that scores are taken against as it is.
        if others:
            return table.integers.nbytes + side
        coded = coded_bytes(table.integers, decoder=decoder, lookups=lookups, num_ids=reads.num_ids)
        return coded + side
    packed = table.pack().nbytes
    # What would not make the file smaller is not packed.
    is_worth_it = packed + graph_bytes(target, lookups + others) < table.integers.nbytes
    return (packed if is_worth_it else table.integers.nbytes) + side
