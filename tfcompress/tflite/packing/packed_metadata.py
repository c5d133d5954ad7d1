"""What a file says of its packed tables, in its "tfcompress" metadata.

An entry of "tables" whose rows are packed has its "codec" and, besides what `metadata` lists,

    "packed": {"target": "delegate", "operator": "GATHER", "type": "int8", "shape": [rows, ...],
               "raw_bytes": 6400000, "packed_bytes": 4700000}

and with target "builtin" what `builtin.unpack` needs. A file that came without an entry gets one
with the packed tables only, and loses it when it is unpacked.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from tfcompress.errors import ModelError
from tfcompress.tflite.graph.flatbuffer import TfliteFile
from tfcompress.tflite.tables.metadata import ENTRY, read_metadata, tables_by_tensor, write_metadata
from tfcompress.validation import first_fault

Entry = dict[str, Any]


class _Packed(BaseModel):
    model_config = ConfigDict(strict=True)

    target: Literal["builtin", "delegate"]
    operator: Literal["GATHER", "EMBEDDING_LOOKUP"]
    type: Literal["int8", "uint8", "int4", "int16", "float16", "float32"]
    shape: Annotated[list[NonNegativeInt], Field(min_length=1)]
    constants: dict[str, str] = {}


class _Table(BaseModel):
    """What unpacking relies on; of the rest `builtin.unpack` says what is wrong."""

    tensors: Annotated[list[str], Field(min_length=1)]
    packed: _Packed


def packed_entries(file: TfliteFile) -> list[Entry]:
    """The entries of the packed tables of a file.

    Raises:
        ModelError: One is damaged.
    """
    content = read_metadata(file) or {}
    entries = [entry for entry in content.get("tables", []) if "packed" in entry]
    for entry in entries:
        try:
            _Table.model_validate(entry)
        except ValidationError as error:
            place, first = first_fault(error)
            raise ModelError(
                f"the file's {ENTRY!r} metadata is damaged: table {entry['name']!r}: {place}: "
                f"{first['msg']}; convert or pack the model again"
            ) from error
    return entries


def add_packed_entries(file: TfliteFile, made: Mapping[str, Entry]) -> None:
    """Notes tables as packed.

    Args:
        file: TfliteFile.
        made: mapping of str to entry: the keys that change, by the name of the table's tensor.
    """
    if not made:
        return
    content, known = tables_by_tensor(file)
    for tensor, changes in made.items():
        entry = known.get(tensor)
        if entry is None:
            entry = {"snr_db": None, **changes, "tensors": [tensor]}
            content["tables"].append(entry)
        # What a converted file said of the table before holds on: its name, its dtype, its SNR.
        entry |= {"codec": changes["codec"], "packed": changes["packed"]}
        entry["tensors"] += [name for name in changes["tensors"] if name not in entry["tensors"]]
    write_metadata(file, content)


def remove_packed_entries(file: TfliteFile) -> None:
    """Notes every table as not packed."""
    content = read_metadata(file)
    if content is None:
        return
    if "embeddings" not in content:
        # Nobody but `pack` had something to say, and perhaps whoever coded tables with loss.
        content["tables"] = [entry for entry in content["tables"] if entry.get("transform")]
        if not content["tables"]:
            file.remove_metadata(ENTRY)
            return
    for entry in content["tables"]:
        packed = entry.pop("packed", None)
        if packed is not None:
            entry["codec"] = "none"
            first, *others = entry["tensors"]
            dropped = packed.get("constants", {}).values()
            entry["tensors"] = [first, *(name for name in others if name not in dropped)]
    write_metadata(file, content)
