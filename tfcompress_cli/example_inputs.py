"""What a converted file is compared with Keras on: examples of the test split, or random ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfcompress.errors import DataError, TfcompressError

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import NDArray

    from tfcompress.data import Examples, LabelledTexts
    from tfcompress.search.run.quality import RunQuality
    from tfcompress.training import Run

_COMPARED = 256
"""Examples."""


def choose(run: Run | None, model: keras.Model, measured: RunQuality | None) -> tuple[Any, str]:
    """The inputs, as `compare_with_keras` takes them, and what they are called.

    Args:
        run: Run or None. The one that the model is from.
        model: keras.Model.
        measured: RunQuality or None. What has loaded the data of the run, wherever they are now.
    """
    if run is None:
        return _random_inputs(model)
    if measured is None:
        return _real_inputs(run, model)
    return _compared(measured.dataset.test, model)


def _compared(examples: Examples | LabelledTexts, model: keras.Model) -> tuple[Any, str]:
    """Some of the examples, and what they are called."""
    ids = examples.inputs(model.inputs[0].shape[1], _COMPARED)
    return ids, f"{len(ids)} examples of the test split"


def _real_inputs(run: Run, model: keras.Model) -> tuple[NDArray[np.int32], str]:
    """Inputs of the test split where the data are still there, else ids drawn evenly."""
    from tfcompress.data import LOADERS, archives

    config, metrics = run.config(), run.metrics()
    try:
        if archives.needs_download(config.data.source):
            raise DataError(f"{config.data.source}: is not here any more")
        dataset = LOADERS[config.model](config.data.source, **config.data.options)
        if dataset.sha256 == metrics["data"]["identity"]["sha256"]:
            return _compared(dataset.test, model)
    except TfcompressError:
        pass
    ids = _ids((_COMPARED, model.inputs[0].shape[1]), metrics["data"]["input_dim"])
    return ids, f"{_COMPARED} random examples (no data)"


def _random_inputs(model: keras.Model) -> tuple[dict[str, NDArray[Any]], str]:
    """Ids that every embedding takes, and normal floats, for each input of a model."""
    import numpy as np

    from tfcompress import layers

    sizes = [layer.input_dim for layer in layers.model_embeddings(model).values()]
    limit = min(sizes, default=1)
    inputs: dict[str, NDArray[Any]] = {}
    for tensor in model.inputs:
        shape = tuple(_COMPARED if k == 0 else d or 1 for k, d in enumerate(tensor.shape))
        if "int" in tensor.dtype or sizes:
            inputs[tensor.name] = _ids(shape, limit).astype(tensor.dtype)
        else:
            inputs[tensor.name] = (
                np.random.default_rng(0).standard_normal(shape).astype(tensor.dtype)
            )
    return inputs, f"{_COMPARED} random inputs"


def _ids(shape: tuple[int, ...], limit: int) -> NDArray[np.int32]:
    import numpy as np

    return np.random.default_rng(0).integers(0, limit, shape, dtype=np.int32)
