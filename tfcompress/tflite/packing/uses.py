"""What reads the constants of a file: lookups of rows, products with all of them, and others."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tfcompress.tflite.graph.fields import block_details, num_values
from tfcompress.tflite.graph.flatbuffer import TfliteFile
from tfcompress.tflite.graph.readers import dequantized_lookups, is_row_lookup


@dataclass(frozen=True)
class Lookup:
    """An operator that reads rows of a constant.

    Attributes:
        subgraph: schema.SubGraphT. Where it stands.
        operator: schema.OperatorT. A GATHER or EMBEDDING_LOOKUP.
        name: str. Which of them.
        ids: int. The tensor of row numbers.
        table: int. The tensor of the constant.
        rows: int. The tensor it writes.
        dequantize: schema.OperatorT or None. What makes all of a float16 constant float32 for it.
    """

    subgraph: Any
    operator: Any
    name: str
    ids: int
    table: int
    rows: int
    dequantize: Any | None = None

    @property
    def num_ids(self) -> int:
        """How many ids it looks up, a free dimension counted as one."""
        return num_values(self.subgraph.tensors[self.ids])

    @property
    def is_scaled(self) -> bool:
        """Whether it multiplies integers by the scales of its table."""
        tensors = self.subgraph.tensors
        is_same = tensors[self.rows].type == tensors[self.table].type
        return not is_same and self.dequantize is None


@dataclass(frozen=True)
class Product:
    """A FULLY_CONNECTED whose weights are a whole constant: scores against every row.

    Attributes:
        subgraph: schema.SubGraphT. Where it stands.
        operator: schema.OperatorT.
        weights: int. The tensor of the constant.
    """

    subgraph: Any
    operator: Any
    weights: int


@dataclass(frozen=True)
class Use:
    """One reader of a constant: a lookup, a product, or the name of something else."""

    tensor: Any
    lookup: Lookup | None
    reader: str
    product: Product | None = None


def constant_uses(file: TfliteFile) -> dict[int, list[Use]]:
    """The uses of every constant buffer."""
    uses: dict[int, list[Use]] = {}
    for subgraph in file.subgraphs:
        for index, use in _subgraph_uses(file, subgraph):
            tensor = subgraph.tensors[index]
            if file.data(tensor) is not None:
                uses.setdefault(tensor.buffer, []).append(use)
    return uses


def _subgraph_uses(file: TfliteFile, subgraph: Any) -> Iterator[tuple[int, Use]]:
    tensors = subgraph.tensors
    for operator in subgraph.operators:
        name = file.operator_name(operator)
        if behind := dequantized_lookups(file, subgraph, operator):
            table = operator.inputs[0]
            for reader, other, slot in behind:
                ids, (rows, *_) = other.inputs[1 - slot], other.outputs
                found = Lookup(subgraph, other, reader, ids, table, rows, operator)
                yield table, Use(tensors[table], found, reader)
            continue
        for slot, index in enumerate(operator.inputs):
            if index < 0:
                continue
            lookup = product = None
            if is_row_lookup(name, operator, slot):
                ids = operator.inputs[1 - slot]
                lookup = Lookup(subgraph, operator, name, ids, index, operator.outputs[0])
            elif name == "FULLY_CONNECTED" and slot == 1:
                product = Product(subgraph, operator, index)
            yield index, Use(tensors[index], lookup, name, product)
    for index in subgraph.outputs:
        yield index, Use(tensors[index], None, "the model's output")
    for tensor in tensors:
        if details := block_details(tensor):
            for index in (details.scales, details.zeroPoints):
                if index >= 0:
                    yield index, Use(tensors[index], None, "the scales of another constant")
