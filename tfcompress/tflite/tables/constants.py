"""Which constants of a converted file are embedding tables.

The converter names constants after whatever operation it folded them into ("arith.constant"), so
they are recognised by their bytes, and then carry the table's name ("item_embedding/U") as their
tensor name: that is how later steps, and anyone who opens the file, find them.
"""

import contextlib
import hashlib
import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from tfcompress.errors import ConfigError
from tfcompress.rate_distortion import TransformedTable
from tfcompress.tflite.graph.fields import free_name, indices, text
from tfcompress.tflite.graph.flatbuffer import TfliteFile
from tfcompress.tflite.graph.readers import looked_up_buffers
from tfcompress.validation import shown

NARROW_COLUMNS = 8

_TABLE_TYPES = (schema.TensorType.FLOAT32, schema.TensorType.INT32)
_OUTPUT_MATRIX = "reverse_embeddings"
"""The weights of an untied keras.layers.ReversibleEmbedding that scores are taken against."""


@dataclass(frozen=True)
class ModelTable:
    """A weight of an embedding layer.

    Attributes:
        name: str. The embedding's name in the model, a slash, the table's name in the layer.
        value: array (rows, ...). Its weights; float32, or int32 for a permutation.
    """

    name: str
    value: NDArray[Any]

    @property
    def rows(self) -> int:
        """Rows: the size of the first dimension."""
        return int(self.value.shape[0])

    @property
    def columns(self) -> int:
        """Values in a row."""
        return int(np.prod(self.value.shape[1:], dtype=np.int64))


@dataclass(frozen=True)
class ModelEmbedding:
    """An embedding layer of a Keras model and its tables."""

    name: str
    layer: Any
    tables: tuple[ModelTable, ...]


@dataclass(frozen=True)
class TableConstant:
    """A table as it stands in a file.

    Attributes:
        table: ModelTable.
        tensors: tuple of str. Names of the constants that hold its bytes: the table's own, then
            numbered.
    """

    table: ModelTable
    tensors: tuple[str, ...]

    def places(self, subgraph: Any) -> set[int]:
        """The indices of its tensors in a subgraph."""
        return {
            index
            for index, tensor in enumerate(subgraph.tensors)
            if text(tensor.name) in self.tensors
        }


def model_embeddings(model: Any) -> list[ModelEmbedding]:
    """The embedding layers of a Keras model, each once, with the values of their tables."""
    from keras import ops

    from tfcompress import layers

    return [
        ModelEmbedding(
            name,
            layer,
            tuple(
                ModelTable(f"{name}/{key}", np.asarray(ops.convert_to_numpy(variable)))
                for key, variable in layers.layer_tables(layer).items()
                if key != _OUTPUT_MATRIX
            ),
        )
        for name, layer in layers.model_embeddings(model).items()
    ]


