"""How the tables of a Keras model are read once it is a .tflite: by rows, and in which layers."""

from typing import Any

import numpy as np

from tfcompress.tflite.export import export
from tfcompress.tflite.flatbuffer import read
from tfcompress.tflite.fold_rotation import fold_rotation
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
    buffers = {
        subgraph.tensors[index].buffer
        for subgraph in file.subgraphs
        for constant in constants.values()
        for index in constant.places(subgraph)
    }
    return frozenset(
        name
        for name, constant in constants.items()
        if fold_rotation(file, constant, np.eye(constant.table.columns, dtype=np.float32), buffers)
    )
