"""Scores of vectors against all rows of a transformed table, by builtin operators or by one.

Builtin operators go over the table by blocks of rows, looked up by RANGE as any rows are, so that
no block of floats is large:

    RANGE -> GATHER -> CAST, shrink (values of a block) -> FULLY_CONNECTED(vectors, values)
    CONCATENATION of the blocks -> MUL by GATHER(steps, BUCKETIZE(RANGE))

Where the table is packed for the delegate, all of that becomes one operator (`PACKED_OP.md`), which
decodes a few rows at a time and multiplies the integers that are not zero:

    tfcompress.scores(vectors, packed table, steps, first rows of classes[, shrink]) -> scores
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfcompress.codec.layout import parse_header
from tfcompress.tflite.graph.fields import indices, text
from tfcompress.tflite.graph.flatbuffer import TfliteFile
from tfcompress.tflite.graph.operator_versions import KEEP_DIMENSIONS_VERSION
from tfcompress.tflite.graph.readers import readers
from tfcompress.tflite.runtime.delegate_rows import (
    CUSTOM_CODE,
    CUSTOM_CODES,
    SCORES_CODE,
    SCORES_VERSION,
)
from tfcompress.tflite.tables.column_blocks import activation as activation_of
from tfcompress.tflite.tables.transformed_parts import TransformedParts

_Type = schema.TensorType
BLOCK_VALUES = 1 << 18
"""Values of a block of rows that scores are taken against: 1 MB of floats."""
_MAX_BLOCKS = 64


def blockwise_scores(
    parts: TransformedParts, subgraph: Any, vectors: int, output: int
) -> list[Any]:
    """Builtin operators that put the scores of `vectors` against all rows into `output`."""
    file = parts.file
    size = max(1, BLOCK_VALUES // max(1, parts.row[0]), -(-parts.num_rows // _MAX_BLOCKS))
    operators: list[Any] = []
    blocks = []
    for start in range(0, parts.num_rows, size):
        count = min(size, parts.num_rows - start)
        counting, ids = parts.numbers(subgraph, start, count)
        reading, values = parts.values(subgraph, ids)
        blocks.append(file.add_like(subgraph, "", output, _Type.FLOAT32, last=[count]))
        multiplying = file.operator(
            "FULLY_CONNECTED",
            [vectors, values, -1],
            blocks[-1:],
            schema.FullyConnectedOptionsT(keepNumDims=True),
            version=KEEP_DIMENSIONS_VERSION,
        )
        operators += [*counting, *reading, multiplying]
    (sums,) = blocks[:1]
    if len(blocks) > 1:
        sums = file.add_like(subgraph, "", output, _Type.FLOAT32)
        last = schema.ConcatenationOptionsT(axis=-1)
        operators.append(file.operator("CONCATENATION", blocks, [sums], last))
    counting, ids = parts.numbers(subgraph, 0, parts.num_rows)
    stepping, steps = parts.steps(subgraph, ids, [])
    return [
        *operators,
        *(counting if stepping else []),
        *stepping,
        file.operator("MUL", [sums, steps], [output], schema.MulOptionsT()),
    ]


def fuse_scores(file: TfliteFile) -> dict[str, str]:
    """Lets one operator take scores against a packed table wherever blocks of its rows do.

    Returns:
        dict of str to str. Names of the constants that hold first rows of classes, by the names of
        the packed tables.
    """
    names: dict[str, str] = {}
    for subgraph in file.subgraphs:
        if not any(file.operator_name(operator) == CUSTOM_CODE for operator in subgraph.operators):
            continue  # nothing that blocks of rows could come from
        for product in list(subgraph.operators):
            if file.operator_name(product) != "MUL":
                continue
            blocks = _Blocks(file, subgraph)
            try:
                inputs, starts = blocks.follow(product)
            except _OtherOperators:
                continue
            table = text(subgraph.tensors[inputs[1]].name)
            made = file.add_constant(subgraph, f"{table}/starts", np.array(starts, np.int32))
            names[table] = text(subgraph.tensors[made].name)
            inputs.insert(3, made)
            place = next(k for k, other in enumerate(subgraph.operators) if other is product)
            subgraph.operators[place] = file.custom_operator(
                SCORES_CODE, inputs, product.outputs, bytes([SCORES_VERSION])
            )
            subgraph.operators = [
                other
                for other in subgraph.operators
                if not any(other is part for part in blocks.operators)
            ]
    return names


def unfused_scores(
    file: TfliteFile,
    subgraph: Any,
    operator: Any,
    *,
    table: str,
    buffer: int,
    shape: tuple[int, int],
) -> list[Any]:
    """The builtin operators in the place of one `tfcompress.scores`.

    Args:
        file: TfliteFile.
        subgraph: schema.SubGraphT. Where it stands.
        operator: schema.OperatorT.
        table: str. The table's name.
        buffer: int. Where its integers are.
        shape: tuple of int. Rows and columns: those of the vectors may be free.
    """
    vectors, _, steps, starts, *shrink = operator.inputs
    tensors = subgraph.tensors
    buffers = {"": buffer, "steps": tensors[steps].buffer}
    if shrink:
        buffers["shrink"] = tensors[shrink[0]].buffer
    num_rows, columns = shape
    first_rows = file.array(tensors[starts])
    assert first_rows is not None  # the operator has it from `fuse_scores`
    parts = TransformedParts(
        file, table, buffers, starts=first_rows, num_rows=num_rows, row=[columns]
    )
    return blockwise_scores(parts, subgraph, vectors, operator.outputs[0])


class _OtherOperators(Exception):  # noqa: N818, nothing is wrong with them
    """What is there is not what `blockwise_scores` writes."""


class _Blocks:
    """Follows operators from the product by the steps back to the vectors.

    Attributes:
        operators: list of schema.OperatorT. Those met, but for the product itself.
    """

    def __init__(self, file: TfliteFile, subgraph: Any) -> None:
        self._file, self._subgraph = file, subgraph
        self._makers = {
            output: operator for operator in subgraph.operators for output in operator.outputs
        }
        self.operators: list[Any] = []

    def follow(self, product: Any) -> tuple[list[int], list[int]]:
        """Vectors, table, steps and perhaps shrink, as the new operator takes them, and starts.

        Raises:
            _OtherOperators: the scores are made in another way, or something reads a part of it.
        """
        sums, steps = product.inputs
        (output,) = product.outputs
        steps, starts, ends = self._steps(steps)
        blocks = [sums]
        if (joined := self._makers.get(sums)) and self._name(joined) == "CONCATENATION":
            rank = len(self._subgraph.tensors[sums].shape)
            self._require(joined.builtinOptions.axis % rank == rank - 1)
            self.operators.append(joined)
            blocks = list(joined.inputs)
        found = [self._block(block) for block in blocks]
        row = 0
        for _, first, count in found:
            self._require(first == row)
            row += count
        inputs = found[0][0]
        tensors = self._subgraph.tensors
        self._require(all(inputs == other for other, _, _ in found) and ends in (row, None))
        # The operator scores against all rows, whatever part of them is read here.
        self._require(row == parse_header(np.asarray(self._file.data(tensors[inputs[1]]))).rows)
        self._require(len(tensors[inputs[0]].shape) == len(tensors[output].shape))
        self._require(activation_of(product) == 0 and self._is_alone(product))
        inputs.insert(2, steps)
        return inputs, starts

    def _block(self, block: int) -> tuple[list[int], int, int]:
        """Vectors, table and perhaps shrink of a block, its first row and how many it has."""
        multiply = self._made(block, "FULLY_CONNECTED")
        vectors, values, *bias = multiply.inputs
        self._require(activation_of(multiply) == 0 and bias in ([], [-1]))
        shrink: list[int] = []
        read = self._maker(values)
        if self._name(read) == "SUB":
            floats, part = self._made(values, "SUB").inputs
            clipped, factor = self._made(part, "MUL").inputs
            self._require(self._made(clipped, "RELU_N1_TO_1").inputs[0] == floats)
            shrink, values = [factor], floats
        (integers,) = self._made(values, "CAST").inputs
        ids, table = self._made(integers, CUSTOM_CODE).inputs[:2]
        self._require(self._subgraph.tensors[integers].type == _Type.INT8)
        # What one kernel of the delegate hands to itself would have no memory.
        self._require(
            vectors not in self._makers or self._name(self._makers[vectors]) not in CUSTOM_CODES
        )
        start, stop, step = self._range(ids)
        self._require(step == 1)
        return [vectors, table, *shrink], start, stop - start

    def _steps(self, steps: int) -> tuple[int, list[int], int | None]:
        """The steps of the classes, their first rows, and the number of rows where it is told."""
        maker = self._makers.get(steps)
        if maker is None:
            self._require(not indices(self._subgraph.tensors[steps].shape))
            return steps, [0], None
        table, classes = self._made(steps, "GATHER").inputs
        bucketize = self._made(classes, "BUCKETIZE")
        start, stop, step = self._range(bucketize.inputs[0])
        self._require((start, step) == (0, 1))
        return table, [0, *(int(first) for first in bucketize.builtinOptions.boundaries)], stop

    def _range(self, ids: int) -> list[int]:
        """Start, stop and step of the RANGE that makes some ids."""
        ends = [
            self._file.array(self._subgraph.tensors[end]) for end in self._made(ids, "RANGE").inputs
        ]
        self._require(all(end is not None for end in ends))
        return [int(end) for end in ends if end is not None]

    def _made(self, tensor: int, name: str) -> Any:
        maker = self._maker(tensor)
        self._require(self._name(maker) == name)
        if not any(maker is other for other in self.operators):
            self.operators.append(maker)
        return maker

    def _maker(self, tensor: int) -> Any:
        self._require(tensor in self._makers)
        return self._makers[tensor]

    def _is_alone(self, product: Any) -> bool:
        """Whether nothing but the product and each other reads what the operators make."""
        own = [*self.operators, product]
        made = {output for operator in self.operators for output in operator.outputs}
        reading = (use[1] for tensor in made for use in readers(self._file, self._subgraph, tensor))
        is_read = any(not any(reader is other for other in own) for reader in reading)
        return not is_read and not made & set(self._subgraph.outputs)

    def _name(self, operator: Any) -> str:
        return self._file.operator_name(operator)

    @staticmethod
    def _require(holds: bool) -> None:
        if not holds:
            raise _OtherOperators
