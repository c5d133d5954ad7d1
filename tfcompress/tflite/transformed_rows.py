"""A `TransformedTable` in a file: rows, and scores against all of them.

Rows are gathered first and only then brought back, so the cost follows the ids asked for:

    values = GATHER(integers (n, D), ids) -> CAST to float32
    values = values - shrink * RELU_N1_TO_1(values)
    step   = GATHER(steps (classes, 1), BUCKETIZE(ids))
    row    = FULLY_CONNECTED(values * step + offset, rotation)

Where the next linear layer takes the rotation (`fold_rotation`) nothing of it is left here.

Scores against every row (tied outputs, `reverse=True`) go over the table by blocks of rows, looked
up as above by RANGE, so that they read a packed table too, and no block of floats is large:

    FULLY_CONNECTED(h @ rotation^T, values of the block) -> CONCATENATION -> MUL by the rows' steps
    -> ADD of FULLY_CONNECTED(h @ rotation^T, offset), which is one number for all rows
"""

from typing import Any

from ai_edge_litert import schema_py_generated as schema

from tfcompress.rate_distortion import TransformedTable
from tfcompress.tflite.flatbuffer import TfliteFile
from tfcompress.tflite.operator_chain import OperatorChain
from tfcompress.tflite.tables import ModelTable
from tfcompress.tflite.transformed_parts import TransformedParts

_Type = schema.TensorType
BLOCK_VALUES = 1 << 18
"""Values of a block of rows that scores are taken against: 1 MB of floats."""
_MAX_BLOCKS = 64
_KEEP_NUM_DIMS_VERSION = 5


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
        self.snr_db = transformed.snr_db
        self.value = transformed.dequantize().reshape(table.value.shape)
        self._file = file
        self._row = list(table.value.shape[1:])
        self._is_rotated = transformed.rotation is not None and not is_folded
        self._parts = TransformedParts(
            file,
            table.name,
            transformed,
            # Rows of several dimensions are rotated as one.
            [table.columns] if self._is_rotated else self._row,
            is_rotated=self._is_rotated,
        )
        self.tensors = self._parts.names
        rotation = "stored" if transformed.rotation is not None else "none"
        self.transform: dict[str, Any] = {
            "class_starts": transformed.class_starts.tolist(),
            "steps": f"{table.name}/steps",
            "shrink": float(transformed.shrink),
            "rotation": "folded" if is_folded else rotation,
            "rotation_bytes": table.columns**2 if self._is_rotated else 0,
        }

    def rows(self, subgraph: Any, ids: int, output: int) -> list[Any]:
        """Operators that put the float32 rows of `ids` into the tensor `output`."""
        parts = self._parts
        row = parts.row
        operators, values = parts.values(subgraph, ids)
        stepping, step = parts.steps(subgraph, ids, [1] * len(row))
        scaled = parts.behind(subgraph, ids, row) if self._is_rotated else output
        stepped = parts.behind(subgraph, ids, row) if parts.has_offset else scaled
        operators += [
            *stepping,
            self._file.operator("MUL", [values, step], [stepped], schema.MulOptionsT()),
        ]
        if parts.has_offset:
            terms = [stepped, parts.offset(subgraph, row)]
            operators.append(self._file.operator("ADD", terms, [scaled], schema.AddOptionsT()))
        if self._is_rotated:
            operators += self._turn(subgraph, ids, scaled, output)
        return operators

    def product(self, subgraph: Any, operator: Any) -> list[Any]:
        """Operators in place of a FULLY_CONNECTED whose weights are the whole table."""
        file, parts = self._file, self._parts
        hidden, bias, output = operator.inputs[0], operator.inputs[2:3], operator.outputs[0]
        options = operator.builtinOptions
        activation, options.fusedActivationFunction = options.fusedActivationFunction, 0
        operators: list[Any] = []
        if self._is_rotated:
            operators, matrix = parts.matrix(subgraph)
            turned = file.add_like(subgraph, "", hidden, _Type.FLOAT32)
            multiply = schema.BatchMatMulOptionsT()
            operators.append(file.operator("BATCH_MATMUL", [hidden, matrix], [turned], multiply))
            hidden = turned
        multiplying, sums = self._blockwise(subgraph, hidden, output, options)
        counting, ids = parts.numbers(subgraph, 0, parts.num_rows)
        stepping, steps = parts.steps(subgraph, ids, [])
        operators += [*multiplying, *(counting if stepping else []), *stepping]
        terms = [] if bias in ([], [-1]) else [*bias]
        if parts.has_offset:
            shared = file.add_like(subgraph, "", output, _Type.FLOAT32, last=[1])
            offset = parts.offset(subgraph, [1, *parts.row])
            operators.append(self._fully_connected(hidden, offset, shared, options))
            terms.append(shared)
        scores = [*(file.add_like(subgraph, "", output, _Type.FLOAT32) for _ in terms), output]
        scale = schema.MulOptionsT(fusedActivationFunction=0 if terms else activation)
        operators.append(file.operator("MUL", [sums, steps], scores[:1], scale))
        for k, term in enumerate(terms):
            is_last = k == len(terms) - 1
            add = schema.AddOptionsT(fusedActivationFunction=activation if is_last else 0)
            operators.append(file.operator("ADD", [scores[k], term], [scores[k + 1]], add))
        return operators

    def _turn(self, subgraph: Any, ids: int, rows: int, output: int) -> list[Any]:
        """Operators that rotate the rows of `ids`."""
        operators, matrix = self._parts.matrix(subgraph)
        is_flat = len(self._row) == 1
        turned = output if is_flat else self._parts.behind(subgraph, ids, self._parts.row)
        options = schema.FullyConnectedOptionsT(keepNumDims=True)
        operators.append(self._fully_connected(rows, matrix, turned, options))
        if not is_flat:
            chain = OperatorChain(self._parts.small, subgraph)
            chain.reshape_rows(turned, ids, self._row, output)
            operators += chain.operators
        return operators

    def _blockwise(
        self, subgraph: Any, hidden: int, output: int, options: Any
    ) -> tuple[list[Any], int]:
        """Operators for `hidden` times all rows before their steps, and the tensor they write."""
        file, parts = self._file, self._parts
        size = max(1, BLOCK_VALUES // max(1, parts.row[0]), -(-parts.num_rows // _MAX_BLOCKS))
        operators: list[Any] = []
        blocks = []
        for start in range(0, parts.num_rows, size):
            count = min(size, parts.num_rows - start)
            counting, ids = parts.numbers(subgraph, start, count)
            reading, values = parts.values(subgraph, ids)
            block = file.add_like(subgraph, "", output, _Type.FLOAT32, last=[count])
            operators += [*counting, *reading]
            operators.append(self._fully_connected(hidden, values, block, options))
            blocks.append(block)
        if len(blocks) == 1:
            return operators, blocks[0]
        sums = file.add_like(subgraph, "", output, _Type.FLOAT32)
        last = schema.ConcatenationOptionsT(axis=-1)
        operators.append(file.operator("CONCATENATION", blocks, [sums], last))
        return operators, sums

    def _fully_connected(self, rows: int, weights: int, output: int, options: Any) -> Any:
        inputs = [rows, weights, -1]
        version = _KEEP_NUM_DIMS_VERSION
        return self._file.operator("FULLY_CONNECTED", inputs, [output], options, version=version)
