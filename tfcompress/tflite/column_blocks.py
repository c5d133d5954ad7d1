"""Where a table's vectors stand along the last axis of the tensors made of them.

Scaled, summed, averaged, cut out, reshaped or set beside others, a vector keeps its columns. What
multiplies all vectors of a table by one matrix may then wait until a linear layer
(`fold_rotation`).
"""

from collections.abc import Callable, Mapping
from typing import Any

from tfcompress.tflite.flatbuffer import TfliteFile, indices

Blocks = tuple[int, ...]
"""The columns at which vectors start."""
BlocksOf = Mapping[int, Blocks]
LINEAR = ("FULLY_CONNECTED", "CONV_2D")
"""Operators that multiply the last axis of input 0 by the last axis of input 1, their weights."""


class GraphView:
    """What the rules ask of a subgraph's tensors."""

    def __init__(self, file: TfliteFile, subgraph: Any) -> None:
        self._file = file
        self._tensors = subgraph.tensors

    def rank(self, index: int) -> int:
        """Dimensions of a tensor."""
        return len(indices(self._tensors[index].shape))

    def width(self, index: int) -> int:
        """The last dimension of a tensor; 0 where it is free or there is none."""
        tensor = self._tensors[index]
        shape, signature = indices(tensor.shape), indices(tensor.shapeSignature)
        return shape[-1] if shape and (not signature or signature[-1] > 0) else 0

    def integers(self, index: int) -> list[int] | None:
        """A constant vector of integers; None for other tensors."""
        value = self._file.array(self._tensors[index])
        if value is None or value.dtype.kind != "i":
            return None
        return [int(number) for number in value.reshape(-1)]

    def is_scalar(self, index: int) -> bool:
        """Whether a tensor has one value for all columns."""
        return self.rank(index) == 0 or self.width(index) == 1


def blocks_behind(
    graph: GraphView, name: str, operator: Any, slots: list[int], blocks_of: BlocksOf
) -> Blocks | None:
    """Where vectors stand in the result of an operator.

    Args:
        graph: GraphView.
        name: str. The operator's name.
        operator: schema.OperatorT.
        slots: list of int. Its inputs that hold vectors.
        blocks_of: mapping of int to Blocks. Where they stand in them, by tensor.

    Returns:
        Blocks, or None where the operator does not treat all columns alike.
    """
    rule = _RULES.get(name)
    return rule(graph, operator, slots, blocks_of) if rule else None


def weight_blocks(
    graph: GraphView, operator: Any, slots: list[int], blocks_of: BlocksOf
) -> Blocks | None:
    """The columns of the weights of one of `LINEAR` that meet vectors; None if not only those."""
    if slots != [0]:
        return None
    source, weights = operator.inputs[:2]
    return _repeated(blocks_of[source], graph.width(source), graph.width(weights))


def activation(operator: Any) -> int:
    """The activation function that an operator ends with; 0 for none."""
    return int(getattr(operator.builtinOptions, "fusedActivationFunction", 0) or 0)


def _repeated(blocks: Blocks, width: int, new_width: int) -> Blocks | None:
    """Blocks where `new_width` columns are several times `width`, one behind the other."""
    if not width or not new_width or new_width % width:
        return None
    return tuple(start + at for at in range(0, new_width, width) for start in blocks)


def _alike(graph: GraphView, operator: Any, slots: list[int], blocks_of: BlocksOf) -> Blocks | None:
    """The blocks of all inputs where they are the same in each of them."""
    blocks = {blocks_of[operator.inputs[slot]] for slot in slots}
    widths = {graph.width(index) for index in operator.inputs}
    same = len(slots) == len(operator.inputs) and len(blocks) == 1 and len(widths) == 1
    return blocks.pop() if same and not activation(operator) else None


def _multiply(
    graph: GraphView, operator: Any, slots: list[int], blocks_of: BlocksOf
) -> Blocks | None:
    """MUL by what is the same for all columns."""
    if len(slots) != 1 or activation(operator):
        return None
    (slot,) = slots
    other = operator.inputs[1 - slot]
    return blocks_of[operator.inputs[slot]] if graph.is_scalar(other) else None


