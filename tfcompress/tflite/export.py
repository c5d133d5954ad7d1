"""A Keras model as a float32 .tflite of builtin operators.

The two steps of `tf.lite.TFLiteConverter.from_keras_model` (export to a SavedModel, convert that)
are done here one by one, because that method swallows the errors of the first and leaves its
progress on the standard output. Three things are added on the way:

- Keras' own `Embedding` reads the last row for id -1 (LESS, ADD, SELECT_V2 before the GATHER).
  While the model is traced its `call` reads through `tfcompress.layers.lookup`, as our layers do,
  so that an id out of range is loud in every file. `ReversibleEmbedding` calls the same method.
- Layers of a mixed precision policy (float32 weights, half precision arithmetic) are traced with
  float32 arithmetic: TFLite has no half precision kernels for most operators.
- A subclassed model does not say of what type its inputs are. Those that reach an embedding become
  int32, the rest keep the model's input dtype.
"""

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from tfcompress.errors import ConfigError, ModelError, first_line
from tfcompress.rate_distortion import TransformedTable
from tfcompress.temporary import temporary_folder
from tfcompress.tflite.tables.constants import ModelEmbedding, model_embeddings, tables_replaced

_RECURRENT_HINT = "; set unroll=True on recurrent layers (GRU, LSTM, SimpleRNN)"


def export(model: Any) -> bytes:
    """Converts a Keras model; every weight stays float32.

    Args:
        model: keras.Model, built. Functional, Sequential or subclassed, with any number of inputs
            and outputs. The first dimension of each input becomes free.

    Returns:
        bytes. A .tflite with the signature "serving_default"; inputs carry the names of the Keras
        inputs, outputs the keys of a dict output or "output_0", "output_1".

    Raises:
        ConfigError: Keras does not run on TensorFlow here.
        ModelError: the model was never built, or needs an operator TFLite does not have.
        OSError: the folder for temporary files is full or cannot be used.
    """
    check_model(model)
    with _loud_embeddings(), _float32_compute(model):
        return to_tflite(model)


def exported(
    model: Any, transformed: Mapping[str, TransformedTable] | None = None
) -> tuple[bytes, list[ModelEmbedding]]:
    """What `assemble` takes of a model; a second file of it needs no second export.

    Args:
        model: keras.Model. See `export`.
        transformed: mapping or None. Tables to export in the place of the model's.

    Raises:
        ConfigError: as `export`.
        ModelError: as `export`.
    """
    check_model(model)
    from tfcompress.layers import lora_merged

    with lora_merged(model), tables_replaced(model, {} if transformed is None else transformed):
        return export(model), model_embeddings(model)


def check_model(model: Any) -> None:
    """Raises for what cannot be converted: no model, one never built, another backend of Keras."""
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ConfigError(
            f"converting needs Keras on TensorFlow, not on {keras.backend.backend()}: "
            "set KERAS_BACKEND=tensorflow"
        )
    if not isinstance(model, keras.Model):
        raise ModelError(f"model: got {type(model).__name__}, expected a keras.Model")
    if not model.built:
        raise ModelError(f"model {model.name!r} was never built: call it once on an example")


def to_tflite(model: Any, *, optimize: bool = False) -> bytes:
    """What the converter makes of a Keras model as it is.

    Args:
        model: keras.Model, built, on TensorFlow.
        optimize: bool. Whether the converter quantises weights its own way (Optimize.DEFAULT).

    Raises:
        ModelError: the model needs an operator TFLite does not have.
        OSError: the folder for temporary files is full or cannot be used.
    """
    import tensorflow as tf

    with temporary_folder() as directory:
        _save(model, input_specs(model), directory)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(directory))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if optimize:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        try:
            with _quiet_stdout():
                return bytes(converter.convert())
        except Exception as error:
            raise ModelError(_conversion_message(model.name, error)) from error


def input_specs(model: Any) -> list[Any]:
    """The positional arguments of the model's call, as (nested) `tf.TensorSpec`s with names.

    Args:
        model: keras.Model, built.

    Raises:
        ModelError: a subclassed model does not know its input shapes.
    """
    import keras
    import tensorflow as tf

    if isinstance(model, (keras.Sequential, keras.src.models.Functional)):
        names = iter([tensor._keras_history.operation.name for tensor in model.inputs])
        specs = keras.tree.map_structure(
            lambda x: tf.TensorSpec((None, *x.shape[1:]), x.dtype, next(names)),
            model.inputs if isinstance(model, keras.Sequential) else model._inputs_struct,
        )
        return list(specs) if isinstance(model, keras.Sequential) else [specs]
    return _subclassed_specs(model)


