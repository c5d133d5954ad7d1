"""Lookups in float16 tables as GATHERs of 16 bits, whose rows can be packed; the same numbers.

    lookup(table float16, ids) float16
        = GATHER(the table's bits as int16, ids) -> BITCAST to float16

    DEQUANTIZE(table float16) -> lookup(.., ids) float32, as converters write it
        = GATHER(the table's bits as int16, ids) -> BITCAST to float16 -> CAST to float32

In the second case rows are made float32 one by one, and no longer all of them.
"""

from dataclasses import replace

from ai_edge_litert import schema_py_generated as schema

from tfcompress.tflite.graph.flatbuffer import TfliteFile
from tfcompress.tflite.graph.names import name_constant
from tfcompress.tflite.packing.lookups import LookupTable
from tfcompress.tflite.packing.uses import Lookup
from tfcompress.tflite.tables.float16_rows import gather_halves

_Type = schema.TensorType


def gather_rows_first(file: TfliteFile, table: LookupTable) -> LookupTable:
    """The table as one of int16 that GATHERs read; any other table as it is.

    Args:
        file: TfliteFile. Changed in place; the old constant is left for `prune`.
        table: LookupTable, of this file.
    """
    if table.tensor.type != _Type.FLOAT16:
        return table
    name_constant(file.subgraphs, table.buffer, "")  # it goes to the same bits as int16
    lookups = [_gathered(file, table, lookup) for lookup in table.lookups]
    first = lookups[0]
    return replace(table, tensor=first.subgraph.tensors[first.table], lookups=lookups)


def _gathered(file: TfliteFile, table: LookupTable, lookup: Lookup) -> Lookup:
    subgraph, ids = lookup.subgraph, lookup.ids
    bits = file.add_constant_view(subgraph, table.name, table.shape, _Type.INT16, table.buffer)
    made = gather_halves(file, subgraph, bits, ids, lookup.rows, table.name)
    gather = made[0]
    operators = [other for other in subgraph.operators if other is not lookup.dequantize]
    place = next(k for k, operator in enumerate(operators) if operator is lookup.operator)
    operators[place : place + 1] = made
    subgraph.operators = operators
    return Lookup(subgraph, gather, "GATHER", ids, bits, gather.outputs[0])
