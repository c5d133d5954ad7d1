"""How to feed any .tflite: which inputs take ids, how large an id may be, where the batch is.

Nothing in a .tflite says which table an integer input reads, so the model itself is asked: TFLite
refuses to invoke when an id is out of range, and the largest table whose last id it accepts is the
one. Keras models often take ids as floats and truncate them, so a float input that makes no
difference between 0 and 0.25 takes ids too. Other inputs get standard normal floats or random
bytes: size, latency and memory of a model do not depend on what they say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.errors import ModelError, first_line

if TYPE_CHECKING:
    from tfcompress.tflite import ModelInfo

# Length of an axis that a model leaves open, other than the batch, when no metadata tells.
_OPEN_AXIS = 16
# Not 0.5, and exact in every float type.
_FRACTION = 0.25


@dataclass(frozen=True)
class ModelInput:
    """One input of a model.

    Attributes:
        index: int. Tensor index in the interpreter.
        shape: tuple of int. -1 stands for the batch and can only be the first axis.
        dtype: str. NumPy name.
        limit: int or None. Ids are below it; None for an input that takes no ids.
    """

    index: int
    shape: tuple[int, ...]
    dtype: str
    limit: int | None

    def batch_shape(self, batch: int) -> tuple[int, ...]:
        """The shape for `batch` examples."""
        return tuple(batch if size == -1 else size for size in self.shape)

    def draw(self, rng: np.random.Generator, batch: int) -> NDArray[Any]:
        """A random value: uniform ids below `limit`, standard normal floats, random bytes."""
        shape, dtype = self.batch_shape(batch), np.dtype(self.dtype)
        if self.limit is not None:
            return rng.integers(0, self.limit, shape).astype(dtype)
        if dtype.kind == "f":
            return rng.standard_normal(shape).astype(dtype)
        if dtype.kind == "b":
            return rng.integers(0, 2, shape).astype(dtype)
        bounds = np.iinfo(dtype)
        return rng.integers(bounds.min, bounds.max, shape, dtype=dtype, endpoint=True)

    def to_json(self) -> dict[str, Any]:
        """All attributes by name, for the process that measures memory."""
        return asdict(self)


def find_inputs(interpreter: Any, info: ModelInfo) -> tuple[ModelInput, ...]:
    """The inputs of a model, with the largest ids they take.

    Args:
        interpreter: ai_edge_litert Interpreter. Left with a batch of 1.
        info: ModelInfo. Of the same file.

    Returns:
        tuple of ModelInput.

    Raises:
        ModelError: An input takes strings or complex numbers, or the model does not run.
    """
    metadata = info.metadata or {}
    open_axis = metadata.get("model", {}).get("history_length") or _OPEN_AXIS
    inputs = [_describe(detail, open_axis) for detail in interpreter.get_input_details()]
    resize(interpreter, inputs, 1)
    dims = [embedding["input_dim"] for embedding in metadata.get("embeddings", [])]
    limits = sorted({1, *(dims or [table.rows for table in info.tables])}, reverse=True)
    for position, current in enumerate(inputs):
        floats = limits[0] > 1 and _truncates(interpreter, inputs, position)
        if floats or current.dtype in {"int32", "int64"}:
            inputs[position] = _with_limit(interpreter, inputs, position, limits)
    _try(interpreter, inputs)
    return tuple(inputs)


def resize(interpreter: Any, inputs: Sequence[ModelInput], batch: int) -> None:
    """Gives every input of a model the shape for `batch` examples and allocates its tensors."""
    for current in inputs:
        interpreter.resize_tensor_input(current.index, current.batch_shape(batch))
    interpreter.allocate_tensors()


def takes_batches(inputs: Sequence[ModelInput]) -> bool:
    """Whether the batch size is the caller's choice."""
    return any(-1 in current.shape for current in inputs)


def _describe(detail: dict[str, Any], open_axis: int) -> ModelInput:
    dtype = np.dtype(detail["dtype"])
    if dtype.kind not in "iufb":
        raise ModelError(f"input {detail['name']!r} has dtype {dtype}; only numbers can be made up")
    signature = [int(size) for size in detail["shape_signature"]]
    shape = tuple(
        size if size != -1 or axis == 0 else open_axis for axis, size in enumerate(signature)
    )
    return ModelInput(int(detail["index"]), shape, dtype.name, None)


def _truncates(interpreter: Any, inputs: Sequence[ModelInput], position: int) -> bool:
    """Whether a float input is read as integers."""
    current = inputs[position]
    if np.dtype(current.dtype).kind != "f":
        return False
    outputs = []
    for value in (0, _FRACTION):
        _set(interpreter, inputs)
        filled = np.full(current.batch_shape(1), value, current.dtype)
        interpreter.set_tensor(current.index, filled)
        _invoke(interpreter)
        details = interpreter.get_output_details()
        outputs.append([interpreter.get_tensor(detail["index"]) for detail in details])
    return all(np.array_equal(a, b) for a, b in zip(*outputs, strict=True))


def _with_limit(
    interpreter: Any, inputs: Sequence[ModelInput], position: int, limits: Sequence[int]
) -> ModelInput:
    current = inputs[position]
    if np.dtype(current.dtype).kind == "f":
        # Beyond it floats skip integers, and the last id would be rounded to one that is none.
        exact = 2 ** (np.finfo(current.dtype).nmant + 1)
        limits = [min(limit, exact) for limit in limits]
    for limit in limits:
        candidate = ModelInput(current.index, current.shape, current.dtype, limit)
        try:
            # The other inputs of ids are at id 0 until their own turn.
            _try(interpreter, [*inputs[:position], candidate, *inputs[position + 1 :]])
        except ModelError:
            continue
        return candidate
    return ModelInput(current.index, current.shape, current.dtype, 1)


def _try(interpreter: Any, inputs: Sequence[ModelInput]) -> None:
    """Invokes a model with the largest ids its inputs are said to take, zeros elsewhere."""
    _set(interpreter, inputs)
    _invoke(interpreter)


def _set(interpreter: Any, inputs: Sequence[ModelInput]) -> None:
    for current in inputs:
        largest = (current.limit or 1) - 1
        value = np.full(current.batch_shape(1), largest, current.dtype)
        interpreter.set_tensor(current.index, value)


def _invoke(interpreter: Any) -> None:
    try:
        interpreter.invoke()
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"the runtime refuses it: {first_line(error)}") from error
