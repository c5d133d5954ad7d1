"""Loading .keras files, ours and anybody's."""

import zipfile
from pathlib import Path

import keras

# Keras finds the classes a file names only once they are registered, which importing them does.
from tfcompress import layers
from tfcompress.errors import ModelError, first_line
from tfcompress.models import sequence_ranker as _sequence_ranker  # noqa: F401


def load_model(path: Path) -> keras.Model:
    """Loads a .keras file for inference; LoRA weights of embeddings are merged into their tables.

    Raises:
        ModelError: no such file, no .keras file, or a class in it that is not registered.
    """
    if path.is_dir():
        raise ModelError(f"{path}: is a directory without config.json, so no run; give a .keras")
    if not path.is_file():
        raise ModelError(f"{path}: no such file; give a run directory or a .keras file")
    if path.suffix == ".tflite":
        raise ModelError(f"{path}: is a .tflite already; tfcompress pack makes its tables smaller")
    if path.suffix == ".keras" and not zipfile.is_zipfile(path):
        raise ModelError(f"{path}: no .keras file, or damaged (a .keras file is a ZIP archive)")
    try:
        model = keras.models.load_model(path, compile=False)
    except Exception as error:
        raise ModelError(
            f"{path}: Keras cannot load it ({first_line(error)}); a class of your own must be "
            "registered: then load it yourself and use tfcompress.tflite.convert"
        ) from error
    layers.merge_lora(model)
    return model
