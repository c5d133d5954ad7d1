"""A `TransformedTable` in a file: int8 integers, steps of row classes, a rotation.

Rows are gathered first and only then brought back, so the cost follows the ids asked for:

    values = GATHER(integers (n, D), ids) -> CAST to float32
    values = values - shrink * RELU_N1_TO_1(values)
    step   = GATHER(steps (classes, 1), BUCKETIZE(ids))
    row    = FULLY_CONNECTED(values * step + offset, rotation)

Nothing is stored for a row but its integers. BUCKETIZE holds the first rows of the classes and
finds an id's class by bisection. Measured beside it (22,439 x 64, 29 classes; the whole lookup, us
at 1 / 50 / 512 ids, one x86-64 core):

| a row's step by | | extra bytes in the file |
| --- | --- | --- |
| BUCKETIZE, GATHER of 29 steps | 3.1 / 3.6 / 24 | 690 |
| GATHER of the row's class (uint8), CAST, GATHER of 29 steps | 2.2 / 4.1 / 21 | 23,200 |
| GREATER_EQUAL of ids and first rows, CAST, SUM, GATHER of 29 steps | 6.0 / 16 / 34 | 1,260 |
| GATHER of the row's own step, as in `integer_rows` | 3.0 / 3.0 / 17 | 90,100 |

The rotation is int8 with one scale, made float32 by DEQUANTIZE when the graph first runs; where the
next linear layer takes it (`fold_rotation`) nothing of it is left here.

Scores against every row (tied outputs, `reverse=True`) go over the table by blocks of rows, looked
up as above by RANGE, so that they read a packed table too, and no block of floats is large:

    FULLY_CONNECTED(h @ rotation^T, values of the block) -> CONCATENATION -> MUL by the rows' steps
    -> ADD of FULLY_CONNECTED(h @ rotation^T, offset), which is one number for all rows
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfcompress.errors import ConfigError
from tfcompress.rate_distortion import TransformedTable
from tfcompress.tflite.flatbuffer import TfliteFile, indices
from tfcompress.tflite.integer_rows import CAST_VERSION
from tfcompress.tflite.operator_chain import ChainConstants, OperatorChain
from tfcompress.tflite.readers import GATHER_VERSION
from tfcompress.tflite.tables import ModelTable

_Type = schema.TensorType
MAX_CLASS_START = 1 << 24
"""BUCKETIZE compares in float32."""
BLOCK_VALUES = 1 << 18
"""Values of a block of rows that scores are taken against: 1 MB of floats."""
_MAX_BLOCKS = 64
_KEEP_NUM_DIMS_VERSION = 5
_INT8_DEQUANTIZE_VERSION = 2


class TransformedRows:
    """Writes one table, and the operators that read it, into a file.

    Args:
        file: TfliteFile.
        table: ModelTable, float32.
        transformed: TransformedTable. The same table, of as many rows and columns.
        is_folded: bool. Whether what reads the rows takes them without rotation.

    Attributes:
        dtype: str. "int8".
        granularity: str. "per_class".
        snr_db: float. Signal-to-noise ratio of the stored values.
        value: float32 array. The table as the model reads it.
        tensors: list of str. Names of the constants written.
        transform: dict. What the metadata say of it (`metadata`).

    Raises:
        ConfigError: its classes start where BUCKETIZE cannot tell them apart.
    """

    dtype = "int8"
    granularity = "per_class"

    def __init__(
        self,
        file: TfliteFile,
        table: ModelTable,
        transformed: TransformedTable,
        *,
        is_folded: bool = False,
    ) -> None:
        if transformed.class_starts[-1] > MAX_CLASS_START:
            raise ConfigError(
                f"transformed: {table.name} has a class that starts at row "
                f"{transformed.class_starts[-1]}, and classes are told apart up to row "
                f"{MAX_CLASS_START}; use a smaller row_step_exponent"
            )
        self.snr_db = transformed.snr_db
        self.value = transformed.dequantize().reshape(table.value.shape)
        self._file = file
        self._name = table.name
        # Rows of several dimensions are rotated as one.
        self._row = list(table.value.shape[1:])
        self._is_rotated = transformed.rotation is not None and not is_folded
        self._inner = [table.columns] if self._is_rotated else self._row
        self._transformed = transformed
        self._small = ChainConstants(file)
        self._matrices: dict[int, int] = {}
        self._integers = file.add_buffer(transformed.integers)
        self._steps = file.add_buffer(transformed.steps.astype(np.float32))
        self._shrink = file.add_buffer(np.array(transformed.shrink, np.float32))
        self._offset = self._rotation = 0
        self.tensors = [table.name, f"{table.name}/steps"]
        if transformed.shrink:
            self.tensors.append(f"{table.name}/shrink")
        if transformed.offset is not None:
            self._offset = file.add_buffer(transformed.offset.astype(np.float32))
            self.tensors.append(f"{table.name}/offset")
        if self._is_rotated:
            assert transformed.rotation is not None
            # FULLY_CONNECTED multiplies by its transposed weights.
            self._rotation = file.add_buffer(transformed.rotation.T)
            self.tensors.append(f"{table.name}/rotation")
        self.transform: dict[str, Any] = {
            "class_starts": transformed.class_starts.tolist(),
            "steps": f"{table.name}/steps",
            "shrink": float(transformed.shrink),
            "rotation": "none" if transformed.rotation is None else "stored",
            "rotation_bytes": transformed.integers.shape[1] ** 2 if self._is_rotated else 0,
        }
        if is_folded:
            self.transform["rotation"] = "folded"

    def rows(self, subgraph: Any, ids: int, output: int) -> list[Any]:
        """Operators that put the float32 rows of `ids` into the tensor `output`."""
        file = self._file
        operators, values = self._values(subgraph, ids)
        stepping, step = self._step(subgraph, ids, [1] * len(self._inner))
        operators += stepping
        scaled = output
        if self._is_rotated:
            scaled = self._behind(subgraph, ids, self._inner, _Type.FLOAT32)
        stepped = scaled
        if self._offset:
            stepped = self._behind(subgraph, ids, self._inner, _Type.FLOAT32)
        operators.append(file.operator("MUL", [values, step], [stepped], schema.MulOptionsT()))
        if self._offset:
            offset = self._constant(subgraph, "offset", self._inner, self._offset)
            operators.append(
                file.operator("ADD", [stepped, offset], [scaled], schema.AddOptionsT())
            )
        if not self._is_rotated:
            return operators
        turning, matrix = self._matrix(subgraph)
        is_flat = len(self._row) == 1
        turned = output if is_flat else self._behind(subgraph, ids, self._inner, _Type.FLOAT32)
        options = schema.FullyConnectedOptionsT(keepNumDims=True)
        product = file.operator(
            "FULLY_CONNECTED",
            [scaled, matrix, -1],
            [turned],
            options,
            version=_KEEP_NUM_DIMS_VERSION,
        )
        operators += [*turning, product]
        if not is_flat:
            chain = OperatorChain(self._small, subgraph)
            chain.reshape_rows(turned, ids, self._row, output)
            operators += chain.operators
        return operators

    def product(self, subgraph: Any, operator: Any) -> list[Any]:
        """Operators in place of a FULLY_CONNECTED whose weights are the whole table."""
        file, rows = self._file, len(self._transformed.integers)
        hidden, bias, output = operator.inputs[0], operator.inputs[2:3], operator.outputs[0]
        options = operator.builtinOptions
        activation, options.fusedActivationFunction = options.fusedActivationFunction, 0
        operators = []
        if self._is_rotated:
            turning, matrix = self._matrix(subgraph)
            turned = file.add_like(subgraph, "", hidden, _Type.FLOAT32)
            multiply = schema.BatchMatMulOptionsT()
            operators += [
                *turning,
                file.operator("BATCH_MATMUL", [hidden, matrix], [turned], multiply),
            ]
            hidden = turned
        block = max(1, BLOCK_VALUES // max(1, self._inner[0]), -(-rows // _MAX_BLOCKS))
        parts = []
        for start in range(0, rows, block):
            size = min(block, rows - start)
            counting, ids = self._range(subgraph, start, size)
            reading, values = self._values(subgraph, ids)
            part = file.add_like(subgraph, "", output, _Type.FLOAT32, last=[size])
            inputs = [hidden, values, -1]
            operators += [*counting, *reading]
            operators.append(
                file.operator(
                    "FULLY_CONNECTED", inputs, [part], options, version=_KEEP_NUM_DIMS_VERSION
                )
            )
            parts.append(part)
        sums = parts[0]
        if len(parts) > 1:
            sums = file.add_like(subgraph, "", output, _Type.FLOAT32)
            last = schema.ConcatenationOptionsT(axis=-1)
            operators.append(file.operator("CONCATENATION", parts, [sums], last))
        counting, ids = self._range(subgraph, 0, rows)
        stepping, steps = self._step(subgraph, ids, [])
        terms = [] if bias in ([], [-1]) else [*bias]
        if self._offset:
            offset = self._constant(subgraph, "offset", [1, *self._inner], self._offset)
            shared = file.add_like(subgraph, "", output, _Type.FLOAT32, last=[1])
            inputs = [hidden, offset, -1]
            operators.append(
                file.operator(
                    "FULLY_CONNECTED", inputs, [shared], options, version=_KEEP_NUM_DIMS_VERSION
                )
            )
            terms.append(shared)
        scores = [*(file.add_like(subgraph, "", output, _Type.FLOAT32) for _ in terms), output]
        scale = schema.MulOptionsT(fusedActivationFunction=0 if terms else activation)
        operators += [*(counting if stepping else []), *stepping]
        operators.append(file.operator("MUL", [sums, steps], scores[:1], scale))
        for k, term in enumerate(terms):
            is_last = k == len(terms) - 1
            add = schema.AddOptionsT(fusedActivationFunction=activation if is_last else 0)
            operators.append(file.operator("ADD", [scores[k], term], [scores[k + 1]], add))
        return operators

    def _values(self, subgraph: Any, ids: int) -> tuple[list[Any], int]:
        """Operators for the rows of `ids` before their steps, and the tensor they write."""
        file, kind = self._file, _Type.INT8
        shape = [len(self._transformed.integers), *self._inner]
        table = file.add_constant_view(subgraph, self._name, shape, kind, self._integers)
        gathered = self._behind(subgraph, ids, self._inner, kind)
        values = self._behind(subgraph, ids, self._inner, _Type.FLOAT32)
        gather = schema.GatherOptionsT()
        operators = [
            file.operator("GATHER", [table, ids], [gathered], gather, version=GATHER_VERSION[kind]),
            file.operator("CAST", [gathered], [values], version=CAST_VERSION[kind]),
        ]
        if not self._transformed.shrink:
            return operators, values
        clipped, part, nearer = (
            self._behind(subgraph, ids, self._inner, _Type.FLOAT32) for _ in range(3)
        )
        shrink = self._constant(subgraph, "shrink", [], self._shrink)
        operators += [
            file.operator("RELU_N1_TO_1", [values], [clipped]),
            file.operator("MUL", [clipped, shrink], [part], schema.MulOptionsT()),
            file.operator("SUB", [values, part], [nearer], schema.SubOptionsT()),
        ]
        return operators, nearer

    def _step(self, subgraph: Any, ids: int, ones: list[int]) -> tuple[list[Any], int]:
        """Operators for the steps of the rows of `ids`, and the tensor they write."""
        file, starts = self._file, self._transformed.class_starts
        if len(starts) == 1:
            return [], self._constant(subgraph, "steps", [], self._steps)
        steps = self._constant(subgraph, "steps", [len(starts), *ones], self._steps)
        classes = self._behind(subgraph, ids, [], _Type.INT32)
        step = self._behind(subgraph, ids, ones, _Type.FLOAT32)
        bounds = schema.BucketizeOptionsT(boundaries=[float(start) for start in starts[1:]])
        return [
            file.operator("BUCKETIZE", [ids], [classes], bounds),
            file.operator("GATHER", [steps, classes], [step], schema.GatherOptionsT()),
        ], step

    def _matrix(self, subgraph: Any) -> tuple[list[Any], int]:
        """Operators for the transposed rotation as floats, where none wrote it, and its tensor."""
        if id(subgraph) in self._matrices:
            return [], self._matrices[id(subgraph)]
        file, size = self._file, [self._inner[0]] * 2
        stored = file.add_tensor(
            subgraph,
            f"{self._name}/rotation",
            size,
            _Type.INT8,
            buffer=self._rotation,
            scale=self._transformed.rotation_scale,
        )
        floats = file.add_tensor(subgraph, "", size, _Type.FLOAT32)
        self._matrices[id(subgraph)] = floats
        dequantize = schema.DequantizeOptionsT()
        version = _INT8_DEQUANTIZE_VERSION
        return [
            file.operator("DEQUANTIZE", [stored], [floats], dequantize, version=version)
        ], floats

    def _range(self, subgraph: Any, start: int, size: int) -> tuple[list[Any], int]:
        """Operators for the ids start, start + 1, ..., and the tensor they write."""
        file, small = self._file, self._small
        ends = [small.tensor(subgraph, np.array(end, np.int32)) for end in (start, start + size, 1)]
        ids = file.add_tensor(subgraph, "", [size], _Type.INT32)
        return [file.operator("RANGE", ends, [ids], schema.RangeOptionsT())], ids

    def _constant(self, subgraph: Any, part: str, shape: list[int], buffer: int) -> int:
        name = f"{self._name}/{part}"
        return self._file.add_constant_view(subgraph, name, shape, _Type.FLOAT32, buffer)

    def _behind(self, subgraph: Any, ids: int, tail: list[int], kind: int) -> int:
        """Appends a tensor with `tail` behind the dimensions of the ids."""
        tensor = subgraph.tensors[ids]
        shape, signature = indices(tensor.shape), indices(tensor.shapeSignature)
        free = signature + tail if signature else None
        return self._file.add_tensor(subgraph, "", shape + tail, kind, signature=free)
