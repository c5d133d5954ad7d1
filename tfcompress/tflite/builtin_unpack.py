"""Reads a table back from the constants of `builtin_rows`, and finds its decoders in the graph."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.codec.layout import Dtype
from tfcompress.errors import ModelError
from tfcompress.tflite import row_values
from tfcompress.tflite.flatbuffer import TfliteFile, text
from tfcompress.tflite.row_bits import BLOCK_BITS, RowIndex, decode
from tfcompress.tflite.row_decoder import by_signed_number, unflip


def unpack_table(file: TfliteFile, entry: dict[str, Any], dtype: Dtype) -> NDArray[Any]:
    """The rows of a packed table as the codec has them, from its entry in the metadata.

    Raises:
        ModelError: the constants are not there, or do not go together.
    """
    try:
        return _unpack(file, entry, dtype)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ModelError(
            f"{entry['name']}: the constants of the packed table were changed ({error})"
        ) from error


def _unpack(file: TfliteFile, entry: dict[str, Any], dtype: Dtype) -> NDArray[Any]:
    packed = entry["packed"]
    rows, columns = entry["rows"], packed["columns"]
    parts = {part: _constant(file, name) for part, name in packed["constants"].items()}
    symbols = by_signed_number(parts["symbols"].view(np.uint8))
    symbols = symbols.reshape(len(symbols), -1)
    one_word = np.zeros(len(symbols), np.uint8)  # nothing follows it, so its length says nothing
    lengths = by_signed_number(parts.get("lengths", one_word)).astype(np.uint8)
    payload = unflip(parts[""])
    index = packed["index"]
    if index is None:
        if "last" in parts:
            last = parts["last"].view(np.uint8) ^ np.uint8(0x80)
            payload = np.concatenate([payload.reshape(rows, -1), last], axis=1)
        starts = np.arange(rows) * (8 * payload.size // rows)
    else:
        base, offset = parts["base"], parts["offset"]
        starts = RowIndex(**index, base=base, offset=offset, blocks=0).starts()
    if starts.min() < 0 or starts.max() > 8 * payload.size + BLOCK_BITS:
        raise ValueError("a row starts outside")
    steps = -(-columns // symbols.shape[1])
    values = decode(payload.reshape(-1), starts, (lengths, symbols), steps)[:, :columns]
    left = [parts[part] for part in sorted(parts) if part.startswith("left")]
    return row_values.join(np.ascontiguousarray(values), left, dtype)


def _constant(file: TfliteFile, name: str) -> NDArray[Any]:
    for subgraph in file.subgraphs:
        for tensor in subgraph.tensors:
            if text(tensor.name) == name and (value := file.array(tensor)) is not None:
                return np.asarray(value)
    raise KeyError(f"no constant {name!r}")


def find_decoder(subgraph: Any, ends: dict[str, Any]) -> tuple[int, int] | None:
    """The first and the last operator of a decoder; None when it is not there."""
    first_name, last_name = ends["from"], ends["to"]
    places = {text(tensor.name): index for index, tensor in enumerate(subgraph.tensors)}
    if first_name not in places or last_name not in places:
        return None
    operators = subgraph.operators
    first = next((k for k, op in enumerate(operators) if places[first_name] in op.outputs), None)
    last = next((k for k, op in enumerate(operators) if places[last_name] in op.inputs), None)
    if first is None or last is None or last < first:
        return None
    return first, last
