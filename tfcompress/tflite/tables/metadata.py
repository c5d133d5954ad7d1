"""What a file says of itself: the JSON metadata entry "tfcompress".

    {"format": 1, "version": "0.1.0",
     "embeddings": [{"name", "class", "input_dim", "output_dim", "tables": [names], "snr_db"}],
     "tables": [{"name", "rows", "cols", "dtype", "granularity", "codec", "snr_db", "tensors",
                 "tied"}],
     "dense_dtype": "int8", "dense_operators": {"FULLY_CONNECTED": 3},
     ... what the caller adds: "model", "trained_on"}

A transformed table has besides

    "transform": {"class_starts": [0, 2, 3, 4, ...], "steps": tensor name, "shrink": 0.08,
                  "rotation": "none" | "folded" | "stored", "rotation_bytes": 4096}

the first rows of its classes of rows, the constant that holds their steps, how much nearer to zero
than its integer a value lies, and whether rows are rotated after the lookup ("stored") or the
weights behind it took the rotation.

`tensors` names the constants that hold a table, so that a reader finds its bytes. `tied` says that
scores are taken against it; a tied int8 or int4 table rounds the activations it meets to 8 bits.
A packed table has a "codec" other than "none" and the key "packed" (`packed_metadata`).
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt, ValidationError

from tfcompress import __version__
from tfcompress.errors import ConfigError, ModelError
from tfcompress.tflite.graph.flatbuffer import TfliteFile
from tfcompress.tflite.tables.constants import ModelEmbedding
from tfcompress.tflite.tables.table_dtype import StoredTable
from tfcompress.validation import first_fault, shown

ENTRY = "tfcompress"
FORMAT = 1


class _Part(BaseModel):
    # What is not read here may be there too: the caller's keys, those of a later version.
    model_config = ConfigDict(extra="allow", strict=True)


class _Embedding(_Part):
    input_dim: PositiveInt
    output_dim: PositiveInt


class _Transform(_Part):
    class_starts: list[NonNegativeInt]
    shrink: float
    rotation: str


class _Table(_Part):
    name: str
    rows: NonNegativeInt
    cols: NonNegativeInt
    dtype: str
    codec: str
    snr_db: float | None
    tensors: list[str]
    transform: _Transform | None = None


class _Model(_Part):
    kind: str | None = None
    history_length: PositiveInt | None = None
    length: PositiveInt | None = None
    classes: list[str | int] | None = None
    max_words: PositiveInt | None = None
    bigram_buckets: NonNegativeInt | None = None
    first_bigram_id: PositiveInt | None = None
    input_dim: PositiveInt | None = None


class _TrainedOn(_Part):
    sha256: str | None = None
    vocabulary_sha256: str | None = None
    options: dict[str, Any] | None = None


class _Entry(_Part):
    """What the readers of an entry rely on."""

    embeddings: list[_Embedding] = []
    tables: list[_Table] = []
    model: _Model = _Model()
    trained_on: _TrainedOn = _TrainedOn()


def check_metadata(given: Any) -> None:
    """Refuses what a caller adds to the entry where it could not be written, or read again.

    Raises:
        ConfigError: It is no mapping of texts to what JSON holds, or a part that is read is not of
            its type.
    """
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
        raise ConfigError(
            f'metadata: got {shown(given)}, expected a mapping such as {{"model": {{...}}}}'
        )
    try:
        content = json.loads(_json(given))
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"metadata: got {shown(given)}, which JSON cannot hold ({error}); give texts, finite "
            "Python numbers, lists and dicts"
        ) from error
    try:
        _Entry.model_validate(content)
    except ValidationError as error:
        place, first = first_fault(error)
        expected = first["msg"].split(" or instance of")[0]  # "... a valid dictionary"
        raise ConfigError(f"metadata: {place} is {shown(first['input'])}: {expected}") from error


def write_metadata(file: TfliteFile, content: Mapping[str, Any]) -> None:
    """Writes the entry. Keys are sorted, so that equal content gives equal bytes."""
    file.set_metadata(ENTRY, _json(content).encode())


def read_metadata(file: TfliteFile) -> dict[str, Any] | None:
    """The entry; None when the file has none.

    Raises:
        ModelError: it is damaged, or of a format this version does not know.
    """
    try:
        raw = file.metadata(ENTRY)
        if raw is None:
            return None
        content = json.loads(raw)
    except (ValueError, LookupError, RecursionError) as error:
        raise ModelError(f"the file's {ENTRY!r} metadata is damaged: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        found = content.get("format") if isinstance(content, dict) else content
        raise ModelError(
            f"the file's {ENTRY!r} metadata has format {found!r}; this is version {__version__}, "
            f"which reads format {FORMAT}: update tfcompress"
        )
    try:
        _Entry.model_validate(content)
    except ValidationError as error:
        place, first = first_fault(error)
        raise ModelError(
            f"the file's {ENTRY!r} metadata is damaged: {place}: {first['msg']}; convert the model "
            "again"
        ) from error
    return content


def _json(content: Mapping[str, Any]) -> str:
    # Other mappings than dicts, too.
    return json.dumps(dict(content), sort_keys=True, separators=(",", ":"), allow_nan=False)


def describe(
    embeddings: list[ModelEmbedding],
    stored: Mapping[str, StoredTable],
    snr_db: Mapping[str, float | None],
) -> dict[str, Any]:
    """The keys "format", "version", "embeddings" and "tables".

    Args:
        embeddings: list of ModelEmbedding.
        stored: mapping str -> StoredTable. By the name of each table that is in the file.
        snr_db: mapping str -> float or None. Of each embedding, by name; None if not rounded.
    """
    unique = {table.name: table for table in stored.values()}
    return {
        "format": FORMAT,
        "version": __version__,
        "embeddings": [
            {
                "name": embedding.name,
                "class": type(embedding.layer).__name__,
                "input_dim": int(embedding.layer.input_dim),
                "output_dim": int(embedding.layer.output_dim),
                "tables": [
                    stored[table.name].name for table in embedding.tables if table.name in stored
                ],
                "snr_db": _finite(snr_db.get(embedding.name)),
            }
            for embedding in embeddings
        ],
        "tables": [_described(table) for table in unique.values()],
    }


def tables_by_tensor(file: TfliteFile) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The metadata of a file, made where there are none, and the entries of its tables in them.

    Returns:
        The content, and its entries by the name of the table's tensor.
    """
    content = read_metadata(file) or {"format": FORMAT, "version": __version__, "tables": []}
    return content, {entry["tensors"][0]: entry for entry in content["tables"] if entry["tensors"]}


