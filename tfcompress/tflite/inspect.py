"""Where the bytes of a .tflite are, whoever made it.

A file this package wrote describes its tables in its metadata. What the metadata do not describe is
a table if it is a constant of at least two dimensions whose rows are gathered (GATHER on axis 0,
EMBEDDING_LOOKUP; of float16 ones once DEQUANTIZE made them float32), or a packed table that a
`tfcompress.lookup` reads.
The four classes of bytes sum to the size of the file:

| class | holds |
| --- | --- |
| tables | constants of the tables, with their scales, quantisation parameters and class starts |
| dense | every other constant: weights, biases, shapes |
| vocabulary | the associated files (a ZIP archive behind the flatbuffer) |
| graph | the rest: operators, tensor names, metadata, alignment |
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from tfcompress.codec.layout import parse_header
from tfcompress.tflite.graph.damaged import following_the_graph
from tfcompress.tflite.graph.fields import block_details, indices, parameter_bytes, text
from tfcompress.tflite.graph.file_bytes import file_bytes
from tfcompress.tflite.graph.flatbuffer import TYPE_NAMES, TfliteFile, read
from tfcompress.tflite.graph.readers import dequantized_lookups, looked_up
from tfcompress.tflite.model_info import (
    ConstantInfo,
    ModelInfo,
    PortInfo,
    TableInfo,
    VocabularyInfo,
)
from tfcompress.tflite.packing.fused_scales import fused_scales
from tfcompress.tflite.packing.lookups import LeftConstant, find_tables
from tfcompress.tflite.packing.packed_metadata import packed_entries
from tfcompress.tflite.runtime.delegate_rows import CUSTOM_CODES
from tfcompress.tflite.tables.metadata import read_metadata
from tfcompress.tflite.vocabulary import find_vocabulary

_LARGE_BYTES = 4096
_LARGE_SHARE = 0.01
_FLOAT32_BYTES = 4


def inspect_model(content: bytes) -> ModelInfo:
    """Says where the bytes of a file are.

    Args:
        content: bytes. Any .tflite file.

    Raises:
        ModelError: it is no .tflite file, or it is damaged.
    """
    content = file_bytes("content", content)
    with following_the_graph():
        return _inspect(content)


def _inspect(content: bytes) -> ModelInfo:
    file = read(content)
    metadata = read_metadata(file)
    described = _described_tables(file, metadata or {})
    known = {id(tensor) for _, tensors in described for tensor in tensors}
    found = [group for group in _found_tables(file) if id(group[1][0]) not in known]
    groups = described + found
    counted = _Counter(file)
    tables = tuple(
        _table_info(
            table, sum(counted.take(tensor) for tensor in tensors) + _class_bytes(file, tensors)
        )
        for table, tensors in groups
    )
    constants = _constants(file, counted)
    packed = {name for entry in packed_entries(file) for name in entry["tensors"]}
    table_bytes = sum(table.stored_bytes for table in tables)
    dense_bytes = sum(constant.bytes for constant in constants)
    vocabulary_bytes = file.archive_bytes
    signature = (file.model.signatureDefs or [None])[0]
    main = file.subgraphs[0]
    operators: dict[str, int] = {}
    for subgraph in file.subgraphs:
        for operator in subgraph.operators:
            name = file.operator_name(operator)
            operators[name] = operators.get(name, 0) + 1
    return ModelInfo(
        file_bytes=len(content),
        tables=tables,
        table_bytes=table_bytes,
        dense_bytes=dense_bytes,
        graph_bytes=len(content) - table_bytes - dense_bytes - vocabulary_bytes,
        vocabulary_bytes=vocabulary_bytes,
        constants=constants,
        unpackable=_unpackable(file, len(content), packed),
        operators=dict(sorted(operators.items())),
        inputs=_ports(main, main.inputs, signature and signature.inputs),
        outputs=_ports(main, main.outputs, signature and signature.outputs),
        metadata=metadata,
        full_table_bytes=_full_table_bytes(metadata, tables),
        vocabulary=_vocabulary(file),
    )


def _vocabulary(file: TfliteFile) -> VocabularyInfo | None:
    stored = find_vocabulary(file.associated)
    if stored is None:
        return None
    return VocabularyInfo(stored.size, stored.kind, stored.num_bytes)


class _Counter:
    """Counts the bytes of tensors, each tensor and each buffer once."""

    def __init__(self, file: TfliteFile) -> None:
        self._file = file
        self._buffers: set[int] = set()
        self._tensors: set[int] = set()

    def take(self, tensor: Any) -> int:
        """Bytes of the tensor that no earlier one had: data and quantisation parameters."""
        if id(tensor) in self._tensors:
            return 0
        self._tensors.add(id(tensor))
        size = parameter_bytes(tensor)
        data = self._file.data(tensor)
        if data is not None and tensor.buffer not in self._buffers:
            self._buffers.add(tensor.buffer)
            size += len(data)
        return size


# A table as it will be reported, without its bytes, and the tensors that hold it.
_Group = tuple[dict[str, Any], list[Any]]


def _described_tables(file: TfliteFile, metadata: dict[str, Any]) -> list[_Group]:
    by_name: dict[str, list[Any]] = {}
    for subgraph in file.subgraphs:
        for tensor in subgraph.tensors:
            by_name.setdefault(text(tensor.name), []).append(tensor)
    groups = []
    for table in metadata.get("tables", []):
        named = [tensor for name in table["tensors"] for tensor in by_name.get(name, [])]
        buffers = {tensor.buffer for tensor in named if file.data(tensor) is not None}
        # Views of the same bytes in another shape or with a scale carry other names.
        groups.append((table, _views(file, buffers | fused_scales(file, buffers))))
    return groups


def _views(file: TfliteFile, buffers: set[int]) -> list[Any]:
    return [t for subgraph in file.subgraphs for t in subgraph.tensors if t.buffer in buffers]


def _class_bytes(file: TfliteFile, tensors: list[Any]) -> int:
    """The first rows of row classes, which BUCKETIZE holds to find the step of a row."""
    size = 0
    for subgraph in file.subgraphs:
        holds = [any(tensor is other for other in tensors) for tensor in subgraph.tensors]
        gathers = (file.operator_name(o) == "GATHER" for o in subgraph.operators)
        classes = {
            operator.inputs[1]
            for operator, is_gather in zip(subgraph.operators, gathers, strict=True)
            if is_gather and holds[operator.inputs[0]]
        }
        for operator in subgraph.operators:
            if file.operator_name(operator) == "BUCKETIZE" and operator.outputs[0] in classes:
                size += _FLOAT32_BYTES * len(operator.builtinOptions.boundaries)
    return size


def _found_tables(file: TfliteFile) -> list[_Group]:
    groups: dict[int, _Group] = {}  # One table for all tensors of a buffer.
    for subgraph in file.subgraphs:
        tables = looked_up(file, subgraph)
        for operator in subgraph.operators:
            if dequantized_lookups(file, subgraph, operator):
                tables.add(operator.inputs[0])
            if file.operator_name(operator) in CUSTOM_CODES:
                tensor = subgraph.tensors[operator.inputs[1]]
                group = groups.setdefault(tensor.buffer, (_packed_table(file, tensor), []))
                group[1].extend((tensor, *_views(file, fused_scales(file, {tensor.buffer}))))
        for index, tensor in enumerate(subgraph.tensors):
            shape = indices(tensor.shape)
            if index in tables and file.data(tensor) is not None and len(shape) > 1:
                group = groups.setdefault(tensor.buffer, (_plain_table(tensor), []))
                group[1].extend((tensor, *_block_scales(subgraph, tensor)))
    return list(groups.values())


def _plain_table(tensor: Any) -> dict[str, Any]:
    rows, *rest = indices(tensor.shape)
    return {
        "name": text(tensor.name),
        "rows": rows,
        "cols": math.prod(rest),
        "dtype": TYPE_NAMES[tensor.type].lower(),
        "codec": "none",
        "snr_db": None,
    }


def _packed_table(file: TfliteFile, tensor: Any) -> dict[str, Any]:
    header = parse_header(np.asarray(file.data(tensor)))
    return {
        "name": text(tensor.name),
        "rows": header.rows,
        "cols": header.columns,
        "dtype": header.dtype,
        "codec": header.mode,
        "snr_db": None,
    }


def _unpackable(file: TfliteFile, file_bytes: int, packed: set[str]) -> tuple[LeftConstant, ...]:
    """Large constants that packing cannot help; those of `packed` names belong to packed tables."""
    least = max(_LARGE_BYTES, int(_LARGE_SHARE * file_bytes))
    return tuple(
        constant
        for constant in find_tables(file)[1]
        if constant.bytes >= least and constant.name not in packed
    )


def _block_scales(subgraph: Any, tensor: Any) -> Iterable[Any]:
    """The tensors that hold the scales of a blockwise quantised one."""
    details = block_details(tensor)
    for attribute in ("scales", "zeroPoints"):
        index = getattr(details, attribute, -1)
        if index >= 0:
            yield subgraph.tensors[index]


def _table_info(table: dict[str, Any], stored_bytes: int) -> TableInfo:
    values = table["rows"] * table["cols"]
    return TableInfo(
        name=table["name"],
        rows=table["rows"],
        cols=table["cols"],
        dtype=table["dtype"],
        codec=table["codec"],
        stored_bytes=stored_bytes,
        bits_per_value=8 * stored_bytes / values if values else 0.0,
        snr_db=table["snr_db"],
    )


def _constants(file: TfliteFile, counted: _Counter) -> tuple[ConstantInfo, ...]:
    found = []
    for subgraph in file.subgraphs:
        used_by: dict[int, list[str]] = {}
        for operator in subgraph.operators:
            for index in operator.inputs:
                used_by.setdefault(index, []).append(file.operator_name(operator))
        for index, tensor in enumerate(subgraph.tensors):
            if file.data(tensor) is None or not (size := counted.take(tensor)):
                continue
            found.append(
                ConstantInfo(
                    name=text(tensor.name),
                    shape=tuple(indices(tensor.shape)),
                    dtype=TYPE_NAMES[tensor.type].lower(),
                    bytes=size,
                    used_by=tuple(dict.fromkeys(used_by.get(index, []))),
                )
            )
    return tuple(sorted(found, key=lambda constant: (-constant.bytes, constant.name)))


def _ports(subgraph: Any, ports: list[int], named: Any) -> tuple[PortInfo, ...]:
    names = {int(entry.tensorIndex): text(entry.name) for entry in named or []}
    found = []
    for index in ports:
        tensor = subgraph.tensors[index]
        shape = indices(tensor.shapeSignature) or indices(tensor.shape)
        name = names.get(index, text(tensor.name))
        found.append(PortInfo(name, tuple(shape), TYPE_NAMES[tensor.type].lower()))
    return tuple(found)


def _full_table_bytes(metadata: dict[str, Any] | None, tables: Iterable[TableInfo]) -> int:
    if metadata is None or "embeddings" not in metadata:
        shapes = [(table.rows, table.cols) for table in tables]
    else:
        embeddings = metadata["embeddings"]
        shapes = [(int(entry["input_dim"]), int(entry["output_dim"])) for entry in embeddings]
    return sum(rows * cols * _FLOAT32_BYTES for rows, cols in shapes)
