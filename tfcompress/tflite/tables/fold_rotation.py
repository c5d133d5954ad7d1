"""Takes a table's rotation into the linear layers around it, so that nothing of it is left to do.

Rows that stay unrotated, y in place of x = y @ R, may go through whatever treats all columns of a
vector alike, up to a layer that multiplies them by weights. It then takes R with it:

    x @ A^T = y @ (A @ R^T)^T        columns of A by blocks, where x stands beside other vectors

So a lookup that is averaged, reshaped, cut to the last row or concatenated, and then read by a
FULLY_CONNECTED or CONV_2D, needs no rotation. Neither do scores h @ (y @ R)^T against every row
(tied outputs) where a FULLY_CONNECTED makes h = g @ A^T + b: that becomes g @ (R @ A)^T + R @ b.

Exact but for the rounding of the new weights to float32, which is checked. A table is folded whole
or not at all, since R costs its bytes as soon as one reader needs it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from tfcompress.rate_distortion import TransformedTable
from tfcompress.tflite.graph.flatbuffer import TfliteFile
from tfcompress.tflite.graph.readers import buffer_uses, is_row_lookup, readers
from tfcompress.tflite.tables.column_blocks import (
    LINEAR,
    Columns,
    GraphView,
    Starts,
    activation,
    columns_behind,
    weight_columns,
)
from tfcompress.tflite.tables.constants import TableConstant, table_buffers

_Type = schema.TensorType
_TOLERANCE = 1e-5
_CHECKED_ROWS = 16


@dataclass(frozen=True)
class _Layer:
    """A linear layer that takes the rotation.

    `starts` says which columns of its weights do; None where it makes what scores are taken with.
    """

    subgraph: Any
    operator: Any
    starts: Starts | None


def fold_rotations(
    file: TfliteFile,
    constants: Mapping[str, TableConstant],
    transformed: Mapping[str, TransformedTable],
) -> frozenset[str]:
    """Takes the rotations of tables into the layers around them, wherever that can be done.

    Args:
        file: TfliteFile. Its weights change in place.
        constants: mapping of str to TableConstant. All tables of the file, by name.
        transformed: mapping of str to TransformedTable. Those that may have a rotation.

    Returns:
        frozenset of str. Names of the tables whose rows are read without rotation from now on.
    """
    tables = table_buffers(file, constants)
    return frozenset(
        name
        for name, table in transformed.items()
        if (matrix := table.matrix()) is not None
        and fold_rotation(file, constants[name], matrix, tables)
    )


def folding(file: TfliteFile, constants: Mapping[str, TableConstant]) -> frozenset[str]:
    """Names of the tables whose rotation would go into the layers around them."""
    tables = table_buffers(file, constants)
    # The rotation by nothing leaves all weights as they are.
    return frozenset(
        name
        for name, constant in constants.items()
        if fold_rotation(file, constant, np.eye(constant.table.columns, dtype=np.float32), tables)
    )


def seen_directions(file: TfliteFile, constant: TableConstant) -> NDArray[np.float64] | None:
    """What errors along the columns of a table do to the layers that its rows end in.

    An error e in a vector moves what a layer with weights A gives by e A^T: its square is e M e^T,
    M being A^T A, added up over the layers and over the blocks of columns that they read.

    Args:
        file: TfliteFile.
        constant: TableConstant. A float32 table (n, D).

    Returns:
        float64 array, shape (D, D); None where rows end in something else than linear layers of
        known weights, or scores are taken against them.
    """
    columns = constant.table.columns
    seen = np.zeros((columns, columns))
    for subgraph in file.subgraphs:
        places = constant.places(subgraph)
        layers = _after_rows(file, subgraph, places, columns)
        if layers is None or _before_products(file, subgraph, places) != []:
            return None
        for layer in layers:
            weights = _weights(file, subgraph.tensors[layer.operator.inputs[1]])
            if weights is None:
                return None
            for start in layer.starts or ():
                block = weights[:, start : start + columns]
                seen += block.T @ block
    return seen if seen.any() else None


def fold_rotation(
    file: TfliteFile,
    constant: TableConstant,
    rotation: NDArray[np.float32],
    tables: Collection[int],
) -> bool:
    """Changes the weights around a table such that its rows are read without rotation.

    Args:
        file: TfliteFile. Its weights change in place, or nothing does.
        constant: TableConstant. A float32 table (n, D), read by lookups and FULLY_CONNECTED.
        rotation: float32 array, shape (D, D). Rows are those of the new table times this.
        tables: collection of int. Buffers of tables, which are no layer's weights.

    Returns:
        bool. False where a reader needs rotated rows.
    """
    layers: list[_Layer] = []
    for subgraph in file.subgraphs:
        places = constant.places(subgraph)
        found = _after_rows(file, subgraph, places, len(rotation))
        before = _before_products(file, subgraph, places)
        if found is None or before is None:
            return False
        layers += found + before
    uses = buffer_uses(file)
    if not all(_is_own(file, layer, uses, tables) for layer in layers):
        return False
    changes: dict[int, NDArray[np.float32]] = {}
    for layer in layers:
        if not _fold_into(file, layer, rotation.astype(np.float64), changes):
            return False
    for buffer, value in changes.items():
        file.model.buffers[buffer].data = value.reshape(-1).view(np.uint8)
    return True


def _after_rows(
    file: TfliteFile, subgraph: Any, places: set[int], columns: int
) -> list[_Layer] | None:
    """The layers that all rows looked up end in; None where they end in something else."""
    graph = GraphView(file, subgraph)
    unrotated: dict[int, Columns] = {}
    layers = []
    for operator in subgraph.operators:
        name = file.operator_name(operator)
        table = next((k for k, index in enumerate(operator.inputs) if index in places), None)
        if table is not None and is_row_lookup(name, operator, table):
            if graph.width(operator.outputs[0]) != columns:  # rows of several dimensions
                return None
            unrotated[operator.outputs[0]] = Columns((0,), columns)
        elif not unrotated.keys() & set(operator.inputs):
            continue
        elif name in LINEAR:
            starts = weight_columns(graph, operator, unrotated)
            if starts is None:
                return None
            layers.append(_Layer(subgraph, operator, starts))
        else:
            found = columns_behind(graph, name, operator, unrotated)
            if found is None:
                return None
            if found.starts:
                unrotated[operator.outputs[0]] = found
    return None if unrotated.keys() & set(subgraph.outputs) else layers


def _before_products(file: TfliteFile, subgraph: Any, places: set[int]) -> list[_Layer] | None:
    """The layers that make what scores are taken with; None where something else makes it."""
    layers = []
    products = [
        operator
        for operator in subgraph.operators
        if file.operator_name(operator) == "FULLY_CONNECTED" and operator.inputs[1] in places
    ]
    for hidden in dict.fromkeys(operator.inputs[0] for operator in products):
        makers = [made for made in subgraph.operators if hidden in made.outputs]
        only_products = all(
            any(reader is product for product in products) and slot == 0
            for _, reader, slot in readers(file, subgraph, hidden)
        )
        if len(makers) != 1 or not only_products or hidden in subgraph.outputs:
            return None
        (maker,) = makers
        if file.operator_name(maker) != "FULLY_CONNECTED" or activation(maker):
            return None
        layers.append(_Layer(subgraph, maker, None))
    return layers


def _weights(file: TfliteFile, tensor: Any) -> NDArray[np.float64] | None:
    """Weights of a linear layer, one output a row; None where they are not constant."""
    scales: Any = 1.0
    if tensor.type == _Type.INT8:
        quantization = tensor.quantization
        if quantization is None or quantization.scale is None:
            return None
        scales = np.asarray(quantization.scale, np.float64)[:, None]
    elif tensor.type != _Type.FLOAT32:
        return None
    value = file.array(tensor)
    if value is None:
        return None
    flat = value.reshape(-1, value.shape[-1])
    if np.size(scales) not in (1, len(flat)):
        return None
    return np.asarray(flat * scales, np.float64)


def _is_own(file: TfliteFile, layer: _Layer, uses: dict[int, int], tables: Collection[int]) -> bool:
    """Whether the constants to be changed are plain weights that nothing else reads."""
    changed = layer.operator.inputs[1:2] if layer.starts else layer.operator.inputs[1:3]
    for index in changed:
        if index < 0:  # no bias
            continue
        tensor = layer.subgraph.tensors[index]
        is_weights = tensor.type == _Type.FLOAT32 and file.data(tensor) is not None
        if not is_weights or uses[tensor.buffer] != 1 or tensor.buffer in tables:
            return False
    return True


def _fold_into(
    file: TfliteFile,
    layer: _Layer,
    rotation: NDArray[np.float64],
    changes: dict[int, NDArray[np.float32]],
) -> bool:
    """Notes the new weights of a layer in `changes`, by buffer; false if they lose precision."""

    def value(tensor: Any) -> NDArray[np.float32]:
        if tensor.buffer not in changes:
            found = file.array(tensor)
            assert found is not None  # `_is_own`
            changes[tensor.buffer] = found.astype(np.float32)
        return changes[tensor.buffer]

    tensors = layer.subgraph.tensors
    weights = tensors[layer.operator.inputs[1]]
    before = value(weights).astype(np.float64)
    if layer.starts is None:
        bias = layer.operator.inputs[2] if len(layer.operator.inputs) > 2 else -1
        if bias >= 0:
            turned = rotation @ value(tensors[bias])
            changes[tensors[bias].buffer] = turned.astype(np.float32)
        after = (rotation @ before).astype(np.float32)
        changes[weights.buffer] = after
        return _agree(before.T @ rotation.T, after.T)
    size = len(rotation)
    flat = before.reshape(-1, before.shape[-1])
    for start in layer.starts:
        block = slice(start, start + size)
        flat[:, block] = flat[:, block] @ rotation.T
    after = flat.astype(np.float32).reshape(before.shape)
    changes[weights.buffer] = after
    return _agree(flat.T, after.reshape(flat.shape).T)


def _agree(exact: NDArray[np.float64], stored: NDArray[np.float32]) -> bool:
    """Whether random vectors times the stored weights are what the exact ones give."""
    vectors = np.random.default_rng(0).standard_normal((_CHECKED_ROWS, len(exact)))
    expected = vectors @ exact
    found = vectors.astype(np.float32) @ stored
    largest = np.abs(expected).max(initial=0)
    return bool(np.abs(found - expected).max(initial=0) <= _TOLERANCE * largest)
