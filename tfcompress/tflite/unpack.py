"""Brings the packed tables of a .tflite back: plain constants read by GATHER or EMBEDDING_LOOKUP.

The same tables and the same outputs as before packing. A lookup that multiplied by scales in its
kernel stays what `pack` made of it: integers, and operators that multiply.
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfcompress.codec import PackedTable
from tfcompress.errors import CorruptTableError
from tfcompress.tflite.delegate_rows import CUSTOM_CODE
from tfcompress.tflite.flatbuffer import TfliteFile, indices, read, text
from tfcompress.tflite.packed_metadata import packed_entries, remove_packed_entries
from tfcompress.tflite.prune import prune
from tfcompress.tflite.readers import GATHER_VERSION


def unpack(model_bytes: bytes) -> bytes:
    """The same model with every table as it was before packing.

    Args:
        model_bytes: bytes. Any .tflite file; one without packed tables stays as it is.

    Raises:
        ModelError: it is no .tflite file, or it is damaged.
        CorruptTableError: the bytes of a packed table are not what was packed.
    """
    file = read(model_bytes)
    return file.to_bytes() if unpack_file(file) else model_bytes


def unpack_file(file: TfliteFile) -> bool:
    """Unpacks the tables of a file in place; false when none is packed."""
    operators = {
        entry["tensors"][0]: entry["packed"].get("operator", "GATHER")
        for entry in packed_entries(file)
    }
    buffers: dict[int, int] = {}
    for subgraph in file.subgraphs:
        for place, operator in enumerate(subgraph.operators):
            if file.operator_name(operator) == CUSTOM_CODE:
                plain = _plain_lookup(file, subgraph, operator, buffers, operators)
                subgraph.operators[place] = plain
    if not buffers:
        return False
    prune(file)
    remove_packed_entries(file)
    return True


def _plain_lookup(
    file: TfliteFile,
    subgraph: Any,
    operator: Any,
    buffers: dict[int, int],
    operators: dict[str, str],
) -> Any:
    """The operator that reads the unpacked table in the place of a custom one."""
    ids, packed = operator.inputs
    (output,) = operator.outputs
    source, rows = subgraph.tensors[packed], subgraph.tensors[output]
    name = text(source.name)
    table = _open(file, source, name)
    if source.buffer not in buffers:
        buffers[source.buffer] = file.add_buffer(table.unpack())
    shape = [table.shape[0], *indices(rows.shape)[len(indices(subgraph.tensors[ids].shape)) :]]
    source.name = ""  # it goes to the plain table
    plain = file.add_constant_view(subgraph, name, shape, rows.type, buffers[source.buffer])
    # Rows are quantised as their table is.
    subgraph.tensors[plain].quantization = rows.quantization
    if operators.get(name) == "EMBEDDING_LOOKUP":
        return file.operator("EMBEDDING_LOOKUP", [ids, plain], [output])
    gather, version = schema.GatherOptionsT(), GATHER_VERSION[rows.type]
    return file.operator("GATHER", [plain, ids], [output], gather, version=version)


def _open(file: TfliteFile, tensor: Any, name: str) -> PackedTable:
    try:
        table = PackedTable.from_bytes(np.asarray(file.data(tensor)))
        table.verify()
    except CorruptTableError as error:
        raise CorruptTableError(f"{name}: {error}") from error
    return table
