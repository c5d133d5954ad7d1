"""Gives a peer's file the metadata that ours have: what it was trained on, what its tables replace.

Tables are the constants whose rows are looked up, and `tfcompress.tflite.inspect` finds those by
itself. What it cannot know is described here: vectors of scales that are looked up beside a table,
and tables that are only multiplied by (the projection of a narrower table).
"""

from collections.abc import Iterator
from typing import Any

from tfcompress.tflite import TableInfo, inspect_model
from tfcompress.tflite.graph.fields import indices, text
from tfcompress.tflite.graph.flatbuffer import TYPE_NAMES, TfliteFile, read
from tfcompress.tflite.graph.readers import looked_up
from tfcompress.tflite.tables.metadata import read_metadata, write_metadata


def describe_as(content: bytes, plain: bytes) -> bytes:
    """The file with its tables described, and the rest as another file of the model says.

    Args:
        content: bytes. A .tflite without our metadata, or with those of `plain`.
        plain: bytes. The float32 .tflite of the same model, made by `tfcompress.tflite.convert`.
    """
    entry = read_metadata(read(plain)) or {}
    file = read(content)
    write_metadata(file, {**entry, "tables": []})
    found = inspect_model(file.to_bytes()).tables
    described = [*_with_scales(file, found), *_projections(file, found, entry["tables"])]
    names = [table.name for table in found]
    names += [table["name"] for table in described if table["name"] not in names]
    embeddings = [{**one, "tables": names, "snr_db": None} for one in entry["embeddings"]]
    write_metadata(file, {**entry, "embeddings": embeddings, "tables": described})
    return file.to_bytes()


def _with_scales(file: TfliteFile, found: tuple[TableInfo, ...]) -> Iterator[dict[str, Any]]:
    """The tables beside which a constant of one value a row is looked up: Keras' scales."""
    for table in found:
        scales = [
            text(tensor.name)
            for subgraph in file.subgraphs
            for index in sorted(looked_up(file, subgraph))
            if file.data(tensor := subgraph.tensors[index]) is not None
            and indices(tensor.shape) == [table.rows]
        ]
        if scales:
            size = (table.rows, table.cols, table.dtype)
            yield _described(table.name, *size, [table.name, *scales])


def _projections(
    file: TfliteFile, found: tuple[TableInfo, ...], plain: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """The tables of the plain file that are not looked up, known by their shape."""
    shapes = {(table.rows, table.cols) for table in found}
    for table in plain:
        shape = (table["rows"], table["cols"])
        if shape in shapes:
            continue
        for subgraph in file.subgraphs:
            for tensor in subgraph.tensors:
                if file.data(tensor) is not None and tuple(indices(tensor.shape)) == shape:
                    dtype = TYPE_NAMES[tensor.type].lower()
                    yield _described(table["name"], *shape, dtype, [text(tensor.name)])


def _described(name: str, rows: int, cols: int, dtype: str, tensors: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "rows": rows,
        "cols": cols,
        "dtype": dtype,
        "granularity": None,
        "codec": "none",
        "snr_db": None,
        "tensors": tensors,
    }
