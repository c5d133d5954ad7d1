"""Builds a chain of builtin integer operators, one method an operator.

Every operator's result is a new tensor of a very short name (names would take a third of the
graph's bytes), all dimensions free: the runtime works out shapes when it prepares the graph.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from tfcompress.tflite.graph.flatbuffer import KIND_OF_DTYPE, TfliteFile
from tfcompress.tflite.graph.operator_versions import BATCHED_GATHER_VERSION, GATHER_VERSION

_Type = schema.TensorType


class ChainConstants:
    """The small constants of all chains in one file: equal ones share a buffer and a tensor.

    Args:
        file: TfliteFile.

    Attributes:
        file: TfliteFile.
    """

    def __init__(self, file: TfliteFile) -> None:
        self.file = file
        self._buffers: dict[bytes, int] = {}
        self._tensors: dict[tuple[int, bytes, int, tuple[int, ...]], int] = {}

    def tensor(self, subgraph: Any, value: NDArray[Any]) -> int:
        """The tensor that holds `value` in a subgraph."""
        content, kind = value.tobytes(), KIND_OF_DTYPE[value.dtype.name]
        if content not in self._buffers:
            self._buffers[content] = self.file.add_buffer(value)
        key = id(subgraph), content, kind, value.shape
        if key not in self._tensors:
            self._tensors[key] = self.file.add_tensor(
                subgraph, "", value.shape, kind, buffer=self._buffers[content]
            )
        return self._tensors[key]


class OperatorChain:
    """Appends operators to a list; tensors are indices in a subgraph.

    Args:
        constants: ChainConstants.
        subgraph: schema.SubGraphT. Gets the tensors.

    Attributes:
        operators: list of schema.OperatorT. What was appended so far.
    """

    def __init__(self, constants: ChainConstants, subgraph: Any) -> None:
        self.operators: list[Any] = []
        self._constants = constants
        self._file = constants.file
        self._subgraph = subgraph

    def constant(self, value: Any) -> int:
        """A constant; Python integers and lists become int32."""
        array = value if isinstance(value, np.ndarray) else np.asarray(value, np.int32)
        return self._constants.tensor(self._subgraph, array)

    def gather(self, params: int, ids: int, *, batch_dims: int = 0) -> int:
        """params[ids], along axis 0 or, for each of the batch, axis 1."""
        options = schema.GatherOptionsT(axis=batch_dims, batchDims=batch_dims)
        version = BATCHED_GATHER_VERSION if batch_dims else GATHER_VERSION[self._kind(params)]
        rank = self._rank(params) + self._rank(ids) - 1 - batch_dims
        return self._emit("GATHER", [params, ids], self._kind(params), rank, options, version)

    def add(self, a: int, b: int) -> int:
        """The sum a + b, wrapping."""
        return self._binary("ADD", a, b, schema.AddOptionsT())

    def subtract(self, a: int, b: int) -> int:
        """The difference a - b, wrapping."""
        return self._binary("SUB", a, b, schema.SubOptionsT())

    def multiply(self, a: int, b: int) -> int:
        """The product a x b, wrapping."""
        return self._binary("MUL", a, b, schema.MulOptionsT())

    def maximum(self, a: int, b: int) -> int:
        """The greater of a and b."""
        return self._binary("MAXIMUM", a, b, schema.MaximumMinimumOptionsT())

    def shift_right(self, a: int, bits: int) -> int:
        """Bits of a to the right, the sign shifted in."""
        return self._binary("RIGHT_SHIFT", a, self.constant(bits), schema.RightShiftOptionsT())

    def remainder(self, a: int, divisor: int) -> int:
        """The remainder of a by a positive number, never negative."""
        return self._binary("FLOOR_MOD", a, self.constant(divisor), schema.FloorModOptionsT())

    def cast(self, a: int, kind: int) -> int:
        """The same numbers in another type."""
        if self._kind(a) == kind:
            return a
        options = schema.CastOptionsT(inDataType=self._kind(a), outDataType=kind)
        return self._emit("CAST", [a], kind, self._rank(a), options)

    def bitcast(self, a: int, kind: int, rank: int) -> int:
        """The same bytes in another type."""
        return self._emit("BITCAST", [a], kind, rank, schema.BitcastOptionsT())

    def reshape(self, a: int, shape: Sequence[int]) -> int:
        """The same values in another shape, -1 for what follows from the rest."""
        inputs = [a, self.constant(list(shape))]
        return self._emit("RESHAPE", inputs, self._kind(a), len(shape), schema.ReshapeOptionsT())

    def concatenate(self, parts: Sequence[int], axis: int = 0) -> int:
        """Parts one behind the other."""
        options = schema.ConcatenationOptionsT(axis=axis)
        kind, rank = self._kind(parts[0]), self._rank(parts[0])
        return self._emit("CONCATENATION", parts, kind, rank, options)

    def stack(self, parts: Sequence[int]) -> int:
        """Parts along a new first axis."""
        options = schema.PackOptionsT(valuesCount=len(parts), axis=0)
        return self._emit("PACK", parts, self._kind(parts[0]), self._rank(parts[0]) + 1, options)

    def transpose(self, a: int, order: Sequence[int]) -> int:
        """Axes in another order."""
        version = 2 if self._kind(a) == _Type.INT8 else 1
        inputs = [a, self.constant(list(order))]
        options = schema.TransposeOptionsT()
        return self._emit("TRANSPOSE", inputs, self._kind(a), len(order), options, version)

    def drop_first(self, a: int) -> int:
        """A vector without its first element."""
        return self._slice(a, [1], [-1])

    def first_columns(self, a: int, columns: int) -> int:
        """The first columns of a matrix."""
        # SLICE gives nothing no memory, which a model's output must have; RESHAPE does.
        return self.reshape(self._slice(a, [0, 0], [-1, columns]), [-1, columns])

    def sums_before(self, a: int) -> int:
        """For each element of a vector the sum of those before it."""
        options = schema.CumsumOptionsT(exclusive=True)
        return self._emit("CUMSUM", [a, self.constant(0)], self._kind(a), 1, options)

    def shape(self, a: int) -> int:
        """The shape of a tensor, an int32 vector."""
        return self._emit("SHAPE", [a], _Type.INT32, 1, schema.ShapeOptionsT(outType=_Type.INT32))

    def reshape_like(self, a: int, shape: int, output: int) -> None:
        """`a` in a computed shape, written to the tensor `output`."""
        options = schema.ReshapeOptionsT()
        self.operators.append(self._file.operator("RESHAPE", [a, shape], [output], options))

    def reshape_rows(self, a: int, ids: int, row: Sequence[int], output: int) -> None:
        """`a` in the shape of the ids with that of a row behind, written to `output`."""
        rank = self._rank(ids)
        if rank <= 1:
            shape = self.constant([-1] * rank + list(row))
        else:
            shape = self.shape(ids)
            if row:
                shape = self.concatenate([shape, self.constant(list(row))])
        self.reshape_like(a, shape, output)

    def end_in(self, output: int) -> None:
        """Lets the last operator write to the tensor `output`."""
        (written,) = self.operators[-1].outputs
        self.operators[-1].outputs = [output]
        assert written == len(self._subgraph.tensors) - 1
        self._subgraph.tensors.pop()

    def _slice(self, a: int, begin: list[int], size: list[int]) -> int:
        # STRIDED_SLICE goes element by element, which takes 20 times as long.
        inputs = [a, self.constant(begin), self.constant(size)]
        version = 2 if self._kind(a) == _Type.INT8 else 1
        options = schema.SliceOptionsT()
        return self._emit("SLICE", inputs, self._kind(a), len(begin), options, version)

    def _binary(self, name: str, a: int, b: int, options: Any) -> int:
        rank = max(self._rank(a), self._rank(b))
        return self._emit(name, [a, b], self._kind(a), rank, options)

    def _emit(  # noqa: PLR0917, what an operator is made of
        self,
        name: str,
        inputs: Sequence[int],
        kind: int,
        rank: int,
        options: Any,
        version: int = 1,
    ) -> int:
        signature = [-1] * rank if rank else None
        output = self._file.add_tensor(self._subgraph, "", [1] * rank, kind, signature=signature)
        self.operators.append(self._file.operator(name, inputs, [output], options, version=version))
        return output

    def _kind(self, tensor: int) -> int:
        return int(self._subgraph.tensors[tensor].type)

    def _rank(self, tensor: int) -> int:
        return len(self._subgraph.tensors[tensor].shape)
