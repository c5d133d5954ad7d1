"""How the tables of a Keras model are read once it is a .tflite: by rows or whole."""

from dataclasses import dataclass
from typing import Any

from tfcompress.tflite.export import check_model, export
from tfcompress.tflite.graph.flatbuffer import TfliteFile, read
from tfcompress.tflite.graph.readers import is_row_lookup, readers
from tfcompress.tflite.tables.constants import TableConstant, in_file, model_embeddings, name_tables
from tfcompress.tflite.tables.fold_rotation import folding


@dataclass(frozen=True)
class TableUse:
    """How a converted model reads its tables, which are called "embedding/table".

    Attributes:
        looked_up: tuple of str. Those that rows are looked up in, and the others of their
            embeddings. A matrix that only scores are taken against is not among them.
        read_whole: frozenset of str. Those that an operator other than a lookup reads, as scores
            taken against a table do: builtin operators cannot do so with a packed one.
        folding: frozenset of str. Those whose rotation would go into the layers around them.
    """

    looked_up: tuple[str, ...]
    read_whole: frozenset[str]
    folding: frozenset[str]


def table_use(model: Any) -> TableUse:
    """Converts a model to find out how it reads its tables.

    Args:
        model: keras.Model, built, under the TensorFlow backend.

    Raises:
        ModelError: As `convert`.
    """
    check_model(model)
    from tfcompress.layers import lora_merged

    with lora_merged(model):
        file, embeddings = read(export(model)), model_embeddings(model)
    constants = name_tables(file, embeddings)
    found = in_file(file, embeddings, constants)
    return TableUse(
        tuple(table.name for entry in found for table in entry.tables if table.name in constants),
        frozenset(name for name, constant in constants.items() if _is_read_whole(file, constant)),
        folding(file, constants),
    )


def _is_read_whole(file: TfliteFile, constant: TableConstant) -> bool:
    return any(
        not is_row_lookup(*use)
        for subgraph in file.subgraphs
        for index in constant.places(subgraph)
        for use in readers(file, subgraph, index)
    )
