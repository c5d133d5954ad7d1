"""A Keras model made again with other layers in the place of some: the layers and their weights.

| where a layer stands | how it is replaced |
| --- | --- |
| in a functional or sequential model, used once or several times | while the model is cloned |
| in a nested model | the same, nested models are cloned recursively |
| in an attribute of a subclassed layer or model, also in a list, tuple or dict | in the clone |
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from tfcompress.errors import ModelError, first_line

# Methods that a class has for its constructor's sake.
_OF_CONFIG = ("get_config", "from_config")


def clone_with(model: Any, new: Mapping[int, Any]) -> Any:
    """A model like another one, of layers and weights of its own, with some layers replaced.

    Args:
        model: keras.Model. Built. It stays as it is.
        new: Replacements by the id of the layer they replace.

    Returns:
        keras.Model. Compiled as `model` is, with a fresh optimizer.

    Raises:
        ModelError: The model cannot be cloned with all it is, or hides a layer where it cannot be
            replaced.
    """
    clone = _clone(model, new)
    inner: dict[int, Any] = {}
    _copy_weights(model, clone, new, inner)
    if inner:
        clone = _substitute(clone, inner)
    if getattr(model, "compiled", False):
        # Last, as the optimizer takes the variables that are there; for graphs Keras did it before.
        with _or_refuse(f"model {model.name!r} cannot be compiled again"):
            clone.compile_from_config(model.get_compile_config())
    return clone


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
        name = f"layer {layer.name!r} ({type(layer).__name__})"
        with _or_refuse(f"{name} cannot be cloned from its get_config"):
            if type(layer) is keras.layers.Lambda:
                return _again(layer)
            return type(layer).from_config(layer.get_config())

    if _is_graph(model):
        return _clone_graph(model, clone_layer, recursive=True)
    clone = clone_layer(model)
    with _or_refuse(f"model {model.name!r} cannot be built again"):
        clone.build_from_config(model.get_build_config())
    # Building from shapes alone runs the model symbolically: its layers are built, not the model.
    if not all(layer.built for layer in clone._flatten_layers(include_self=False)):
        raise ModelError(f"model {model.name!r} does not say how it was built; call it once")
    clone.built = True
    return clone


def _clone_graph(model: Any, clone_layer: Callable[[Any], Any], recursive: bool = False) -> Any:
    with _or_refuse(f"model {model.name!r} cannot be cloned"):
        return keras.models.clone_model(model, clone_function=clone_layer, recursive=recursive)


@contextmanager
def _or_refuse(what: str) -> Iterator[None]:
    """Makes whatever Keras or someone's class raises a `ModelError` that says what cannot be."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{what}: {first_line(error)}") from error


def _again(layer: keras.layers.Lambda) -> keras.layers.Lambda:
    """A lambda is not read back from its configuration, for safety's sake; here it is at hand."""
    own = {"name": layer.name, "dtype": layer.dtype_policy}
    return keras.layers.Lambda(
        layer.function, layer._output_shape, layer.mask, layer.arguments, **own
    )


def _check_class(old: Any, clone: Any) -> None:
    """Refuses to lose what a graph's class does: one with its own constructor becomes plain."""
    for part in type(old).__mro__:
        for name in [] if issubclass(type(clone), part) else vars(part):
            if hasattr(keras.Model, name) and not name.startswith("_") and name not in _OF_CONFIG:
                raise ModelError(
                    f"model {old.name!r} would lose the {name} of its class {type(old).__name__}, "
                    "whose constructor cannot take other layers; replace in "
                    "keras.Model(model.inputs, model.outputs) and make yours around that"
                )


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
    _check_class(old, clone)
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
        variable.trainable = trained.trainable
    clone._trainable = old._trainable  # a configuration says it of the outermost layer only
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
        graph = _clone_graph(layer, lambda part: changed.get(id(part), (part, part))[1])
        _check_class(layer, graph)
        return graph
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
