"""Transformed tables in the place of the float32 ones of a file (`float_tables`)."""

from collections.abc import Mapping

from tfcompress.rate_distortion import TransformedTable
from tfcompress.tflite.graph.flatbuffer import TfliteFile
from tfcompress.tflite.graph.prune import prune
from tfcompress.tflite.graph.runtime_version import raise_runtime_version
from tfcompress.tflite.tables.constants import TableConstant, check_transformed
from tfcompress.tflite.tables.fold_rotation import fold_rotations
from tfcompress.tflite.tables.metadata import note_stored
from tfcompress.tflite.tables.table_dtype import store_tables


def store_coded(
    file: TfliteFile,
    constants: Mapping[str, TableConstant],
    transformed: Mapping[str, TransformedTable],
) -> bytes:
    """The file with coded tables, not packed yet.

    It gives what the float32 file gives with these tables, `dequantize`d, up to the rounding of
    sums: rotations go into the layers around the lookups where they can, else rows are rotated.

    Args:
        file: TfliteFile. Changed in place, and of no more use then.
        constants: mapping of str to TableConstant. From `make_float`.
        transformed: mapping of str to TransformedTable. A table for each of them.

    Raises:
        ConfigError: tables and constants do not go together, or a table's row classes cannot be
            told apart in a file.
    """
    shapes = {name: constant.table.value.shape for name, constant in constants.items()}
    check_transformed(transformed, shapes)
    folded = fold_rotations(file, constants, transformed)
    stored = store_tables(file, dict(constants), "float32", transformed=transformed, folded=folded)
    note_stored(file, stored)
    raise_runtime_version(file)
    prune(file)
    return file.to_bytes()