def _divide(
    graph: GraphView, operator: Any, slots: list[int], blocks_of: BlocksOf
) -> Blocks | None:
    return _multiply(graph, operator, slots, blocks_of) if slots == [0] else None


def _reduce(
    graph: GraphView, operator: Any, slots: list[int], blocks_of: BlocksOf
) -> Blocks | None:
    """SUM or MEAN over other axes than the last."""
    source = operator.inputs[0]
    axes, rank = graph.integers(operator.inputs[1]), graph.rank(source)
    if slots != [0] or axes is None or any(axis % rank == rank - 1 for axis in axes):
        return None
    return blocks_of[source]


def _reshape(
    graph: GraphView, operator: Any, slots: list[int], blocks_of: BlocksOf
) -> Blocks | None:
    """RESHAPE, EXPAND_DIMS or SQUEEZE into rows of one or more whole vectors."""
    if slots != [0]:
        return None
    source, result = operator.inputs[0], operator.outputs[0]
    return _repeated(blocks_of[source], graph.width(source), graph.width(result))


def _strided_slice(
    graph: GraphView, operator: Any, slots: list[int], blocks_of: BlocksOf
) -> Blocks | None:
    """STRIDED_SLICE that keeps the last axis whole."""
    source, options = operator.inputs[0], operator.builtinOptions
    begin, end, strides = (graph.integers(index) for index in operator.inputs[1:4])
    if slots != [0] or options.ellipsisMask or options.newAxisMask or options.offset:
        return None
    if begin is None or end is None or strides is None or not graph.width(source):
        return None
    last = graph.rank(source) - 1
    is_whole = last >= len(begin) or (
        strides[last] == 1
        and not options.shrinkAxisMask >> last & 1
        and bool(options.beginMask >> last & 1 or begin[last] == 0)
        and bool(options.endMask >> last & 1 or end[last] >= graph.width(source))
    )
    return blocks_of[source] if is_whole else None


def _slice(graph: GraphView, operator: Any, slots: list[int], blocks_of: BlocksOf) -> Blocks | None:
    """SLICE that keeps the last axis whole."""
    source = operator.inputs[0]
    begin, size = (graph.integers(index) for index in operator.inputs[1:3])
    if slots != [0] or not begin or not size or begin[-1]:
        return None
    return blocks_of[source] if size[-1] in (-1, graph.width(source)) else None


def _transpose(
    graph: GraphView, operator: Any, slots: list[int], blocks_of: BlocksOf
) -> Blocks | None:
    """TRANSPOSE that leaves the last axis the last."""
    order = graph.integers(operator.inputs[1])
    if slots != [0] or not order or order[-1] != len(order) - 1:
        return None
    return blocks_of[operator.inputs[0]]


def _concatenate(
    graph: GraphView, operator: Any, slots: list[int], blocks_of: BlocksOf
) -> Blocks | None:
    """CONCATENATION: of vectors beside each other, or of rows of them."""
    rank = graph.rank(operator.outputs[0])
    if operator.builtinOptions.axis % rank != rank - 1:
        return _alike(graph, operator, slots, blocks_of)
    offset, blocks = 0, []
    for index in operator.inputs:
        if not graph.width(index) or activation(operator):
            return None
        blocks += [start + offset for start in blocks_of.get(index, ())]
        offset += graph.width(index)
    return tuple(blocks)


_RULES: dict[str, Callable[[GraphView, Any, list[int], BlocksOf], Blocks | None]] = {
    "ADD": _alike,
    "CONCATENATION": _concatenate,
    "DIV": _divide,
    "EXPAND_DIMS": _reshape,
    "MEAN": _reduce,
    "MUL": _multiply,
    "RESHAPE": _reshape,
    "SLICE": _slice,
    "SQUEEZE": _reshape,
    "STRIDED_SLICE": _strided_slice,
    "SUB": _alike,
    "SUM": _reduce,
    "TRANSPOSE": _transpose,
}
