"""How the tables of a Keras model are read once it is a .tflite: by rows or whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfcompress.tflite.export import check_model, export
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.tables.constants import in_file, model_embeddings, name_tables
from tfcompress.tflite.tables.fold_rotation import folding
from tfcompress.tflite.tables.table_reads import TableReads, table_reads


@dataclass(frozen=True)
class TableUse:
    """How a converted model reads its tables, which are called "embedding/table".

    Attributes:
        looked_up: tuple of str. Those that rows are looked up in, and the others of their
            embeddings. A matrix that only scores are taken against is not among them.
        read_whole: frozenset of str. Those that an operator other than a lookup reads, as scores
            taken against a table do: builtin operators cannot do so with a packed one.
        reads: mapping of str to TableReads. What reads each table of the file.
    """

    looked_up: tuple[str, ...]
    read_whole: frozenset[str]
    reads: Mapping[str, TableReads]


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
    folded = folding(file, constants)
    reads = {name: table_reads(file, constant, folded) for name, constant in constants.items()}
    return TableUse(
        tuple(table.name for entry in found for table in entry.tables if table.name in constants),
        frozenset(name for name, reading in reads.items() if reading.others),
        reads,
    )
