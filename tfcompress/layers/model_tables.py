"""The embedding layers of any Keras model and the tables they ship."""

from typing import Any

import keras

from tfcompress.errors import ModelError
from tfcompress.layers.base import CompressedEmbedding


def is_embedding(layer: Any) -> bool:
    """Whether a layer holds embedding tables: one of ours, or Keras' own."""
    return isinstance(layer, (CompressedEmbedding, keras.layers.Embedding))


def has_lora(layer: Any) -> bool:
    """Whether a layer is Keras' own embedding with LoRA weights beside a float table."""
    return (
        isinstance(layer, keras.layers.Embedding)
        and layer.lora_enabled
        and layer.quantization_mode is None
    )


def model_embeddings(model: Any) -> dict[str, Any]:
    """Finds every embedding layer of a model, nested models and sublayers included.

    Args:
        model: keras.Model or layer.

    Returns:
        dict str -> layer, each layer once however often it is used. The name is the layer's own,
        or, where two layers have the same, its path from the model: "tower/item_embedding".
    """
    found: dict[int, tuple[tuple[str, ...], Any]] = {}
    seen: set[int] = set()

    def visit(layer: Any, path: tuple[str, ...]) -> None:
        if id(layer) in seen:
            return
        seen.add(id(layer))
        if is_embedding(layer):
            # A layer made of others (a head and a tail) is one embedding: do not look inside.
            found[id(layer)] = (path, layer)
            return
        for child in layer._flatten_layers(include_self=False, recursive=False):
            visit(child, (*path, child.name))

    visit(model, (model.name,) if is_embedding(model) else ())
    return _unique_names(list(found.values()))


def _unique_names(found: list[tuple[tuple[str, ...], Any]]) -> dict[str, Any]:
    short = [path[-1] for path, _ in found]
    named: dict[str, Any] = {}
    for path, layer in found:
        name = path[-1] if short.count(path[-1]) == 1 else "/".join(path)
        unique, number = name, 1
        while unique in named:
            unique, number = f"{name}_{number}", number + 1
        named[unique] = layer
    return named


def layer_tables(layer: Any) -> dict[str, Any]:
    """The tables an embedding layer ships, by name.

    Args:
        layer: One of our layers, `keras.layers.Embedding` or `keras.layers.ReversibleEmbedding`.

    Returns:
        dict str -> keras.Variable: `tables()` for ours, "embeddings" for Keras' own (and
        "reverse_embeddings" for an untied reversible one).
    """
    if isinstance(layer, CompressedEmbedding):
        return layer.tables()
    if has_lora(layer):
        raise ModelError(
            f"{layer.name}: LoRA weights come on top of its table; call "
            "tfcompress.layers.merge_lora(model) first"
        )
    tables = {"embeddings": layer.embeddings}
    if getattr(layer, "tie_weights", True) is False:
        tables["reverse_embeddings"] = layer.reverse_embeddings
    return tables
