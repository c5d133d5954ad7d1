"""The parts of a `TransformedTable` in a file, and the operators that read one of them.

    NAME            int8 (n, D): integers
    NAME/steps      float32 (classes,)
    NAME/shrink     float32; none for 0
    NAME/offset     float32 (D,), if any
    NAME/rotation   int8 (D, D) with one scale, if any, transposed: FULLY_CONNECTED takes it so

Nothing is stored for a row but its integers. BUCKETIZE holds the first rows of the classes and
finds an id's class by bisection. Measured beside it (22,439 x 64, 29 classes; GATHER, CAST and MUL
by the step, us at 1 / 50 / 512 ids, one x86-64 core, least of 40 rounds):

| a row's step by | | extra bytes in the file |
| --- | --- | --- |
| BUCKETIZE, GATHER of 29 steps | 1.06 / 2.7 / 18.0 | 660 |
| GATHER of the row's class (uint8), CAST, GATHER of 29 steps | 1.08 / 2.6 / 16.3 | 23,100 |
| GREATER_EQUAL of ids and first rows, CAST, SUM, GATHER of 29 steps | 1.44 / 3.7 / 23.3 | 1,140 |
| GATHER of the row's own step, as in `integer_rows` | 0.98 / 2.4 / 15.6 | 90,060 |
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from tfcompress.errors import ConfigError
from tfcompress.rate_distortion import TransformedTable
from tfcompress.tflite.graph.fields import indices
from tfcompress.tflite.graph.flatbuffer import TfliteFile
from tfcompress.tflite.graph.operator_chain import ChainConstants
from tfcompress.tflite.graph.operator_versions import (
    CAST_VERSION,
    DEQUANTIZE_VERSION,
    GATHER_VERSION,
)

_Type = schema.TensorType
MAX_CLASS_START = 1 << 24
"""BUCKETIZE compares in float32."""

Made = tuple[list[Any], int]
"""Operators, and the tensor that the last of them writes; no operators for a constant."""


class TransformedParts:
    """The parts of one table.

    Args:
        file: TfliteFile.
        name: str. The table's.
        buffers: dict of str to int. The buffer of each part that there is, by the end of its name:
            "" holds the integers.
        starts: array or list of int. First rows of the row classes.
        num_rows: int.
        row: list of int. The shape of a row as it is gathered.
        rotation_scale: float.

    Attributes:
        file: TfliteFile.
        small: ChainConstants. For numbers that are no part of the table.
        names: list of str. Of the constants.
        num_rows: int.
        row: list of int.
        has_offset: bool.
    """

    def __init__(
        self,
        file: TfliteFile,
        name: str,
        buffers: dict[str, int],
        *,
        starts: Sequence[int] | NDArray[np.integer],
        num_rows: int,
        row: list[int],
        rotation_scale: float = 1.0,
    ) -> None:
        self.file = file
        self.small = ChainConstants(file)
        self.num_rows = num_rows
        self.row = row
        self.has_offset = "offset" in buffers
        self._name = name
        self._buffers = buffers
        self._starts = starts
        self._matrices: dict[int, int] = {}
        self._rotation_scale = rotation_scale
        self.names = [self._full_name(part) for part in buffers]

    @classmethod
    def write(
        cls,
        file: TfliteFile,
        name: str,
        transformed: TransformedTable,
        row: list[int],
        *,
        is_rotated: bool,
    ) -> "TransformedParts":
        """Writes a table into a file.

        Args:
            file: TfliteFile.
            name: str. The table's.
            transformed: TransformedTable.
            row: list of int. The shape of a row as it is gathered.
            is_rotated: bool. Whether the rotation is written.

        Raises:
            ConfigError: its classes start where BUCKETIZE cannot tell them apart.
        """
        if transformed.class_starts[-1] > MAX_CLASS_START:
            raise ConfigError(
                f"transformed: {name} has a class that starts at row "
                f"{transformed.class_starts[-1]}, and classes are told apart up to row "
                f"{MAX_CLASS_START}; use a smaller row_step_exponent"
            )
        content: dict[str, NDArray[Any]] = {
            "": transformed.integers,
            "steps": transformed.steps.astype(np.float32),
        }
        if transformed.shrink:
            content["shrink"] = np.array(transformed.shrink, np.float32)
        if transformed.offset is not None:
            content["offset"] = transformed.offset.astype(np.float32)
        if is_rotated and transformed.rotation is not None:
            content["rotation"] = transformed.rotation.T
        return cls(
            file,
            name,
            {part: file.add_buffer(value) for part, value in content.items()},
            starts=transformed.class_starts,
            num_rows=len(transformed.integers),
            row=row,
            rotation_scale=transformed.rotation_scale,
        )

    def values(self, subgraph: Any, ids: int) -> Made:
        """The rows of `ids` before their steps, with shrink."""
        file, kind = self.file, _Type.INT8
        table = self._constant(subgraph, "", [self.num_rows, *self.row], kind)
        gathered = self.behind(subgraph, ids, self.row, kind)
        values = self.behind(subgraph, ids, self.row)
        gather = schema.GatherOptionsT()
        operators = [
            file.operator("GATHER", [table, ids], [gathered], gather, version=GATHER_VERSION[kind]),
            file.operator("CAST", [gathered], [values], version=CAST_VERSION[kind]),
        ]
        if "shrink" not in self._buffers:
            return operators, values
        clipped, part, nearer = (self.behind(subgraph, ids, self.row) for _ in range(3))
        shrink = self._constant(subgraph, "shrink", [])
        operators += [
            file.operator("RELU_N1_TO_1", [values], [clipped]),
            file.operator("MUL", [clipped, shrink], [part], schema.MulOptionsT()),
            file.operator("SUB", [values, part], [nearer], schema.SubOptionsT()),
        ]
        return operators, nearer

    def steps(self, subgraph: Any, ids: int, ones: list[int]) -> Made:
        """The steps of the rows of `ids`, with dimensions of one behind those of the ids."""
        if len(self._starts) == 1:
            return [], self._constant(subgraph, "steps", [])
        steps = self._constant(subgraph, "steps", [len(self._starts), *ones])
        classes = self.behind(subgraph, ids, [], _Type.INT32)
        step = self.behind(subgraph, ids, ones)
        bounds = schema.BucketizeOptionsT(boundaries=[float(start) for start in self._starts[1:]])
        return [
            self.file.operator("BUCKETIZE", [ids], [classes], bounds),
            self.file.operator("GATHER", [steps, classes], [step], schema.GatherOptionsT()),
        ], step

    def offset(self, subgraph: Any, shape: list[int]) -> int:
        """The offset in this shape."""
        return self._constant(subgraph, "offset", shape)

    def matrix(self, subgraph: Any) -> Made:
        """The transposed rotation as floats; made once in a subgraph."""
        if id(subgraph) in self._matrices:
            return [], self._matrices[id(subgraph)]
        file, size = self.file, self.row * 2
        stored = file.add_tensor(
            subgraph,
            self._full_name("rotation"),
            size,
            _Type.INT8,
            buffer=self._buffers["rotation"],
            scale=self._rotation_scale,
        )
        floats = file.add_tensor(subgraph, "", size, _Type.FLOAT32)
        self._matrices[id(subgraph)] = floats
        made = file.operator(
            "DEQUANTIZE",
            [stored],
            [floats],
            schema.DequantizeOptionsT(),
            version=DEQUANTIZE_VERSION[_Type.INT8],
        )
        return [made], floats

    def numbers(self, subgraph: Any, start: int, count: int) -> Made:
        """The row numbers start, start + 1, ..."""
        ends = [
            self.small.tensor(subgraph, np.array(end, np.int32))
            for end in (start, start + count, 1)
        ]
        ids = self.file.add_tensor(subgraph, "", [count], _Type.INT32)
        return [self.file.operator("RANGE", ends, [ids], schema.RangeOptionsT())], ids

    def behind(self, subgraph: Any, ids: int, tail: list[int], kind: int = _Type.FLOAT32) -> int:
        """Appends a tensor with `tail` behind the dimensions of the ids."""
        tensor = subgraph.tensors[ids]
        shape, signature = indices(tensor.shape), indices(tensor.shapeSignature)
        free = signature + tail if signature else None
        return self.file.add_tensor(subgraph, "", shape + tail, kind, signature=free)

    def _full_name(self, part: str) -> str:
        return f"{self._name}/{part}" if part else self._name

    def _constant(
        self, subgraph: Any, part: str, shape: list[int], kind: int = _Type.FLOAT32
    ) -> int:
        name, buffer = self._full_name(part), self._buffers[part]
        return self.file.add_constant_view(subgraph, name, shape, kind, buffer)
