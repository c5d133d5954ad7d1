"""Puts compressed embeddings in place of the full ones of a Keras model that exists.

The model is cloned layer by layer, all other weights are copied, the model given stays as it is.

| where an embedding stands | how it is replaced |
| --- | --- |
| in a functional or sequential model, used once or several times | while the model is cloned |
| in a nested model | the same, nested models are cloned recursively |
| in an attribute of a subclassed layer or model, also in a list, tuple or dict | in the clone |
"""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from tfcompress import layers
from tfcompress.errors import ConfigError, ModelError, first_line
from tfcompress.validation import shown

# Rows read at a time where a table has to be asked for by id.
_CHUNK = 65_536


def replace_embeddings(model: Any, replacements: Mapping[str, Any], *, fit: bool = False) -> Any:
    """A copy of `model` with other embedding layers.

    Args:
        model: keras.Model. Built; functional, sequential or subclassed (with `get_config`).
        replacements: dict str -> layer or spec. The names are those of `layers.model_embeddings`.
            A layer must have the dimensions of the one it replaces. A spec is a name from
            `layers.NAMES`, or a dict {"embedding": name, "ratio": 16, ...} with the arguments of
            `layers.create`; name, `mask_zero`, dtype and whether it is trained are those of the
            layer replaced, so that one of a frozen layer needs `fit`, or "trainable": True.
        fit: bool. Whether the new layers start from the trained tables (`fit_table`); without it
            they start as they are.

    Returns:
        keras.Model. Compiled as `model` was, with a fresh optimizer.

    Raises:
        ConfigError: An unknown name, a bad spec, or dimensions that differ.
        ModelError: The model cannot be cloned, or hides an embedding where it cannot be replaced.

    Example:
        >>> ids = keras.Input((5,), dtype="int32")
        >>> words = keras.layers.Embedding(10_000, 64, name="words")
        >>> model = keras.Model(ids, keras.layers.GlobalAveragePooling1D()(words(ids)))
        >>> small = replace_embeddings(model, {"words": {"embedding": "hash", "ratio": 16}})
        >>> small.count_params(), model.count_params()
        (40000, 640000)
    """
    if not getattr(model, "built", False):
        raise ModelError(f"model {getattr(model, 'name', model)!r} is not built; call it once")
    found = layers.model_embeddings(model)
    unknown = [name for name in replacements if name not in found]
    if unknown:
        raise ConfigError(
            f"no embedding is named {unknown[0]!r}; the model has {', '.join(found) or 'none'}"
        )
    new: dict[int, Any] = {}
    for name, replacement in replacements.items():
        old = found[name]
        new[id(old)] = layer = _replacement(name, old, replacement)
        layer.tables()
        if fit:
            layer.fit_table(trained_table(old))
    if id(model) in new:
        return new[id(model)]
    clone = _clone(model, new)
    inner: dict[int, Any] = {}
    _copy_weights(model, clone, new, inner)
    return _substitute(clone, inner) if inner else clone


def trained_table(layer: Any) -> npt.NDArray[np.float32]:
    """The embeddings of all ids of a layer, float32 (input_dim, output_dim).

    Args:
        layer: One of our layers, or Keras' own (quantised or with LoRA weights, too).
    """
    if layers.has_lora(layer):
        return np.asarray(ops.convert_to_numpy(layers.merged_table(layer)), np.float32)
    if isinstance(layer, keras.layers.Embedding) and layer.quantization_mode is None:
        return np.asarray(ops.convert_to_numpy(layer.embeddings), np.float32)
    starts = range(0, layer.input_dim, _CHUNK)
    ids = (np.arange(s, min(s + _CHUNK, layer.input_dim), dtype=np.int32) for s in starts)
    rows = [np.asarray(ops.convert_to_numpy(layer(part)), np.float32) for part in ids]
    return np.concatenate(rows)


def _replacement(name: str, old: Any, replacement: Any) -> Any:
    if getattr(old, "tie_weights", True) is False:
        raise ModelError(
            f"{name}: an untied ReversibleEmbedding has two tables; replace it by hand"
        )
    if isinstance(replacement, layers.CompressedEmbedding):
        ours = (replacement.input_dim, replacement.output_dim, replacement.mask_zero)
        theirs = (old.input_dim, old.output_dim, old.mask_zero)
        if ours != theirs:
            raise ConfigError(
                f"{name}: the replacement must have input_dim={theirs[0]}, output_dim={theirs[1]}, "
                f"mask_zero={theirs[2]}; received {ours[0]}, {ours[1]}, {ours[2]}"
            )
        return replacement
    spec = {"embedding": replacement} if isinstance(replacement, str) else replacement
    if not isinstance(spec, Mapping) or "embedding" not in spec:
        raise ConfigError(
            f'{name}: expected a layer, a name or a dict with "embedding"; '
            f"received {shown(replacement)}"
        )
    own = {
        "name": old.name,
        "mask_zero": old.mask_zero,
        "dtype": _float_policy(old),
        "trainable": old.trainable,
    }
    arguments = {**own, **spec}
    kind = arguments.pop("embedding")
    return layers.create(kind, old.input_dim, old.output_dim, **arguments)


def _float_policy(layer: Any) -> Any:
    policy = layer.dtype_policy
    return policy if policy.quantization_mode is None else policy.compute_dtype


def _is_graph(layer: Any) -> bool:
    """Whether a model is a graph of layers that `clone_model` can rebuild."""
    return isinstance(layer, keras.Sequential) or (
        isinstance(layer, keras.Model) and hasattr(layer, "_run_through_graph")
    )


