"""Puts compressed embeddings in place of the full ones of a Keras model that exists.

The model is cloned (see `clone`), the model given stays as it is.
"""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from tfcompress import layers
from tfcompress.clone import clone_with
from tfcompress.errors import ConfigError, ModelError
from tfcompress.validation import shown

# Rows read at a time where a table has to be asked for by id.
_CHUNK = 65_536
# Arguments of Keras' ReversibleEmbedding that ours lack: an untied one has two tables.
_OF_REVERSIBLE = {"tie_weights": True, "reverse_dtype": None, "logit_soft_cap": None}


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
        keras.Model. Compiled as `model` was, with a fresh optimizer (but not where the class of the
        model has a `compile` of its own and no `compile_from_config`).

        Where a subclassed layer or model holds a replaced embedding, a saved model is not loaded
        by itself, as the code of the class makes the embedding it always made. Load its weights
        instead: `replace_embeddings(model, replacements).load_weights(path)`, without `fit`.

    Raises:
        ConfigError: An unknown name, a bad spec, or dimensions that differ.
        ModelError: The model cannot be cloned with all it is, hides an embedding where it cannot be
            replaced, or has one with an argument that no layer here has.

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
        layer = _replacement(name, old, replacement)
        if any(layer is other for other in new.values()):
            raise ConfigError(f"{name}: its layer replaces another one; give it one of its own")
        new[id(old)] = layer
        layer.tables()
        if fit:
            layer.fit_table(trained_table(old))
    if id(model) in new:
        return new[id(model)]
    return clone_with(model, new)


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
    # Ours compute rows in the dtype of the tables: that of `call` may have 16 bits.
    read = layer.exact_rows if isinstance(layer, layers.CompressedEmbedding) else layer
    rows = [np.asarray(ops.convert_to_numpy(read(part)), np.float32) for part in ids]
    return np.concatenate(rows)


def _replacement(name: str, old: Any, replacement: Any) -> Any:
    for argument, usual in _OF_REVERSIBLE.items():
        if (value := getattr(old, argument, usual)) != usual:
            raise ModelError(
                f"{name}: no layer here has the {argument}={value!r} of its "
                f"{type(old).__name__}; replace it by hand"
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
    for argument in ("input_dim", "output_dim"):
        if argument in spec:
            raise ConfigError(f"{name}: {argument} is that of the layer replaced; leave it out")
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
