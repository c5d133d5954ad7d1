"""The dense part in int8 or int4: dynamic-range quantisation by ai-edge-quantizer.

Weights become integers with a scale per output channel; activations stay float32 and are rounded to
8 bits by the kernel while it runs. Only operators named here are touched, and of those only the
ones whose weights are not an embedding table: the quantiser would copy a table that is also
gathered.
"""

import math
import re
from collections.abc import Collection
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from tfcompress.tflite.graph.flatbuffer import TfliteFile, read
from tfcompress.tflite.graph.operator_versions import CHANNEL_SCALES_VERSION
from tfcompress.tflite.graph.readers import looked_up_buffers

_WEIGHTS = 1
_LARGE = 1 << 16
"""Values from which a matrix is worth 4 bits: all that are smaller together weigh little."""
_INTEGERS = (schema.TensorType.INT8, schema.TensorType.INT4)


def quantize_dense(
    file: TfliteFile, tables: Collection[int] = (), *, num_bits: int = 8
) -> tuple[TfliteFile, dict[str, int]]:
    """Quantises the weights of dense and convolution operators.

    Args:
        file: TfliteFile, float32. Not changed.
        tables: collection of int. Buffers that are left alone, besides those looked up.
        num_bits: int. 8, or 4 for the matrices of dense layers of 65,536 values or more, such as
            those that score every item; all other weights are int8 then, too.

    Returns:
        The new file, and how many operators of each name were quantised.
    """
    from ai_edge_quantizer import qtyping, quantizer
    from ai_edge_quantizer.utils import tfl_flatbuffer_utils

    recipe = quantizer.Quantizer(file.flatbuffer_bytes())
    counts: dict[str, int] = {}
    kept = {*tables, *looked_up_buffers(file)}
    for subgraph in file.subgraphs:
        for operator in subgraph.operators:
            name = file.operator_name(operator)
            if not _is_dense(file, subgraph, operator, name, kept):
                continue
            counts[name] = counts.get(name, 0) + 1
            weights = _weights(subgraph, operator)
            scope = tfl_flatbuffer_utils.get_op_scope(operator, subgraph.tensors)
            recipe.add_dynamic_config(
                f"^{re.escape(scope)}$",
                qtyping.TFLOperationName(name),
                num_bits=num_bits if name == "FULLY_CONNECTED" and is_large(weights) else 8,
            )
    if not counts:
        return file, counts
    result = recipe.quantize(enable_progress_bar=False, enable_progress_report=False)
    quantised = read(bytes(result.quantized_model))
    quantised.associated = file.associated
    for subgraph in quantised.subgraphs:
        for operator in subgraph.operators:
            name = quantised.operator_name(operator)
            # The quantiser leaves the version of the float operator, with which an old runtime
            # would load the file and apply the first channel's scale to all of them.
            version = CHANNEL_SCALES_VERSION.get(name)
            if version is not None and _weights(subgraph, operator).type in _INTEGERS:
                operator.opcodeIndex = quantised.operator(name, [], [], version=version).opcodeIndex
    return quantised, counts


def _is_dense(file: TfliteFile, subgraph: Any, operator: Any, name: str, tables: set[int]) -> bool:
    if name not in CHANNEL_SCALES_VERSION or len(operator.inputs) <= _WEIGHTS:
        return False
    weights = _weights(subgraph, operator)
    return (
        weights.type == schema.TensorType.FLOAT32
        and file.data(weights) is not None
        and weights.buffer not in tables
    )


def is_large(weights: Any) -> bool:
    """Whether a weight tensor has so many values that 4 bits each are worth it."""
    return math.prod(int(size) for size in weights.shape) >= _LARGE


def _weights(subgraph: Any, operator: Any) -> Any:
    return subgraph.tensors[operator.inputs[_WEIGHTS]]
