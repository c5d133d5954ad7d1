"""How the tables of a Keras model are read once it is a .tflite: by rows, and in which layers."""

from typing import Any

from tfcompress.tflite.export import export
from tfcompress.tflite.flatbuffer import read
from tfcompress.tflite.fold_rotation import folding
from tfcompress.tflite.tables import in_file, model_embeddings, name_tables


def looked_up_tables(model: Any) -> tuple[str, ...]:
    """Names of the tables that the converted model looks rows up in.

    Args:
        model: keras.Model, built, under the TensorFlow backend.

    Returns:
        tuple of str, "embedding/table". A matrix that only scores are taken against is not among
        them.

    Raises:
        ModelError: As `convert`.
    """
    file = read(export(model))
    embeddings = model_embeddings(model)
    constants = name_tables(file, embeddings)
    found = in_file(file, embeddings, constants)
    return tuple(table.name for entry in found for table in entry.tables if table.name in constants)


def folding_tables(model: Any) -> frozenset[str]:
    """Names of the tables whose rotation would go into the layers around them.

    Args:
        model: keras.Model, built, under the TensorFlow backend.

    Raises:
        ModelError: As `convert`.
    """
    file = read(export(model))
    constants = name_tables(file, model_embeddings(model))
    return folding(file, constants)