def _clone(model: Any, new: Mapping[int, Any]) -> Any:
    """A clone with its own weights, in which graphs have the new layers already."""

    def clone_layer(layer: Any) -> Any:
        if id(layer) in new:
            return new[id(layer)]
        try:
            return type(layer).from_config(layer.get_config())
        except Exception as error:
            raise ModelError(
                f"layer {layer.name!r} ({type(layer).__name__}) cannot be cloned from its "
                f"get_config: {first_line(error)}"
            ) from error

    if _is_graph(model):
        return keras.models.clone_model(model, clone_function=clone_layer, recursive=True)
    clone = clone_layer(model)
    try:
        clone.build_from_config(model.get_build_config())
    except Exception as error:
        raise ModelError(
            f"model {model.name!r} cannot be built again: {first_line(error)}"
        ) from error
    # Building from shapes alone runs the model symbolically: its layers are built, not the model.
    if not all(layer.built for layer in clone._flatten_layers(include_self=False)):
        raise ModelError(f"model {model.name!r} does not say how it was built; call it once")
    clone.built = True
    return clone


def _children(layer: Any) -> list[Any]:
    return list(layer._flatten_layers(include_self=False, recursive=False))


def _copy_weights(old: Any, clone: Any, new: Mapping[int, Any], inner: dict[int, Any]) -> None:
    """Copies weights along two equal trees of layers; collects clones that are to be replaced.

    Args:
        old: Layer of the model given.
        clone: Its clone.
        new: Replacements by the id of the old layer.
        inner: Filled with replacements by the id of the clone that stands in their place.
    """
    if id(old) in new:
        if clone is not new[id(old)]:
            inner[id(clone)] = new[id(old)]
        return
    ours = [*clone._trainable_variables, *clone._non_trainable_variables]
    theirs = [*old._trainable_variables, *old._non_trainable_variables]
    parts = list(zip(_children(old), _children(clone), strict=False))
    same = [v.shape for v in ours] == [v.shape for v in theirs]
    if not same or len(_children(old)) != len(_children(clone)):
        raise ModelError(
            f"layer {old.name!r} ({type(old).__name__}) has other weights or sublayers when it is "
            "made again from its get_config"
        )
    for variable, trained in zip(ours, theirs, strict=True):
        # By way of NumPy: on JAX the two would share an array, which training of one deletes.
        variable.assign(np.array(ops.convert_to_numpy(trained)))
    for old_part, part in parts:
        _copy_weights(old_part, part, new, inner)


def _substitute(layer: Any, inner: Mapping[int, Any]) -> Any:
    """Replaces sublayers of a clone, whatever depth they are at.

    Args:
        layer: The clone.
        inner: Replacements by the id of the layer they replace.

    Returns:
        The layer itself, changed; or another one, if it is to be replaced or is a graph that had to
        be built again around a replaced layer.
    """
    if id(layer) in inner:
        return inner[id(layer)]
    changed = {
        id(part): (part, other)
        for part in _children(layer)
        if (other := _substitute(part, inner)) is not part
    }
    if not changed:
        return layer
    if _is_graph(layer):
        return keras.models.clone_model(
            layer, clone_function=lambda part: changed.get(id(part), (part, part))[1]
        )
    # The tracker of a built layer refuses new sublayers, and keeps the order of saved weights.
    tracker = layer._tracker
    tracker.unlock()
    for part, other in changed.values():
        if tracker.is_in_store("layers", other):
            tracker.untrack(part)
        else:
            tracker.replace_tracked_value("layers", part, other)
    reached: set[int] = set()
    for attribute, value in list(vars(layer).items()):
        if attribute != "_layers":
            renewed = _renew(value, changed, reached)
            if renewed is not value:
                setattr(layer, attribute, renewed)
    tracker.lock()
    for part, _ in changed.values():
        if id(part) not in reached:
            raise ModelError(
                f"layer {layer.name!r} keeps {part.name!r} where it cannot be replaced; "
                "hold it in an attribute, a list, a tuple or a dict"
            )
        _retire(part, layer)
    return layer


def _retire(old: Any, holder: Any) -> None:
    """Makes a replaced layer refuse calls: an object of no layer may hold it, too, and use it."""

    def call(*args: Any, **kwargs: Any) -> Any:
        raise ModelError(
            f"layer {holder.name!r} calls {old.name!r} by something other than an attribute, a "
            "list, a tuple or a dict of its own, where it cannot be replaced"
        )

    old.call = call


def _renew(value: Any, changed: Mapping[int, tuple[Any, Any]], reached: set[int]) -> Any:
    """The value of an attribute with changed layers replaced; lists and dicts change in place."""
    if id(value) in changed:
        reached.add(id(value))
        return changed[id(value)][1]
    if isinstance(value, list):
        for place, part in enumerate(value):
            renewed = _renew(part, changed, reached)
            if renewed is not part:
                value[place] = renewed
    elif isinstance(value, dict):
        for key, part in list(value.items()):
            renewed = _renew(part, changed, reached)
            if renewed is not part:
                value[key] = renewed
    elif isinstance(value, tuple):
        # TensorFlow wraps the tuples of a layer, so the type itself says little.
        parts = [_renew(part, changed, reached) for part in value]
        if any(a is not b for a, b in zip(parts, value, strict=True)):
            make: Any = getattr(value, "_make", tuple)  # of a named tuple
            return make(parts)
    return value
