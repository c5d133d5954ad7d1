"""What a coded table takes in a file."""

from tfcompress.rate_distortion import TransformedTable
from tfcompress.rate_distortion.transformed_table import NUMBER_BYTES

_SCALE_BYTES = 12
"""Of the stored rotation: its scale, and the zero point beside it."""


def shipped_bytes(
    table: TransformedTable,
    target: str,
    *,
    decoder: str = "auto",
    lookups: int = 1,
    others: int = 0,
    num_ids: int = 1,
    is_folded: bool = False,
) -> int:
    """Bytes of a table, of all that ships with it, in a packed file; as `inspect` counts them.

    Args:
        table: TransformedTable.
        target: str. "delegate" or "builtin": what decodes the rows.
        decoder: str. For target "builtin": "few-ids", "many-ids" or "auto", as `pack_model` has it.
        lookups: int. How many operators look up rows. This and the next are those of `TableReads`.
        others: int. How many take scores against all rows.
        num_ids: int. The most ids that are looked up at a time.
        is_folded: bool. Whether its rotation goes into the layers around it.
    """
    classes = len(table.steps)
    numbers = classes + bool(table.shrink)
    # Each operator that finds the step of a row holds where all classes but the first one start.
    numbers += (classes - 1) * lookups
    # So do builtin operators that take scores; the delegate's has all starts in a constant.
    numbers += (classes if target == "delegate" else classes - 1) * others
    side = NUMBER_BYTES * numbers
    if table.offset is not None:
        side += table.offset.nbytes
    if table.rotation is not None and not is_folded:
        side += table.rotation.nbytes + _SCALE_BYTES
    from tfcompress.tflite.packing.packed_bytes import coded_bytes, graph_bytes

    if target == "builtin":
        # Builtin operators leave a table that scores are taken against as it is.
        if others:
            return table.integers.nbytes + side
        return coded_bytes(table.integers, decoder=decoder, lookups=lookups, num_ids=num_ids) + side
    packed = table.pack().nbytes
    # What would not make the file smaller is not packed.
    is_worth_it = packed + graph_bytes(target, lookups + others) < table.integers.nbytes
    return (packed if is_worth_it else table.integers.nbytes) + side
