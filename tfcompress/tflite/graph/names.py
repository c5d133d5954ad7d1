"""Names of tensors: those of constants are what the file's metadata tell them apart by."""

from collections.abc import Sequence
from typing import Any

from tfcompress.tflite.graph.fields import free_name, text


def new_name(subgraphs: Sequence[Any], subgraph: Any, name: str, buffer: int = 0) -> str:
    """The name, with a number behind it where it is taken.

    Args:
        subgraphs: sequence of schema.SubGraphT. Those of the file.
        subgraph: schema.SubGraphT. Where the tensor will stand; no other tensor of it has the name.
        name: str.
        buffer: int. That of a constant, whose name no constant on another buffer of the file has;
            0 for other tensors.
    """
    taken = {
        text(tensor.name)
        for graph in subgraphs
        for tensor in graph.tensors
        if graph is subgraph or (buffer and tensor.buffer not in (0, buffer))
    }
    return free_name(name, taken)


def name_constant(subgraphs: Sequence[Any], buffer: int, name: str) -> None:
    """Gives all tensors on a buffer a name; "" where what takes their place will have it."""
    for subgraph in subgraphs:
        for tensor in subgraph.tensors:
            if tensor.buffer == buffer:
                tensor.name = name
