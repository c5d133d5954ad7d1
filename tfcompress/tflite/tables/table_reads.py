"""How the operators of a file read its tables: what a coded one takes there depends on it."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from tfcompress.tflite.graph.fields import num_values
from tfcompress.tflite.graph.flatbuffer import TfliteFile
from tfcompress.tflite.graph.readers import is_row_lookup, readers
from tfcompress.tflite.tables.constants import TableConstant


@dataclass(frozen=True)
class TableReads:
    """The readers of one table.

    Attributes:
        lookups: int. Operators that look up rows of it, in all subgraphs.
        others: int. Operators that read all of it, as those do that take scores against it.
        num_ids: int. The most ids of a lookup, a free dimension counted as one.
        is_folded: bool. Whether its rotation would go into the layers around it.
    """

    lookups: int = 1
    others: int = 0
    num_ids: int = 1
    is_folded: bool = False


def table_reads(
    file: TfliteFile, constant: TableConstant, folded: Collection[str] = ()
) -> TableReads:
    """Looks at the readers of a table.

    Args:
        file: TfliteFile.
        constant: TableConstant. Of this file.
        folded: collection of str. Names of the tables whose rotation goes into the layers around
            them (`fold_rotation.folding`).
    """
    uses = list(_uses(file, constant))
    ids = [count for count in uses if count is not None]
    name = constant.table.name
    return TableReads(len(ids), len(uses) - len(ids), max(ids, default=1), name in folded)


def _uses(file: TfliteFile, constant: TableConstant) -> Iterator[int | None]:
    """For each reader how many ids it looks up; None for one that reads all."""
    for subgraph in file.subgraphs:
        for index in constant.places(subgraph):
            for name, operator, slot in readers(file, subgraph, index):
                is_lookup = is_row_lookup(name, operator, slot)
                yield num_values(subgraph.tensors[operator.inputs[1 - slot]]) if is_lookup else None
