"""Packs the tables of any .tflite: the same model, whose lookups decode only the rows they read.

Every constant that is read row by row (`lookups`) is packed without loss, and each of its lookups
gives way to operators that write the same tensor: same values, name, shape and quantisation. What
would not get smaller stays. The rest of the file, signatures and associated files, stays too.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfcompress import codec as row_codec
from tfcompress.codec.source import as_source
from tfcompress.errors import ConfigError, ModelError
from tfcompress.rate_distortion.transformed_table import row_bands
from tfcompress.tflite.builtin import row_values
from tfcompress.tflite.builtin.rows import BuiltinRows
from tfcompress.tflite.graph.damaged import following_the_graph
from tfcompress.tflite.graph.file_bytes import file_bytes
from tfcompress.tflite.graph.flatbuffer import TYPE_NAMES, TfliteFile, read
from tfcompress.tflite.graph.names import name_constant
from tfcompress.tflite.graph.operator_chain import ChainConstants
from tfcompress.tflite.graph.prune import prune
from tfcompress.tflite.graph.runtime_version import raise_runtime_version
from tfcompress.tflite.packing.fused_scales import fuse_scales, fused_scales
from tfcompress.tflite.packing.half_rows import gather_rows_first
from tfcompress.tflite.packing.lookups import LeftConstant, LookupTable, find_tables, left_constant
from tfcompress.tflite.packing.options import check_options
from tfcompress.tflite.packing.packed_bytes import choose_decoder, graph_bytes
from tfcompress.tflite.packing.packed_lookups import (
    RowsWriter,
    obstacle_to_builtin,
    replace_lookups,
)
from tfcompress.tflite.packing.packed_metadata import Entry, add_packed_entries
from tfcompress.tflite.packing.unpack import unpack_file
from tfcompress.tflite.runtime.check import check_packed
from tfcompress.tflite.runtime.delegate_rows import DelegateRows
from tfcompress.tflite.tables.metadata import read_metadata
from tfcompress.tflite.tables.row_scores import fuse_scores


@dataclass(frozen=True)
class PackedConstant:
    """A table that was packed.

    Attributes:
        name: str. Its tensor's name.
        rows: int. Rows.
        cols: int. Values in a row.
        dtype: str. Number type of the values.
        codec: str. The mode it was packed in.
        raw_bytes: int. What it took.
        packed_bytes: int. What its constants take now.
        decoder: str. The shape of the decoder; "delegate" for that target.
    """

    name: str
    rows: int
    cols: int
    dtype: str
    codec: str
    raw_bytes: int
    packed_bytes: int
    decoder: str


@dataclass(frozen=True)
class Packing:
    """A packed file and what was done to it.

    Attributes:
        content: bytes. The file.
        packed: tuple of PackedConstant, largest first.
        left: tuple of LeftConstant, largest first. Constants that stay as they are.
        was_packed: bool. Whether tables were packed in the file given, and unpacked first.
    """

    content: bytes
    packed: tuple[PackedConstant, ...]
    left: tuple[LeftConstant, ...]
    was_packed: bool = False


def pack(
    model_bytes: bytes, *, codec: str = "auto", target: str = "builtin", decoder: str = "auto"
) -> bytes:
    """Packs the tables of a .tflite; see `pack_model`, which also says what was done."""
    content = file_bytes("model_bytes", model_bytes)
    return pack_model(content, codec=codec, target=target, decoder=decoder).content


def pack_model(
    content: bytes, *, codec: str = "auto", target: str = "builtin", decoder: str = "auto"
) -> Packing:
    """Packs the tables of a .tflite without loss.

    Args:
        content: bytes. Any .tflite file. What is packed in it already is packed anew.
        codec: str. "auto" (the smallest), or a mode: "fixed", "indexed", and for target "delegate"
            "context", "rate" and "predictive"; "raw" puts rows into the file as they are.
        target: str. "builtin": rows are decoded by builtin operators, on any stock runtime;
            "delegate": by a custom operator that the package's delegate serves.
        decoder: str. For target "builtin": "few-ids" is the smaller one and, up to about ten
            ids at a time, the faster one, "many-ids" the faster one beyond; "auto" goes by the
            shape of the ids, a free batch counted as one.

    Returns:
        Packing. Its content is the one given where there is nothing to pack.

    Raises:
        ConfigError: an argument cannot be used.
        ModelError: it is no .tflite file, or it is damaged.
    """
    check_options(codec, target, decoder)
    content = file_bytes("content", content)
    file = read(content)
    with following_the_graph():
        was_packed = unpack_file(file)
        tables, left = find_tables(file)
        for table in tables:
            name_constant(file.subgraphs, table.buffer, table.name)
        packer = _Packer(file, codec, target, decoder)
        packed, entries = [], {}
        for table in tables:
            made = packer.pack(table)
            if isinstance(made, LeftConstant):
                left.append(made)
            else:
                done, entries[table.name] = made
                packed.append(done)
        # Last, when it is known what makes the vectors: of two operators of the delegate that
        # follow each other only one may be its own.
        for name, starts in fuse_scores(file).items():
            entries[name]["tensors"].insert(0, starts)
            entries[name]["packed"]["constants"] = {"starts": starts}
        left.sort(key=lambda other: -other.bytes)
        if not packed and not was_packed:
            return Packing(content, (), tuple(left))
        prune(file)
        add_packed_entries(file, entries)
        raise_runtime_version(file)
        result = file.to_bytes()
    check_packed(result, content)
    return Packing(result, tuple(packed), tuple(left), was_packed)


@dataclass
class _Packer:
    """Packs one table after the other in a file."""

    file: TfliteFile
    codec: str
    target: str
    decoder: str

    def __post_init__(self) -> None:
        self._constants = ChainConstants(self.file)
        self._classes = _class_starts(self.file)

    def pack(self, table: LookupTable) -> tuple[PackedConstant, Entry] | LeftConstant:
        """Packs a table in place, or says why not."""
        raw_bytes = table.matrix(self.file).nbytes
        if table.buffer in fused_scales(self.file):
            return left_constant(table.tensor, raw_bytes, "packed lookups multiply by its values")
        try:
            writer = self._builtin(table) if self.target == "builtin" else self._delegate(table)
        except ConfigError as error:  # a mode that is not offered for such a table
            return left_constant(table.tensor, raw_bytes, str(error))
        if isinstance(writer, str):
            return left_constant(table.tensor, raw_bytes, writer)
        num_operators = len(table.lookups) * writer.operators_a_lookup
        after = writer.constant_bytes + graph_bytes(self.target, num_operators)
        if after >= raw_bytes and self.codec != "raw":
            reason = f"it would not get smaller ({after:,} bytes packed)"
            return left_constant(table.tensor, raw_bytes, reason)
        dtype = TYPE_NAMES[table.tensor.type].lower()
        table = gather_rows_first(self.file, table)
        scales = replace_lookups(self.file, table, writer)
        fuse_scales(self.file)
        described = writer.described()
        done = PackedConstant(
            name=table.name,
            rows=table.shape[0],
            cols=table.columns,
            dtype=dtype,
            codec=writer.codec,
            raw_bytes=raw_bytes,
            packed_bytes=writer.constant_bytes,
            decoder=writer.decoder,
        )
        return done, _entry(table, done, described, self.target, scales)

    def _delegate(self, table: LookupTable) -> RowsWriter:
        matrix = table.matrix(self.file)
        classes = None
        if table.name in self._classes:
            classes = _row_classes(table, self._classes[table.name])
        packed = row_codec.pack(
            matrix,
            self.codec,
            dtype=table.dtype,
            columns=table.columns,
            row_classes=classes,
        )
        return DelegateRows(self.file, table.name, packed)

    def _builtin(self, table: LookupTable) -> RowsWriter | str:
        if reason := obstacle_to_builtin(self.file, table):
            return reason
        matrix = table.matrix(self.file)
        values, left = row_values.split(matrix, table.dtype, table.columns)
        source = as_source(matrix, table.dtype, table.columns)
        num_ids = max(lookup.num_ids for lookup in table.lookups)
        chosen = choose_decoder(values, source, self.codec, self.decoder, num_ids)
        if chosen is None:
            return f"rows of {table.columns:,} values take too many operators: use the delegate"
        decoder, plan = chosen
        return BuiltinRows(self._constants, table.name, table.dtype, plan, values, left, decoder)


def _class_starts(file: TfliteFile) -> dict[str, list[int]]:
    """First rows of the row classes of transformed tables, by the name of the table's tensor."""
    entries = (read_metadata(file) or {}).get("tables", [])
    return {
        entry["tensors"][0]: entry["transform"]["class_starts"]
        for entry in entries
        if entry["tensors"] and entry.get("transform")
    }


