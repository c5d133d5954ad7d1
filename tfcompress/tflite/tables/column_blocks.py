"""Where a table's vectors stand along the last axis of the tensors made of them.

Scaled, summed, averaged, cut out, reshaped or set beside others, a vector keeps its columns. What
multiplies all vectors of a table by one matrix may then wait until a linear layer
(`fold_rotation`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tfcompress.tflite.graph.fields import indices
from tfcompress.tflite.graph.flatbuffer import TfliteFile

LINEAR = ("FULLY_CONNECTED", "CONV_2D")
"""Operators that multiply the last axis of input 0 by the last axis of input 1, their weights."""

Starts = tuple[int, ...]
StartsOf = Mapping[int, Starts]


@dataclass(frozen=True)
class Columns:
    """Where vectors stand among the values of a tensor, counted row by row.

    Attributes:
        starts: tuple of int. In every run of `period` values vectors start here; none, nowhere.
        period: int. The last dimension of a tensor; behind a reshape, what it was before.
    """

    starts: Starts
    period: int

    def aligned(self, width: int) -> Starts | None:
        """Where vectors start in rows of `width` values; None where rows cut periods."""
        if not width or width % self.period:
            return None
        return tuple(start + at for at in range(0, width, self.period) for start in self.starts)


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


def columns_behind(
    graph: GraphView, name: str, operator: Any, columns_of: Mapping[int, Columns]
) -> Columns | None:
    """Where vectors stand in the result of an operator.

    Args:
        graph: GraphView.
        name: str. The operator's name.
        operator: schema.OperatorT.
        columns_of: mapping of int to Columns. Where they stand in its inputs, by tensor.

    Returns:
        Columns, or None where the operator does not treat all columns of a vector alike.
    """
    slots = [slot for slot, index in enumerate(operator.inputs) if index in columns_of]
    if name == "SHAPE":
        return Columns((), 1)
    if name in _RESHAPES:
        return columns_of[operator.inputs[0]] if slots == [0] else None
    rule = _RULES.get(name)
    starts_of = {}
    for slot in slots:
        index = operator.inputs[slot]
        starts = columns_of[index].aligned(graph.width(index))
        if starts is None or rule is None:
            return None
        starts_of[index] = starts
    found = rule(graph, operator, slots, starts_of) if rule else None
    width = graph.width(operator.outputs[0])
    return Columns(found, width) if found is not None and width else None


def weight_columns(
    graph: GraphView, operator: Any, columns_of: Mapping[int, Columns]
) -> Starts | None:
    """Where vectors meet the weights of one of `LINEAR`; None if not only there."""
    source, weights = operator.inputs[:2]
    slots = [slot for slot, index in enumerate(operator.inputs) if index in columns_of]
    return columns_of[source].aligned(graph.width(weights)) if slots == [0] else None


def activation(operator: Any) -> int:
    """The activation function that an operator ends with; 0 for none."""
    return int(getattr(operator.builtinOptions, "fusedActivationFunction", 0) or 0)


def _alike(graph: GraphView, operator: Any, slots: list[int], starts_of: StartsOf) -> Starts | None:
    """The starts of all inputs where they are the same in each of them."""
    starts = {starts_of[operator.inputs[slot]] for slot in slots}
    widths = {graph.width(index) for index in operator.inputs}
    same = len(slots) == len(operator.inputs) and len(starts) == 1 and len(widths) == 1
    return starts.pop() if same and not activation(operator) else None


def _multiply(
    graph: GraphView, operator: Any, slots: list[int], starts_of: StartsOf
) -> Starts | None:
    """MUL by what is the same for all columns."""
    if len(slots) != 1 or activation(operator):
        return None
    (slot,) = slots
    other = operator.inputs[1 - slot]
    return starts_of[operator.inputs[slot]] if graph.is_scalar(other) else None


def _divide(
    graph: GraphView, operator: Any, slots: list[int], starts_of: StartsOf
) -> Starts | None:
    return _multiply(graph, operator, slots, starts_of) if slots == [0] else None


def _reduce(
    graph: GraphView, operator: Any, slots: list[int], starts_of: StartsOf
) -> Starts | None:
    """SUM or MEAN over other axes than the last."""
    source = operator.inputs[0]
    axes, rank = graph.integers(operator.inputs[1]), graph.rank(source)
    if slots != [0] or axes is None or any(axis % rank == rank - 1 for axis in axes):
        return None
    return starts_of[source]


def _strided_slice(
    graph: GraphView, operator: Any, slots: list[int], starts_of: StartsOf
) -> Starts | None:
    """STRIDED_SLICE that keeps the last axis whole."""
    source, options = operator.inputs[0], operator.builtinOptions
    begin, end, strides = (graph.integers(index) for index in operator.inputs[1:4])
    if slots != [0] or options.ellipsisMask or options.newAxisMask or options.offset:
        return None
    if begin is None or end is None or strides is None:
        return None
    last = graph.rank(source) - 1
    is_whole = last >= len(begin) or (
        strides[last] == 1
        and not options.shrinkAxisMask >> last & 1
        and bool(options.beginMask >> last & 1 or begin[last] == 0)
        and bool(options.endMask >> last & 1 or end[last] >= graph.width(source))
    )
    return starts_of[source] if is_whole else None


def _slice(graph: GraphView, operator: Any, slots: list[int], starts_of: StartsOf) -> Starts | None:
    """SLICE that keeps the last axis whole."""
    source = operator.inputs[0]
    begin, size = (graph.integers(index) for index in operator.inputs[1:3])
    if slots != [0] or not begin or not size or begin[-1]:
        return None
    return starts_of[source] if size[-1] in (-1, graph.width(source)) else None


def _transpose(
    graph: GraphView, operator: Any, slots: list[int], starts_of: StartsOf
) -> Starts | None:
    """TRANSPOSE that leaves the last axis the last."""
    order = graph.integers(operator.inputs[1])
    if slots != [0] or not order or order[-1] != len(order) - 1:
        return None
    return starts_of[operator.inputs[0]]


def _concatenate(
    graph: GraphView, operator: Any, slots: list[int], starts_of: StartsOf
) -> Starts | None:
    """CONCATENATION: of vectors beside each other, or of rows of them."""
    rank = graph.rank(operator.outputs[0])
    if operator.builtinOptions.axis % rank != rank - 1:
        return _alike(graph, operator, slots, starts_of)
    offset, starts = 0, []
    for index in operator.inputs:
        if not graph.width(index) or activation(operator):
            return None
        starts += [start + offset for start in starts_of.get(index, ())]
        offset += graph.width(index)
    return tuple(starts)


_RESHAPES = ("RESHAPE", "EXPAND_DIMS", "SQUEEZE")
_RULES: dict[str, Callable[[GraphView, Any, list[int], StartsOf], Starts | None]] = {
    "ADD": _alike,
    "CONCATENATION": _concatenate,
    "DIV": _divide,
    "MEAN": _reduce,
    "MUL": _multiply,
    "SLICE": _slice,
    "STRIDED_SLICE": _strided_slice,
    "SUB": _alike,
    "SUM": _reduce,
    "TRANSPOSE": _transpose,
}
