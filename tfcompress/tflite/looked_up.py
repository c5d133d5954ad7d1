"""Which tables of a Keras model are read row by row once it is a .tflite."""

from typing import Any

from tfcompress.tflite.export import export
from tfcompress.tflite.flatbuffer import read
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
