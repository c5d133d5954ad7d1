"""What inspecting a .tflite file yields."""

from dataclasses import asdict, dataclass
from typing import Any

from tfcompress.tflite.packing.lookups import LeftConstant


@dataclass(frozen=True)
class TableInfo:
    """A table in a file.

    Attributes:
        name: str. "item_embedding/U", or the tensor's name in a file made elsewhere.
        rows: int. Rows.
        cols: int. Values in a row.
        dtype: str. Number type of the values: "float32", "float16", "int8", "int4", "int32".
        codec: str. How the values are packed; "none" when they are not.
        stored_bytes: int. Everything the table takes: integers, scales, quantisation parameters.
        bits_per_value: float. 8 stored_bytes / (rows cols).
        snr_db: float or None. Signal-to-noise ratio against the float32 table, where it is known.
    """

    name: str
    rows: int
    cols: int
    dtype: str
    codec: str
    stored_bytes: int
    bits_per_value: float
    snr_db: float | None

    def to_json(self) -> dict[str, Any]:
        """The attributes by name."""
        return asdict(self)


@dataclass(frozen=True)
class ConstantInfo:
    """A constant that belongs to no table.

    Attributes:
        name: str. The tensor's name.
        shape: tuple of int.
        dtype: str. Number type.
        bytes: int. Data and quantisation parameters.
        used_by: tuple of str. Names of the operators that read it.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    bytes: int
    used_by: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The attributes by name."""
        return asdict(self)


@dataclass(frozen=True)
class VocabularyInfo:
    """The vocabulary inside a file: how many ids it has, of what tokens, and the bytes it takes.

    Attributes:
        size: int. Ids, padding and out-of-vocabulary included.
        kind: str. "integers" or "strings".
        bytes: int. Without the archive around it.
    """

    size: int
    kind: str
    bytes: int

    def to_json(self) -> dict[str, Any]:
        """The attributes by name."""
        return asdict(self)


@dataclass(frozen=True)
class PortInfo:
    """An input or output of a model: name, shape (-1 for a free dimension) and number type."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    def to_json(self) -> dict[str, Any]:
        """The attributes by name."""
        return asdict(self)


@dataclass(frozen=True)
class ModelInfo:
    """What a file holds.

    Attributes:
        file_bytes: int. Size of the file.
        tables: tuple of TableInfo.
        table_bytes: int. With the next three: every byte of the file, once.
        dense_bytes: int.
        graph_bytes: int.
        vocabulary_bytes: int.
        constants: tuple of ConstantInfo, largest first. Constants that are no table.
        operators: dict str -> int. How many operators of each name.
        inputs: tuple of PortInfo.
        outputs: tuple of PortInfo.
        metadata: dict or None. The "tfcompress" entry.
        full_table_bytes: int. What the embeddings would take as plain float32 tables; the tables
            themselves where no metadata says what they replace.
        unpackable: tuple of LeftConstant, largest first. Large constants that packing cannot help,
            tables among them, with the reason.
        vocabulary: VocabularyInfo or None. What `convert` put in; other associated files are
            counted as vocabulary but not described.
    """

    file_bytes: int
    tables: tuple[TableInfo, ...]
    table_bytes: int
    dense_bytes: int
    graph_bytes: int
    vocabulary_bytes: int
    constants: tuple[ConstantInfo, ...]
    operators: dict[str, int]
    inputs: tuple[PortInfo, ...]
    outputs: tuple[PortInfo, ...]
    metadata: dict[str, Any] | None
    full_table_bytes: int
    unpackable: tuple[LeftConstant, ...] = ()
    vocabulary: VocabularyInfo | None = None

    @property
    def table_ratio(self) -> float | None:
        """Plain float32 tables / stored tables; None for a model without tables."""
        return self.full_table_bytes / self.table_bytes if self.table_bytes else None

    @property
    def file_ratio(self) -> float | None:
        """The same file with plain float32 tables / the file; None for a model without tables."""
        if not self.table_bytes:
            return None
        return (self.file_bytes - self.table_bytes + self.full_table_bytes) / self.file_bytes

    @property
    def embedding_snr_db(self) -> dict[str, float]:
        """By embedding of several tables: signal-to-noise ratio of the vectors that it looks up.

        Only where tables were rounded and the vectors are not exact.
        """
        return {
            embedding["name"]: embedding["snr_db"]
            for embedding in (self.metadata or {}).get("embeddings", [])
            if len(embedding.get("tables", ())) > 1 and embedding.get("snr_db") is not None
        }

    @property
    def transforms(self) -> dict[str, dict[str, Any]]:
        """What the metadata say of transformed tables (`metadata`), by table."""
        return {
            table["name"]: table["transform"]
            for table in (self.metadata or {}).get("tables", [])
            if table.get("transform")
        }

    def size_json(self) -> dict[str, Any]:
        """`file_bytes`, `bytes` (four, which sum to it), `ratio`, `tables`, `embedding_snr_db`."""
        return {
            "file_bytes": self.file_bytes,
            "bytes": {
                "tables": self.table_bytes,
                "dense": self.dense_bytes,
                "graph": self.graph_bytes,
                "vocabulary": self.vocabulary_bytes,
            },
            "ratio": {"table": self.table_ratio, "file": self.file_ratio},
            "tables": [table.to_json() for table in self.tables],
            "embedding_snr_db": self.embedding_snr_db,
        }

    def to_json(self) -> dict[str, Any]:
        """All that `size_json` gives, and the other attributes by name."""
        return {
            **self.size_json(),
            "constants": [constant.to_json() for constant in self.constants],
            "unpackable": [asdict(constant) for constant in self.unpackable],
            "vocabulary": self.vocabulary and self.vocabulary.to_json(),
            "operators": self.operators,
            "inputs": [port.to_json() for port in self.inputs],
            "outputs": [port.to_json() for port in self.outputs],
            "full_table_bytes": self.full_table_bytes,
            "metadata": self.metadata,
        }
