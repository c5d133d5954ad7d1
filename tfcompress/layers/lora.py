"""Keras' own embeddings with LoRA weights: E + (alpha / r) A B, merged into the table that ships.

Keras freezes E (n, D) and trains A (n, r) and B (r, D). A lookup reads a row of the sum, so the sum
is the table of the layer, and A and B never ship.

Reference:
    Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", arXiv 2106.09685.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from keras import ops

from tfcompress.layers.model_tables import has_lora, model_embeddings


def merged_table(layer: Any) -> Any:
    """E + (alpha / r) A B of a layer with LoRA weights, as a tensor of the dtype of E (n, D)."""
    delta = ops.matmul(layer.lora_embeddings_a, layer.lora_embeddings_b)
    scale = layer.lora_alpha / layer.lora_rank
    return ops.add(layer._embeddings, ops.cast(scale * delta, layer._embeddings.dtype))


def merge_lora(model: Any) -> None:
    """Merges the LoRA weights of a model's embeddings into their tables, in place, for good.

    The embeddings give what they gave, and are then as if LoRA had never been enabled.

    Args:
        model: keras.Model or layer. Tables that Keras quantised are left as they are.
    """
    for layer in _with_lora(model):
        layer._embeddings.assign(merged_table(layer))
        layer._embeddings.trainable = layer.trainable
        layer.lora_enabled = False
        layer.lora_rank = layer.lora_alpha = None
        for name in ("lora_embeddings_a", "lora_embeddings_b"):
            layer._untrack_variable(getattr(layer, name))
            delattr(layer, name)


@contextmanager
def lora_merged(model: Any) -> Iterator[None]:
    """Inside, the embeddings of a model have their LoRA weights in their tables."""
    layers = _with_lora(model)
    before = [np.array(layer._embeddings) for layer in layers]
    try:
        for layer in layers:
            layer._embeddings.assign(merged_table(layer))
            layer.lora_enabled = False
        yield
    finally:
        for layer, value in zip(layers, before, strict=True):
            layer._embeddings.assign(value)
            layer.lora_enabled = True


def _with_lora(model: Any) -> list[Any]:
    return [layer for layer in model_embeddings(model).values() if has_lora(layer)]
