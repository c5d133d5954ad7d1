"""How far a converted file is from its Keras model on given inputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.errors import ConfigError
from tfcompress.tflite import top_k
from tfcompress.tflite.runtime.delegate import delegates_for
from tfcompress.vocabulary import FIRST_ID

Inputs = NDArray[Any] | Sequence[NDArray[Any]] | Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Difference:
    """The largest difference over all outputs and examples.

    Attributes:
        absolute: float. max |file - Keras|.
        relative: float. The same over the largest magnitude of that Keras output; per output.
    """

    absolute: float
    relative: float


def compare_with_keras(model: Any, content: bytes, inputs: Inputs) -> Difference:
    """Runs both on the same inputs.

    A file made with `top_k` is compared by the scores of the ids it returns, and these by the K
    best that Keras gives, ids 0 and 1 left out.

    Args:
        model: keras.Model. What `content` was converted from.
        content: bytes. The .tflite file.
        inputs: array, sequence of arrays in the order of the model's inputs, or dict by name.

    Returns:
        Difference. NaN in either shows as NaN.

    Raises:
        ConfigError: the inputs are not those of the model.
    """
    import keras

    feed, arguments = named_inputs(model, inputs)
    outputs = keras.tree.flatten(model(*arguments, training=False))
    expected = [np.asarray(keras.ops.convert_to_numpy(output)) for output in outputs]
    found = run(content, feed)
    if set(found) == {top_k.IDS, top_k.SCORES} and len(expected) == 1:
        rows = np.take_along_axis(expected[0], found[top_k.IDS].astype(np.int64), axis=1)
        # Ties and rounding may swap ids, so what is best is compared by score.
        best = -np.sort(-expected[0][:, FIRST_ID:], axis=1)[:, : rows.shape[1]]
        pairs = [(rows, found[top_k.SCORES]), (best, found[top_k.SCORES])]
    else:
        # Dict outputs are flattened by key; the others are output_0, output_1, ...
        order = sorted(found, key=_output_order)
        pairs = [(value, found[name]) for value, name in zip(expected, order, strict=True)]
    absolute = [float(np.max(np.abs(a - b), initial=0)) for a, b in pairs]
    largest = [float(np.max(np.abs(a), initial=0)) for a, _ in pairs]
    relative = [a / m if m else a for a, m in zip(absolute, largest, strict=True)]
    return Difference(float(np.max(absolute)), float(np.max(relative)))


def named_inputs(model: Any, inputs: Inputs) -> tuple[dict[str, NDArray[Any]], list[Any]]:
    """Inputs by name, as a file takes them, and as the arguments of the model's call.

    Args:
        model: keras.Model.
        inputs: array, sequence of arrays in the order of the model's inputs, or dict by name.

    Raises:
        ConfigError: the inputs are not those of the model.
        ModelError: a subclassed model does not know its input shapes.
    """
    import keras

    from tfcompress.tflite.export import input_specs

    specs = input_specs(model)
    names = [spec.name for spec in keras.tree.flatten(specs)]
    feed = _feed(inputs, names)
    flat = iter([feed[name] for name in names])
    return feed, keras.tree.map_structure(lambda _: next(flat), specs)


def run(content: bytes, feed: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Runs a file once.

    Args:
        content: bytes. A .tflite file with a signature.
        feed: dict str -> array by input name. Values are cast to the input's type.

    Returns:
        dict str -> array by output name.

    Raises:
        RuntimeError: the runtime refuses, for example because an id is out of range.
    """
    from ai_edge_litert.interpreter import Interpreter

    delegates = delegates_for(content)
    interpreter = Interpreter(
        model_content=content, num_threads=1, experimental_delegates=delegates
    )
    runner = interpreter.get_signature_runner()
    details = runner.get_input_details()
    arrays = {
        name: np.asarray(feed[name]).astype(detail["dtype"], copy=False)
        for name, detail in details.items()
    }
    outputs: dict[str, NDArray[Any]] = runner(**arrays)
    return outputs


def _feed(inputs: Inputs, names: list[str]) -> dict[str, NDArray[Any]]:
    if isinstance(inputs, Mapping):
        feed = dict(inputs)
    else:
        arrays = [inputs] if isinstance(inputs, np.ndarray) else list(inputs)
        if len(arrays) != len(names):
            raise ConfigError(f"inputs: got {len(arrays)} arrays, the model takes {names}")
        feed = dict(zip(names, arrays, strict=True))
    missing = [name for name in names if name not in feed]
    if missing:
        raise ConfigError(f"inputs: {', '.join(missing)} missing; the model takes {names}")
    return {name: np.asarray(feed[name]) for name in names}


def _output_order(name: str) -> tuple[int, str]:
    number = name.removeprefix("output_")
    return (int(number), "") if name != number and number.isdigit() else (0, name)
