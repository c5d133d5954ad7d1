"""How the tables of a Keras model are read once it is a .tflite: by rows or whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfcompress.tflite.export import exported
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.tables.constants import in_file, name_tables
from tfcompress.tflite.tables.fold_rotation import folding
from tfcompress.tflite.tables.table_reads import TableReads, table_reads


@dataclass(frozen=True)
class TableUse:
    """How a converted model reads its tables, which are called "embedding/table".

    Attributes:
        looked_up: tuple of str. Those that rows are looked up in, and the others of their
            embeddings. A matrix that only scores are taken against is not among them.
        reads: mapping of str to TableReads. What reads each table of the file.
    """

    looked_up: tuple[str, ...]
    reads: Mapping[str, TableReads]

    @property
    def read_whole(self) -> frozenset[str]:
        """Tables that an operator other than a lookup reads, as scores taken against one do.

        Builtin operators cannot do so with a packed one.
        """
        return frozenset(name for name, reading in self.reads.items() if reading.others)


def table_use(model: Any) -> TableUse:
    """Converts a model to find out how it reads its tables.

    Args:
        model: keras.Model, built, under the TensorFlow backend.

    Raises:
        ModelError: As `convert`.
    """
    content, embeddings = exported(model)
    file = read(content)
    constants = name_tables(file, embeddings)
    found = in_file(file, embeddings, constants)
    folded = folding(file, constants)
    reads = {name: table_reads(file, constant, folded) for name, constant in constants.items()}
    return TableUse(
        tuple(table.name for entry in found for table in entry.tables if table.name in constants),
        reads,
    )
