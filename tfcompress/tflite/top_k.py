"""A ranker that returns the best K instead of a score for every id.

    scores (B, n) -> STRIDED_SLICE without ids 0 and 1 -> TOPK_V2 -> ids = indices + 2

Padding (0) and out-of-vocabulary (1) are never an answer. TOPK_V2 puts the smaller index first
where two scores are equal, which is the order of `tfcompress.ranking`.
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfcompress.errors import ConfigError
from tfcompress.tflite.graph.flatbuffer import TfliteFile
from tfcompress.tflite.graph.outputs import set_outputs
from tfcompress.validation import shown
from tfcompress.vocabulary import FIRST_ID

_Type = schema.TensorType
IDS = "ids"
SCORES = "scores"


def check_top_k(top_k: Any, num_ids: int | None = None) -> None:
    """Raises `ConfigError` for what is no whole number from 1 to those that can be returned.

    Args:
        top_k: int. K.
        num_ids: int or None. That the model scores; None where that is not known yet.
    """
    is_whole = isinstance(top_k, (int, np.integer)) and not isinstance(top_k, bool)
    if not is_whole or top_k < 1:
        raise ConfigError(f"top_k: got {shown(top_k)}, expected a whole number of at least 1")
    if num_ids is not None and top_k > num_ids - FIRST_ID:
        raise ConfigError(
            f"top_k: got {top_k}, expected 1 to {num_ids - FIRST_ID} (the model scores {num_ids} "
            f"ids, of which the first {FIRST_ID} are never returned)"
        )


def num_scored_ids(model: Any) -> int | None:
    """How many ids a Keras model scores; None where that is known only of what it converts to."""
    outputs = getattr(model, "outputs", None) or []
    shapes = [tuple(output.shape) for output in outputs]
    return shapes[0][1] if len(shapes) == 1 and len(shapes[0]) == 2 else None


def append_top_k(file: TfliteFile, top_k: int) -> None:
    """Replaces the one output of a ranker by `ids` int32 (B, K) and `scores` float32 (B, K).

    Args:
        file: TfliteFile. Its only output is float32 (B, n); changed in place.
        top_k: int. K, from 1 to n - 2.

    Raises:
        ConfigError: the model is no ranker, or K is out of its range.
    """
    subgraph = file.subgraphs[0]
    if len(subgraph.outputs) != 1:
        raise ConfigError(
            f"top_k: the model has {len(subgraph.outputs)} outputs; it works on one (batch, n)"
        )
    output = subgraph.outputs[0]
    tensor = subgraph.tensors[output]
    shape = [int(size) for size in tensor.shape]
    if len(shape) != 2 or tensor.type != _Type.FLOAT32:
        raise ConfigError(
            f"top_k: the model's output has shape {shape}; it works on float32 scores (batch, n)"
        )
    candidates = shape[1] - FIRST_ID
    check_top_k(top_k, shape[1])

    def constant(name: str, value: int | list[int]) -> int:
        return file.add_constant(subgraph, f"top_k/{name}", np.array(value, np.int32))

    def batch(name: str, width: int, kind: int) -> int:
        return file.add_like(subgraph, name, output, kind, last=[width])

    # Without a free dimension in its signature, TOPK_V2 sizes its outputs before it runs; with one
    # it makes them while it runs, and those of an empty batch cannot be read.
    items = file.add_tensor(subgraph, "top_k/items", [1, candidates], _Type.FLOAT32)
    values = batch(SCORES, top_k, _Type.FLOAT32)
    positions = batch("top_k/positions", top_k, _Type.INT32)
    ids = batch(IDS, top_k, _Type.INT32)
    begin, end = constant("begin", [0, FIRST_ID]), constant("end", [0, shape[1]])
    strides = constant("strides", [1, 1])
    all_examples = schema.StridedSliceOptionsT(beginMask=1, endMask=1)
    subgraph.operators += [
        file.operator("STRIDED_SLICE", [output, begin, end, strides], [items], all_examples),
        file.operator(
            "TOPK_V2", [items, constant("k", top_k)], [values, positions], schema.TopKV2OptionsT()
        ),
        file.operator(
            "ADD", [positions, constant("first_id", FIRST_ID)], [ids], schema.AddOptionsT()
        ),
    ]
    set_outputs(file, {IDS: ids, SCORES: values})
