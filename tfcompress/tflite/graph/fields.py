"""What the generated objects hold, read alike whoever made them: unset, bytes, text or arrays."""

import math
from collections.abc import Collection
from typing import Any

from ai_edge_litert import schema_py_generated as schema

_FLOAT32_BYTES, _INT64_BYTES = 4, 8


def builtin_code(code: Any) -> int:
    """The builtin number of an operator code, from whichever of its two fields holds it."""
    return max(int(code.builtinCode), int(code.deprecatedBuiltinCode))


def block_details(tensor: Any) -> Any | None:
    """What names the tensors of a blockwise quantised tensor's scales; None for other tensors."""
    details = None if tensor.quantization is None else tensor.quantization.details
    return details if isinstance(details, schema.BlockwiseQuantizationT) else None


def indices(values: Any) -> list[int]:
    """A flatbuffer integer vector, or nothing, as a list of int."""
    return [] if values is None else [int(value) for value in values]


def has_rank(tensor: Any) -> bool:
    """Whether a tensor's number of dimensions is known; a scalar has the shape [], too."""
    return bool(tensor.hasRank) or len(indices(tensor.shape)) > 0


def num_values(tensor: Any) -> int:
    """How many values a tensor has, a free dimension counted as one."""
    return math.prod(indices(tensor.shape))


def parameter_bytes(tensor: Any) -> int:
    """Bytes of a tensor's scales, zero points and ranges, which ship beside its data."""
    quantization = tensor.quantization
    if quantization is None:
        return 0
    floats = [quantization.scale, quantization.min, quantization.max]
    count = sum(len(values) for values in floats if values is not None)
    zero_points = 0 if quantization.zeroPoint is None else len(quantization.zeroPoint)
    return count * _FLOAT32_BYTES + zero_points * _INT64_BYTES


def text(value: Any) -> str:
    """A flatbuffer string (bytes, str or nothing) as str."""
    return value.decode() if isinstance(value, bytes) else (value or "")


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, with a number behind it where it is taken."""
    unique, count = name, 1
    while unique in taken:
        unique, count = f"{name}_{count}", count + 1
    return unique