def note_stored(file: TfliteFile, stored: Mapping[str, StoredTable]) -> None:
    """Notes what became of tables of a file, whoever made it.

    A table that has an entry keeps its name there. Where its numbers were rounded before, the noise
    of that is added to the noise of now.

    Args:
        file: TfliteFile.
        stored: mapping str -> StoredTable, by the name of the table's tensor.
    """
    content, known = tables_by_tensor(file)
    changed = {}
    for tensor, table in stored.items():
        entry = _described(table)
        before = known.get(tensor)
        if before is None:
            content["tables"].append(entry)
            continue
        entry |= {"name": before["name"], "snr_db": _sum_db(before["snr_db"], entry["snr_db"])}
        before.clear()
        before |= entry
        changed[entry["name"]] = entry
    for embedding in content.get("embeddings", []):
        tables = [changed[name] for name in embedding.get("tables", []) if name in changed]
        if not tables:
            continue
        # Of an embedding made of several tables the file does not say how they make it.
        shape = (embedding["input_dim"], embedding["output_dim"])
        is_whole = [(entry["rows"], entry["cols"]) for entry in tables] == [shape]
        embedding["snr_db"] = tables[0]["snr_db"] if is_whole else None
    write_metadata(file, content)


def _described(table: StoredTable) -> dict[str, Any]:
    return {
        "name": table.name,
        "rows": table.rows,
        "cols": table.columns,
        "dtype": table.dtype,
        "granularity": table.granularity,
        "codec": "none",
        "snr_db": _finite(table.snr_db),
        "tensors": list(table.tensors),
        "tied": table.tied,
        **({"transform": table.transform} if table.transform else {}),
    }


def _sum_db(*ratios: float | None) -> float | None:
    """The signal-to-noise ratio of several noises together; None adds no noise."""
    noise = sum(10 ** (-ratio / 10) for ratio in ratios if ratio is not None)
    return round(-10 * math.log10(noise), 4) if noise else None


def _finite(value: float | None) -> float | None:
    """JSON has no infinity: a table that lost nothing has no ratio to state."""
    return None if value is None or not math.isfinite(value) else round(value, 4)