def check_transformed(
    transformed: Mapping[str, TransformedTable], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    """Raises `ConfigError` where transformed tables do not go with the tables of these shapes."""
    if not isinstance(transformed, Mapping):
        raise ConfigError(
            f"transformed: got {shown(transformed)}, expected a mapping of table names to "
            "TransformedTable"
        )
    for name, given in transformed.items():
        if name not in shapes:
            known = ", ".join(shapes) or "none"
            raise ConfigError(f"transformed: there is no table {name!r}; there is {known}")
        if not isinstance(given, TransformedTable):
            raise ConfigError(
                f"transformed: {name!r} is of {type(given).__name__}, expected a TransformedTable"
            )
        rows, *row = shapes[name]
        size = rows, int(np.prod(row, dtype=np.int64))
        if given.integers.shape != size:
            raise ConfigError(
                f"transformed: {name!r} has integers {given.integers.shape}, the table is {size}"
            )


@contextlib.contextmanager
def tables_replaced(model: Any, transformed: Mapping[str, TransformedTable]) -> Iterator[None]:
    """Inside, the embedding layers of a Keras model hold transformed tables.

    Raises:
        ConfigError: the model has no such table, or one of another shape.
    """
    from tfcompress import layers

    variables = {
        f"{name}/{key}": variable
        for name, layer in layers.model_embeddings(model).items()
        for key, variable in layers.layer_tables(layer).items()
    }
    check_transformed(transformed, {name: entry.shape for name, entry in variables.items()})
    before = {name: np.array(variables[name]) for name in transformed}
    try:
        for name, table in transformed.items():
            variables[name].assign(table.dequantize().reshape(before[name].shape))
        yield
    finally:
        for name, value in before.items():
            variables[name].assign(value)


def in_file(
    file: TfliteFile,
    embeddings: list[ModelEmbedding],
    constants: dict[str, TableConstant],
    kept: Collection[str] = (),
) -> list[ModelEmbedding]:
    """The embeddings that look rows up in this file.

    An embedding layer that only takes scores (an untied output matrix) is dense weights, unless one
    of its tables is among the names `kept`.
    """
    buffers = looked_up_buffers(file)

    def looks_up(table: ModelTable) -> bool:
        constant = constants.get(table.name)
        return table.name in kept or (
            constant is not None
            and any(
                subgraph.tensors[index].buffer in buffers
                for subgraph in file.subgraphs
                for index in constant.places(subgraph)
            )
        )

    return [entry for entry in embeddings if any(looks_up(table) for table in entry.tables)]


def name_tables(file: TfliteFile, embeddings: list[ModelEmbedding]) -> dict[str, TableConstant]:
    """Finds the tables among the constants of a file and names their tensors.

    Args:
        file: TfliteFile. Its tensor names change.
        embeddings: list of ModelEmbedding.

    Returns:
        dict str -> TableConstant, by the name of every table that is in the file. Two tables of
        equal bytes and shape are one constant, known by the name of the first under both names.
    """
    tables: dict[tuple[int, bytes], dict[tuple[int, ...], ModelTable]] = {}
    alias: dict[str, ModelTable] = {}
    for embedding in embeddings:
        for table in embedding.tables:
            by_shape = tables.setdefault(_fingerprint(table.value), {})
            alias[table.name] = by_shape.setdefault(table.value.shape, table)
    sizes = {size for size, _ in tables}
    names: dict[str, list[str]] = {}
    for subgraph in file.subgraphs:
        taken = {text(tensor.name) for tensor in subgraph.tensors}
        for tensor in subgraph.tensors:
            data = file.data(tensor)
            if data is None or len(data) not in sizes or tensor.type not in _TABLE_TYPES:
                continue
            by_shape = tables.get(_fingerprint(data), {})
            if by_shape:
                # The converter may have given a table another shape, such as (n,) for (n, 1).
                shape = tuple(indices(tensor.shape))
                found = by_shape.get(shape, next(iter(by_shape.values())))
                tensor.name = free_name(found.name, taken)
                taken.add(tensor.name)
                names.setdefault(found.name, []).append(tensor.name)
    for name, table in alias.items():
        if table.name not in names and table.columns >= NARROW_COLUMNS:
            warnings.warn(
                f"{name}: the converted model does not hold this table as it is in Keras, so it "
                "keeps the dtype the converter gave it (is the layer used, and trained?)",
                stacklevel=3,
            )
    return {
        name: TableConstant(table, tuple(dict.fromkeys(names[table.name])))
        for name, table in alias.items()
        if table.name in names
    }


def table_buffers(file: TfliteFile, constants: Mapping[str, TableConstant]) -> set[int]:
    """The buffers of tables."""
    return {
        subgraph.tensors[index].buffer
        for subgraph in file.subgraphs
        for constant in constants.values()
        for index in constant.places(subgraph)
    }


def _fingerprint(value: NDArray[Any]) -> tuple[int, bytes]:
    content = np.ascontiguousarray(value)
    return content.nbytes, hashlib.sha256(content.reshape(-1).view(np.uint8).data).digest()
