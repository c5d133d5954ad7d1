"""What a coded table takes in a file."""

from tfcompress.rate_distortion import TransformedTable


def shipped_bytes(
    table: TransformedTable, target: str, *, is_tied: bool = False, is_folded: bool = False
) -> int:
    """Bytes of a table, of all that ships with it, in a packed file.

    Args:
        table: TransformedTable.
        target: str. "delegate" or "builtin": what decodes the rows.
        is_tied: bool. Whether scores are taken against it.
        is_folded: bool. Whether its rotation goes into the layers around it.
    """
    from tfcompress.tflite.packing.packed_bytes import coded_bytes

    rotation = table.rotation_bytes if is_folded else 0
    if target == "delegate":
        return table.nbytes - rotation
    # Builtin operators leave a table that scores are taken against as it is.
    integers = table.integers.nbytes if is_tied else coded_bytes(table.integers)
    return integers + table.side_bytes - rotation