def _row_classes(table: LookupTable, class_starts: list[int]) -> NDArray[np.int64]:
    """The bands of rows that the codec is told of."""
    rows = table.shape[0]
    ascends = all(first < second for first, second in pairwise(class_starts))
    if class_starts[:1] != [0] or not ascends or class_starts[-1] >= max(1, rows):
        raise ModelError(
            f"{table.name}: the file's metadata has row classes that start at rows {class_starts}, "
            f"expected 0 first, ascending, all below {rows}; convert the model again"
        )
    return row_bands(np.array(class_starts, np.int64), rows)


def _entry(
    table: LookupTable,
    done: PackedConstant,
    described: dict[str, Any],
    target: str,
    scales: list[str],
) -> Entry:
    """What the metadata say of a packed table, `described` by what reads it."""
    lookup = table.lookups[0]
    return {
        "name": done.name,
        "rows": done.rows,
        "cols": done.cols,
        "dtype": done.dtype,
        "codec": done.codec,
        "tensors": [*described.get("constants", {}).values(), *scales],
        "packed": {
            "target": target,
            # Integers that a kernel multiplied by scales come back as a GATHER.
            "operator": "GATHER" if lookup.is_scaled else lookup.name,
            "type": TYPE_NAMES[table.tensor.type].lower(),
            "shape": list(table.shape),
            "raw_bytes": done.raw_bytes,
            "packed_bytes": done.packed_bytes,
            **described,
        },
    }
