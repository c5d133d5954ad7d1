"""A `TransformedTable` in a file: rows, and scores against all of them.

Rows are gathered first and only then brought back, so the cost follows the ids asked for:

    values = GATHER(integers (n, D), ids) -> CAST to float32
    values = values - shrink * RELU_N1_TO_1(values)
    step   = GATHER(steps (classes, 1), BUCKETIZE(ids))
    row    = FULLY_CONNECTED(values * step + offset, rotation)

Where the next linear layer takes the rotation (`fold_rotation`) nothing of it is left here.

Scores against every row (tied outputs, `reverse=True`) are those of h @ rotation^T against the
unrotated rows (`row_scores`), and an ADD of FULLY_CONNECTED(h @ rotation^T, offset), which is one
number for all rows.
"""

from typing import Any

from ai_edge_litert import schema_py_generated as schema

from tfcompress.rate_distortion import TransformedTable
from tfcompress.tflite.graph.flatbuffer import TfliteFile
from tfcompress.tflite.graph.operator_chain import OperatorChain
from tfcompress.tflite.graph.operator_versions import KEEP_DIMENSIONS_VERSION
from tfcompress.tflite.tables.constants import ModelTable
from tfcompress.tflite.tables.row_scores import blockwise_scores
from tfcompress.tflite.tables.transformed_parts import TransformedParts

_Type = schema.TensorType
_Activation = schema.ActivationFunctionType
_ACTIVATIONS = {
    _Activation.RELU: "RELU",
    _Activation.RELU_N1_TO_1: "RELU_N1_TO_1",
    _Activation.RELU6: "RELU6",
    _Activation.TANH: "TANH",
}
"""Operators that do what others may end with."""


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
        self._parts = TransformedParts.write(
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
        terms = [] if bias in ([], [-1]) else [*bias]
        if parts.has_offset:
            shared = file.add_like(subgraph, "", output, _Type.FLOAT32, last=[1])
            offset = parts.offset(subgraph, [1, *parts.row])
            operators.append(self._fully_connected(hidden, offset, shared, options))
            terms.append(shared)
        # An activation without a bias that could end with it: scores that one operator may take
        # (`row_scores.fuse_scores`) end with none.
        alone = _ACTIVATIONS[activation] if activation and not terms else None
        behind = [*terms, *([alone] if alone else [])]
        scores = [*(file.add_like(subgraph, "", output, _Type.FLOAT32) for _ in behind), output]
        operators += blockwise_scores(parts, subgraph, hidden, scores[0])
        if alone:
            operators.append(file.operator(alone, [scores[0]], [output]))
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

    def _fully_connected(self, rows: int, weights: int, output: int, options: Any) -> Any:
        inputs = [rows, weights, -1]
        return self._file.operator(
            "FULLY_CONNECTED", inputs, [output], options, version=KEEP_DIMENSIONS_VERSION
        )
