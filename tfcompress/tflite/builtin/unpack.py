"""Reads a table back from the constants of `builtin.rows`, and finds its decoders in the graph.

Files without a "layout" were packed by earlier versions: r x slope counts from the first row of a
group, the payload is flipped whatever the decoder, and fixed rows are of whole bytes. In these and
in layout 2 look-ups are whole; first bits of words are not flipped, and the look-ups go by that.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.codec.layout import Dtype
from tfcompress.errors import ModelError
from tfcompress.tflite.builtin import row_values
from tfcompress.tflite.builtin.code_lookups import CodeLookups
from tfcompress.tflite.builtin.row_bits import MAX_CODE_BITS, decode
from tfcompress.tflite.builtin.row_decoder import from_halfwords
from tfcompress.tflite.builtin.row_places import RowPlaces
from tfcompress.tflite.builtin.rows import LAYOUT
from tfcompress.tflite.graph.fields import text
from tfcompress.tflite.graph.flatbuffer import TfliteFile


def unpack_table(
    file: TfliteFile, entry: dict[str, Any], dtype: Dtype
) -> tuple[NDArray[Any], list[int]]:
    """The rows of a packed table as the codec has them, from its entry in the metadata.

    Returns:
        The rows, and the buffers of the constants that held them.

    Raises:
        ModelError: the constants are not there, or do not go together.
    """
    try:
        constants = _constants(file, entry["packed"])
        parts = {part: _value(file, tensor) for part, tensor in constants.items()}
        return _unpack(entry, parts, dtype), [tensor.buffer for tensor in constants.values()]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ModelError(
            f"{entry['name']}: the constants of the packed table were changed ({error})"
        ) from error


def _unpack(entry: dict[str, Any], parts: dict[str, NDArray[Any]], dtype: Dtype) -> NDArray[Any]:
    packed = entry["packed"]
    rows, columns = entry["rows"], packed["columns"]
    lookups = _lookups(packed, parts)
    payload, starts = _payload(packed, parts, rows)
    if starts.min() < 0 or starts.max() > 8 * payload.size:
        raise ValueError("a row starts outside")
    steps = -(-columns // lookups.symbols.shape[1])
    values = decode(payload.reshape(-1), starts, lookups.lengths, lookups.symbols, steps)
    values = values[:, :columns]
    left = [parts[part] for part in sorted(parts) if part.startswith("left")]
    return row_values.join(np.ascontiguousarray(values), left, dtype)


def _lookups(packed: dict[str, Any], parts: dict[str, NDArray[Any]]) -> CodeLookups:
    """The whole look-ups of the code, as older layouts have them in the file."""
    symbols = parts["symbols"].view(np.uint8).reshape(len(parts["symbols"]), -1)
    bits, shift = len(symbols).bit_length() - 1, 0
    if "code" in packed:
        bits, shift = packed["code"]["bits"], packed["code"]["shift"]
    if not 0 <= shift < bits <= MAX_CODE_BITS:
        raise ValueError(f"words of {bits} bits looked up by {shift} less")
    one_word = np.zeros(1 << (bits - shift), np.uint8)  # nothing follows, so no length matters
    lengths = parts.get("lengths", one_word).astype(np.uint8)
    if len(lengths) != len(one_word):
        raise ValueError(f"{len(lengths)} lengths, expected {len(one_word)}")
    return CodeLookups(bits, shift, lengths, symbols).whole()


def _payload(
    packed: dict[str, Any], parts: dict[str, NDArray[Any]], rows: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The payload's bytes, and the first bit of every row."""
    is_new, index = "layout" in packed, packed["index"]
    if is_new and packed["layout"] not in (2, LAYOUT):
        raise ValueError(f"layout {packed['layout']!r}, this version knows {LAYOUT} and older")
    payload = from_halfwords(parts[""], packed["decoder"] if is_new else "many-ids")
    if index is None:
        if "last" in parts:
            last = parts["last"].view(np.uint8) ^ np.uint8(0x80)
            payload = np.concatenate([payload.reshape(rows, -1), last], axis=1)
        return payload.reshape(-1), np.arange(rows) * (8 * payload.size // rows)
    base = parts["base"]
    if not is_new:
        base = base - np.arange(len(base)) * index["group_rows"] * index["slope"]
    places = RowPlaces(**index, base=base, offset=parts.get("offset"), rows=rows, longest=0)
    return payload.reshape(-1), places.starts()


def _constants(file: TfliteFile, packed: dict[str, Any]) -> dict[str, Any]:
    """The tensors of the constants, by part.

    They were named where the first decoder was made; earlier versions gave names that constants of
    other subgraphs may have too.
    """
    subgraph = file.subgraphs[packed["lookups"][0]["subgraph"]]
    by_name = {
        text(tensor.name): tensor for tensor in subgraph.tensors if file.data(tensor) is not None
    }
    return {part: by_name[name] for part, name in packed["constants"].items()}


def _value(file: TfliteFile, tensor: Any) -> NDArray[Any]:
    value = file.array(tensor)
    if value is None:
        raise ValueError(f"{text(tensor.name)} is of type {tensor.type}")
    return np.asarray(value)


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