def _subclassed_specs(model: Any) -> list[Any]:
    import keras
    import tensorflow as tf

    shapes = getattr(model, "_build_shapes_dict", None)
    if not shapes:
        raise ModelError(
            f"model {model.name!r} does not know its input shapes: call it once on an example, "
            "or build it from keras.Input"
        )
    flat: list[tuple[str, tuple[int | None, ...]]] = []

    def visit(name: str, shape: Any) -> Any:
        """The same structure with the number of the input in place of each shape."""
        if isinstance(shape, dict):
            return {key: visit(key, value) for key, value in shape.items()}
        if all(isinstance(size, (int, type(None))) for size in shape):
            flat.append((name, (None, *shape[1:])))
            return len(flat) - 1
        return [visit(f"{name}_{number}", value) for number, value in enumerate(shape)]

    single = len(shapes) == 1
    structure = [
        visit("inputs" if single else key.removesuffix("_shape"), shape)
        for key, shape in shapes.items()
    ]
    dtypes = [model.input_dtype] * len(flat)

    def float_lookups(candidate: list[str]) -> int:
        """How many lookups get floats when the inputs have these dtypes."""
        inputs = [
            keras.KerasTensor(shape, dtype)
            for (_, shape), dtype in zip(flat, candidate, strict=True)
        ]
        arguments = keras.tree.map_structure(lambda number: inputs[number], structure)
        with _counted_float_lookups() as count:
            keras.src.backend.compute_output_spec(model.call, *arguments)
        return count[0]

    try:
        remaining = float_lookups(dtypes)
    except TypeError as error:
        raise ModelError(
            f"model {model.name!r} cannot be called on the inputs it was built for "
            f"({', '.join(shapes)}): {error}; take several inputs as one list or dict"
        ) from error
    for number in range(len(flat)):
        candidate = [*dtypes[:number], "int32", *dtypes[number + 1 :]]
        if remaining and (left := float_lookups(candidate)) < remaining:
            dtypes, remaining = candidate, left
    specs = [
        tf.TensorSpec(shape, dtype, name) for (name, shape), dtype in zip(flat, dtypes, strict=True)
    ]
    return list(keras.tree.map_structure(lambda number: specs[number], structure))


def _save(model: Any, specs: list[Any], directory: Path) -> None:
    import keras

    def infer(*inputs: Any) -> Any:
        return model(*inputs, training=False)

    archive = keras.export.ExportArchive()
    archive.track(model)
    try:
        archive.add_endpoint("serving_default", infer, specs)
        archive.write_out(str(directory), verbose=False)
    except Exception as error:
        raise ModelError(
            f"model {model.name!r} cannot be traced: {type(error).__name__}: {first_line(error)}"
        ) from error


@contextlib.contextmanager
def _loud_embeddings() -> Iterator[None]:
    """Inside, `keras.layers.Embedding` reads rows without wrapping negative ids."""
    import keras
    from keras import ops

    from tfcompress.layers.lookup import lookup, to_int32

    def call(self: Any, inputs: Any) -> Any:
        return ops.cast(lookup(self.embeddings, to_int32(inputs)), self.compute_dtype)

    with mock.patch.object(keras.layers.Embedding, "call", call):
        yield


@contextlib.contextmanager
def _float32_compute(model: Any) -> Iterator[None]:
    """Inside, layers of a mixed precision policy compute in float32, which TFLite has kernels for.

    Raises:
        ModelError: a layer keeps its weights in half precision, or was quantised by Keras.
    """
    import keras

    changed = []
    for layer in model._flatten_layers():
        policy = layer.dtype_policy
        half = policy.compute_dtype in ("float16", "bfloat16")
        if policy.quantization_mode or (half and policy.variable_dtype != "float32"):
            raise ModelError(
                f"layer {layer.name!r} has the dtype policy {policy.name!r}; convert the model "
                "before it is cast or quantised in Keras: tables are rounded while converting"
            )
        if half:
            changed.append((layer, policy))
    try:
        for layer, _ in changed:
            layer.dtype_policy = keras.DTypePolicy("float32")
        yield
    finally:
        for layer, policy in changed:
            layer.dtype_policy = policy


@contextlib.contextmanager
def _counted_float_lookups() -> Iterator[list[int]]:
    """Inside, counts the calls of an embedding layer whose ids are floats."""
    import keras

    from tfcompress.layers import CompressedEmbedding

    count = [0]

    def counting(original: Any) -> Any:
        def call(self: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            reverse = kwargs.get("reverse", args[0] if args else False)
            if not reverse and keras.backend.is_float_dtype(inputs.dtype):
                count[0] += 1
            return original(self, inputs, *args, **kwargs)

        return call

    classes = (CompressedEmbedding, keras.layers.Embedding)
    with contextlib.ExitStack() as stack:
        for layer_class in classes:
            patched = counting(layer_class.call)
            stack.enter_context(mock.patch.object(layer_class, "call", patched))
        yield count


@contextlib.contextmanager
def _quiet_stdout() -> Iterator[None]:
    """Inside, what is printed goes nowhere (the converter reports its progress)."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
        yield


def _conversion_message(name: str, error: Exception) -> str:
    said = str(error)
    operators = sorted(set(re.findall(r"'?(tf\.[A-Z]\w+)'? op", said)))
    named = re.search(r"^(?:Flex|Custom) ops?: (.+)$", said, re.MULTILINE)
    if named:
        operators = [part.strip() for part in named.group(1).split(",")]
    if not operators:
        return f"model {name!r} cannot be converted to TFLite: {first_line(error)}"
    hint = _RECURRENT_HINT if any("TensorList" in operator for operator in operators) else ""
    return (
        f"model {name!r} needs {', '.join(operators)}, which TFLite's builtin operators do not "
        f"have: rewrite that layer with keras.ops that convert{hint}"
    )
