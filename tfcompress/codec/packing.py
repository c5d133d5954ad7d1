"""`pack`: chooses a mode, runs its coder over the table in blocks, and puts the file together."""

import io
import zlib
from collections.abc import Callable
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.choices import Mode
from tfcompress.codec import choose, layout
from tfcompress.codec.coder import Coder
from tfcompress.codec.layout import Header
from tfcompress.codec.packed_table import PackedTable
from tfcompress.codec.source import Progress, Source, as_source, map_blocks
from tfcompress.errors import ConfigError
from tfcompress.native import _native
from tfcompress.quantization import QuantizedTable
from tfcompress.temporary import temporary_file

IN_MEMORY_BYTES = 1 << 28
"""Larger tables are packed into a temporary file."""


def pack(
    table: NDArray[Any] | QuantizedTable,
    mode: Mode | str = "auto",
    *,
    max_table_bytes: int | None = None,
    max_row_us: float | None = None,
    max_code_bits: int | None = None,
    dtype: str | None = None,
    columns: int | None = None,
    row_classes: NDArray[np.integer] | None = None,
    note: bytes = b"",
    progress: Progress | None = None,
) -> PackedTable:
    """Packs a table without loss.

    The table is read block by block on all cores, twice or three times; with a `np.memmap` and
    more than 256 MB, neither it nor the result (a temporary file) stands in memory.

    Args:
        table: array of int8, uint8, float32 or float16, shape `(rows, columns)`, or a
            `QuantizedTable`, whose scales travel along and are counted. For int4 uint8, two values
            a byte, the even column in the low nibble.
        mode: str. "raw", "fixed", "indexed", "context", "predictive", "rate", or "auto": the
            smallest that keeps the limits.
        max_table_bytes: int or None. Limit on the memory for tables that a decoder builds. When
            None, 17 KiB for a code, 256 KiB for probabilities, and what a predictor needs.
        max_row_us: float or None. Limit on the time to decode a row, in microseconds on one core
            of the machine that `choose.py` was measured on. Holds for "auto", "predictive" and
            "rate".
        max_code_bits: int or None. Limit on the words of a prefix code, 1 to 14; 14
            when None.
        dtype: str or None. "int4" for packed nibbles; otherwise what the array is.
        columns: int or None. Values per row, for int4 with an odd number.
        row_classes: integer array, shape `(rows,)`, or None. For "rate": rows of one class, which
            must follow one another, are taken to be alike (those quantised with one step, say).
            None takes half-octaves of the rank.
        note: bytes. Travels along (a certificate, say).
        progress: callable or None. Called with (rows done, rows in all) as passes go on.

    Returns:
        PackedTable.

    Raises:
        ConfigError: An argument is out of range or does not go with the table.
        OSError: The folder for temporary files is full or cannot be used.
    """
    source = as_source(table, dtype, columns)
    if mode != "auto" and mode not in layout.MODES:
        raise ConfigError(f"mode: got {mode!r}, expected auto or one of {', '.join(layout.MODES)}")
    passes = 3
    done = 0

    def tick(rows: int) -> None:
        nonlocal done
        done += rows
        if progress:
            progress(min(done, passes * source.rows), passes * source.rows)

    if max_code_bits is not None and not 1 <= max_code_bits <= layout.MAX_CODE_BITS:
        raise ConfigError(
            f"max_code_bits: got {max_code_bits}, expected 1 to {layout.MAX_CODE_BITS}"
        )
    limits = choose.Limits(max_table_bytes, max_row_us, max_code_bits)
    coder = choose.plan(source, mode, limits, tick, row_classes)
    small = source.raw_bytes <= IN_MEMORY_BYTES
    with io.BytesIO() if small else temporary_file() as sink:
        _write(sink, source, coder, note, tick)
        if progress:
            progress(passes * source.rows, passes * source.rows)
        if isinstance(sink, io.BytesIO):
            return PackedTable(np.frombuffer(sink.getvalue(), np.uint8))
        return PackedTable(np.memmap(sink, np.uint8, mode="r"))


def _write(
    sink: IO[bytes], source: Source, coder: Coder, note: bytes, tick: Callable[[int], None]
) -> None:
    """Writes the packed table: payload as blocks come, the rest behind it, the header last."""
    sink.write(bytes(layout.HEADER_BYTES))
    checks = _Checks()
    entries: list[NDArray[np.uint64]] = []

    def encode(start: int, stop: int) -> tuple[NDArray[np.uint8], NDArray[np.uint64], int]:
        coded, lengths = coder.encode(source, start, stop)
        if coder.mode not in layout.INDEXED_MODES:
            return coded, np.empty(0, np.uint64), stop - start
        if lengths.max(initial=0) > layout.MAX_ROW_BYTES:
            raise ConfigError(f"table: a row takes {lengths.max()} bytes; use mode 'raw'")
        return *_native.group_rows(coded, lengths), len(lengths)

    size = blocks = 0
    for payload, offsets, coded in map_blocks(source, encode, tick, blocks=coder.parts(source)):
        sink.write(payload.data)
        checks.add(payload)
        entries.append(offsets + np.uint64(size))
        size += len(payload)
        blocks += coded
    if size > layout.MAX_BYTES:
        raise ConfigError(f"table: takes {size} bytes, at most {layout.MAX_BYTES} can be packed")
    index = np.concatenate(entries).astype("<u8").tobytes() if entries else b""
    behind = coder.model + index + checks.to_bytes() + source.scales.astype("<f4").tobytes()
    behind += note + bytes(layout.GUARD_BYTES)
    sink.write(behind)
    header = Header(
        coder.mode,
        source.dtype,
        source.scale_kind,
        source.rows,
        source.columns,
        len(coder.model),
        size,
        coder.stride_bits,
        len(note),
        blocks,
    )
    sink.seek(0)
    sink.write(header.to_bytes(behind))
    sink.flush()


class _Checks:
    """CRC-32 of every `CHECK_BYTES` bytes of what is added."""

    def __init__(self) -> None:
        self._values: list[int] = []
        self._filled = 0

    def add(self, part: NDArray[np.uint8]) -> None:
        at = 0
        while at < len(part):
            if self._filled == 0:
                self._values.append(0)
            taken = part[at : at + layout.CHECK_BYTES - self._filled]
            self._values[-1] = zlib.crc32(taken.data, self._values[-1])
            self._filled = (self._filled + len(taken)) % layout.CHECK_BYTES
            at += len(taken)

    def to_bytes(self) -> bytes:
        return np.array(self._values, "<u4").tobytes()
