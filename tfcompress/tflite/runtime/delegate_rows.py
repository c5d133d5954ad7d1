"""A packed table read by one custom operator, which a delegate serves (`--target delegate`).

    tfcompress.lookup(ids int32, packed table uint8 (bytes)[, scales float32]) -> rows

The constant holds exactly the bytes of a `codec.PackedTable`. The rows have the type, shape and
quantisation of the operator's output tensor. Custom options: one byte, the version: 1, or 2 where
it multiplies by scales (`fused_scales`).
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfcompress.codec import PackedTable
from tfcompress.tflite.graph.flatbuffer import TfliteFile

CUSTOM_CODE = "tfcompress.lookup"
VERSION = 1
SCALED_VERSION = 2
SCORES_CODE = "tfcompress.scores"
"""Scores against all rows of a packed table (`row_scores`)."""
SCORES_VERSION = 1
CUSTOM_CODES = frozenset((CUSTOM_CODE, SCORES_CODE))
"""What the delegate serves; input 1 of either is a packed table."""


class DelegateRows:
    """Writes one packed table, and the operators that read it, into a file.

    Args:
        file: TfliteFile.
        name: str. The table's tensor is called so.
        packed: PackedTable.

    Attributes:
        codec: str. The mode of the packed table.
        constant_bytes: int. What its constants take.
        operators_a_lookup: int. Operators in the place of each lookup.
        gives_int8: bool. False: int4 values come as they are.
        decoder: str. "delegate".
    """

    operators_a_lookup = 1
    gives_int8 = False
    decoder = "delegate"

    def __init__(self, file: TfliteFile, name: str, packed: PackedTable) -> None:
        self.codec: str = packed.mode
        self.constant_bytes = packed.nbytes
        self._file = file
        self._name = name
        self._size = packed.nbytes
        self._buffer = file.add_buffer(np.frombuffer(packed.to_bytes(), np.uint8))

    def rows(self, subgraph: Any, ids: int, output: int) -> list[Any]:
        """Operators that put the rows of `ids` into the tensor `output`."""
        table = self._file.add_constant_view(
            subgraph, self._name, [self._size], schema.TensorType.UINT8, self._buffer
        )
        return [self._file.custom_operator(CUSTOM_CODE, [ids, table], [output], bytes([VERSION]))]

    def described(self) -> dict[str, Any]:
        """What the file's metadata say of the table besides what every packed table has."""
        return {}
