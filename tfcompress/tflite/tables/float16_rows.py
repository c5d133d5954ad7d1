"""A table stored as float16: half the bytes, every value rounded once.

GATHER of older runtimes does not read float16, so the tensor holds the bits as int16:

    GATHER(bits (n, D) int16, ids) -> BITCAST to float16 -> CAST to float32

The result is exactly the float16 numbers. Only the rows asked for are converted.
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from tfcompress.errors import ConfigError
from tfcompress.quantization import snr_db
from tfcompress.tflite.graph.flatbuffer import TfliteFile
from tfcompress.tflite.graph.operator_versions import CAST_VERSION, GATHER_VERSION
from tfcompress.tflite.tables.constants import ModelTable

_Type = schema.TensorType
LARGEST = float(np.finfo(np.float16).max)


class Float16Rows:
    """Writes one table, and the operators that read it, into a file.

    Args:
        file: TfliteFile.
        table: ModelTable, float32.

    Attributes:
        dtype: str. "float16".
        snr_db: float. Signal-to-noise ratio of the stored values.
        value: float32 array. The stored values.
        tensors: list of str. Names of the constants written.
    """

    dtype = "float16"

    def __init__(self, file: TfliteFile, table: ModelTable) -> None:
        outside = ~(np.abs(table.value) <= LARGEST)
        if outside.any():
            row = int(np.argwhere(outside.reshape(table.rows, -1))[0, 0])
            raise ConfigError(
                f"{table.name} row {row}: got {table.value[outside].flat[0]}; float16 holds finite "
                f"numbers up to {LARGEST:g}, use table_dtype='float32' or 'int8'"
            )
        half = table.value.astype(np.float16)
        self.value: NDArray[np.float32] = half.astype(np.float32)
        flat = (table.rows, -1)
        self.snr_db = snr_db(table.value.reshape(flat), self.value.reshape(flat))
        self.tensors = [table.name]
        self._file = file
        self._name = table.name
        self._shape = table.value.shape
        self._buffer = file.add_buffer(half.view(np.int16))

    def rows(self, subgraph: Any, ids: int, output: int) -> list[Any]:
        """Operators that put the float32 rows of `ids` into the tensor `output`."""
        table = self._constant(subgraph, self._shape)
        return gather_halves(self._file, subgraph, table, ids, output, self._name)

    def whole(self, subgraph: Any, shape: tuple[int, ...]) -> tuple[list[Any], int]:
        """Operators that make the whole table float32, and the tensor they write.

        For tables of one column only: what reads those has a number for every row anyway.
        """
        bits = self._constant(subgraph, shape)
        half = self._file.add_tensor(subgraph, f"{self._name}/float16", shape, _Type.FLOAT16)
        full = self._file.add_tensor(subgraph, f"{self._name}/float32", shape, _Type.FLOAT32)
        return _to_float32(self._file, bits, half, full), full

    def _constant(self, subgraph: Any, shape: tuple[int, ...]) -> int:
        return self._file.add_constant_view(subgraph, self._name, shape, _Type.INT16, self._buffer)


def gather_halves(  # noqa: PLR0917, a lookup and where it stands
    file: TfliteFile, subgraph: Any, table: int, ids: int, output: int, name: str
) -> list[Any]:
    """Operators that put the rows of `ids` into the tensor `output`.

    Args:
        file: TfliteFile.
        subgraph: schema.SubGraphT.
        table: int. The constant of float16 bits as int16.
        ids: int. The tensor of row numbers.
        output: int. A tensor of float32, or of float16.
        name: str. What the tensors between are called, with more behind it.
    """
    bits = file.add_like(subgraph, f"{name}/rows", output, _Type.INT16)
    options, version = schema.GatherOptionsT(), GATHER_VERSION[_Type.INT16]
    gather = file.operator("GATHER", [table, ids], [bits], options, version=version)
    if subgraph.tensors[output].type == _Type.FLOAT16:
        return [gather, file.operator("BITCAST", [bits], [output], schema.BitcastOptionsT())]
    half = file.add_like(subgraph, f"{name}/rows_float16", output, _Type.FLOAT16)
    return [gather, *_to_float32(file, bits, half, output)]


def _to_float32(file: TfliteFile, bits: int, half: int, output: int) -> list[Any]:
    return [
        file.operator("BITCAST", [bits], [half], schema.BitcastOptionsT()),
        file.operator("CAST", [half], [output], version=CAST_VERSION[_Type.FLOAT16]),
    ]
