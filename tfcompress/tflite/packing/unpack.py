"""Brings the packed tables of a .tflite back: plain constants read by GATHER or EMBEDDING_LOOKUP.

The same tables and the same outputs as before packing. A lookup that multiplied by scales in its
kernel stays what `pack` made of it: integers, and operators that multiply. A float16 table stays
one of 16 bits that GATHER reads and BITCAST makes halves again.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfcompress.codec import PackedTable
from tfcompress.errors import CorruptTableError, ModelError
from tfcompress.tflite.builtin.unpack import find_decoder, unpack_table
from tfcompress.tflite.graph.damaged import following_the_graph
from tfcompress.tflite.graph.fields import indices, text
from tfcompress.tflite.graph.file_bytes import file_bytes
from tfcompress.tflite.graph.flatbuffer import TfliteFile, read
from tfcompress.tflite.graph.names import name_constant
from tfcompress.tflite.graph.operator_versions import GATHER_VERSION
from tfcompress.tflite.graph.prune import prune
from tfcompress.tflite.packing.fused_scales import unfused
from tfcompress.tflite.packing.lookups import DTYPE_OF_KIND
from tfcompress.tflite.packing.packed_lookups import retype
from tfcompress.tflite.packing.packed_metadata import packed_entries, remove_packed_entries
from tfcompress.tflite.runtime.delegate_rows import CUSTOM_CODES, SCORES_CODE
from tfcompress.tflite.tables.row_scores import unfused_scores


def unpack(model_bytes: bytes) -> bytes:
    """The same model with plain tables that give what they gave before packing.

    Args:
        model_bytes: bytes. Any .tflite file; one without packed tables stays as it is.

    Raises:
        ModelError: it is no .tflite file, or it is damaged.
        CorruptTableError: the bytes of a packed table are not what was packed.
    """
    model_bytes = file_bytes("model_bytes", model_bytes)
    file = read(model_bytes)
    with following_the_graph():
        return file.to_bytes() if unpack_file(file) else model_bytes


def unpack_file(file: TfliteFile) -> bool:
    """Unpacks the tables of a file in place; false when none is packed."""
    entries = {entry["tensors"][0]: entry for entry in packed_entries(file)}
    buffers: dict[int, _Unpacked] = {}
    for subgraph in file.subgraphs:
        operators = []
        for operator in subgraph.operators:
            if file.operator_name(operator) in CUSTOM_CODES:
                operators += _instead_of_custom(file, subgraph, operator, buffers, entries)
            else:
                operators.append(operator)
        subgraph.operators = operators
    builtin = [entry for entry in entries.values() if entry["packed"]["target"] == "builtin"]
    for entry in builtin:
        _replace_decoders(file, entry)
    if not buffers and not builtin:
        return False
    prune(file)
    remove_packed_entries(file)
    return True


def _instead_of_custom(
    file: TfliteFile,
    subgraph: Any,
    operator: Any,
    buffers: dict[int, "_Unpacked"],
    entries: dict[str, Any],
) -> list[Any]:
    """The operators that read the unpacked table in the place of a custom one."""
    ids, packed = operator.inputs[:2]
    (output,) = operator.outputs
    source, rows = subgraph.tensors[packed], subgraph.tensors[output]
    if source.buffer not in buffers:
        name = text(source.name)
        table = _open(file, source, name)
        buffers[source.buffer] = _Unpacked(name, table, file.add_buffer(table.unpack()))
        name_constant(file.subgraphs, source.buffer, "")  # it goes to the plain table
    name, table, buffer = buffers[source.buffer]
    if file.operator_name(operator) == SCORES_CODE:
        return unfused_scores(
            file, subgraph, operator, table=name, buffer=buffer, shape=table.shape
        )
    shape = [table.shape[0], *indices(rows.shape)[len(indices(subgraph.tensors[ids].shape)) :]]
    kind = rows.type
    scaling: list[Any] = []
    if len(operator.inputs) > 2:
        kind = getattr(schema.TensorType, table.dtype.upper())
        output, scaling = unfused(file, subgraph, operator, name, kind)
    plain = _Plain(name, shape, kind, buffer)
    reader = entries.get(name, {"packed": {}})["packed"].get("operator", "GATHER")
    return [plain.lookup(file, subgraph, reader, ids, output), *scaling]


def _replace_decoders(file: TfliteFile, entry: dict[str, Any]) -> None:
    """Puts one operator in the place of each decoder of a table."""
    packed = entry["packed"]
    kind = getattr(schema.TensorType, packed["type"].upper())
    matrix, constants = unpack_table(file, entry, DTYPE_OF_KIND[kind])
    for buffer in constants:
        name_constant(file.subgraphs, buffer, "")
    plain = _Plain(entry["tensors"][0], packed["shape"], kind, file.add_buffer(matrix))
    for ends in packed["lookups"]:
        subgraph = file.subgraphs[ends["subgraph"]]
        place = find_decoder(subgraph, ends)
        if place is None:
            raise ModelError(f"{entry['name']}: the operators that decode it were changed")
        first, last = place
        start, (output,) = subgraph.operators[first], subgraph.operators[last].outputs
        ids = start.inputs[1 if file.operator_name(start) == "GATHER" else 0]
        retype(file, subgraph, output, kind)
        operator = plain.lookup(file, subgraph, packed["operator"], ids, output)
        subgraph.operators[first : last + 1] = [operator]


class _Unpacked(NamedTuple):
    """A packed table, by its name, and the buffer of its values."""

    name: str
    table: PackedTable
    buffer: int


@dataclass(frozen=True)
class _Plain:
    """An unpacked table: its name, shape, type and buffer."""

    name: str
    shape: list[int]
    kind: int
    buffer: int

    def lookup(self, file: TfliteFile, subgraph: Any, operator: str, ids: int, output: int) -> Any:
        """The operator that reads it."""
        table = file.add_constant_view(subgraph, self.name, self.shape, self.kind, self.buffer)
        # Rows are quantised as their table is.
        subgraph.tensors[table].quantization = subgraph.tensors[output].quantization
        if operator == "EMBEDDING_LOOKUP":
            return file.operator("EMBEDDING_LOOKUP", [ids, table], [output])
        gather, version = schema.GatherOptionsT(), GATHER_VERSION[self.kind]
        return file.operator("GATHER", [table, ids], [output], gather, version=version)


def _open(file: TfliteFile, tensor: Any, name: str) -> PackedTable:
    try:
        table = PackedTable.from_bytes(np.asarray(file.data(tensor)))
        table.verify()
    except CorruptTableError as error:
        raise CorruptTableError(f"{name}: {error}") from error
    return table
