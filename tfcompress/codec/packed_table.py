"""A packed table: its bytes, and rows out of it."""

import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfcompress.choices import Mode
from tfcompress.codec import layout
from tfcompress.codec.layout import Header, parse_header
from tfcompress.codec.symbols import from_little_endian
from tfcompress.errors import CorruptTableError
from tfcompress.files import write_file
from tfcompress.native import _native

_BLOCK_VALUES = 1 << 20


class PackedTable:
    """A table in fewer bytes, any row of which decodes alone.

    `rows` and `unpack` give back exactly what was packed, in the dtype that was packed; int4 rows
    come as they were given, two values a byte. A `PackedTable` is immutable, and threads may share
    it: decoding releases the interpreter lock.
    """

    def __init__(self, data: NDArray[np.uint8]):
        self._data = data
        self._header = parse_header(data)
        self._table = _native.Table(data)
        if self._table.status:
            raise CorruptTableError(f"packed table: {_native.message(self._table.status)}")

    @classmethod
    def from_bytes(cls, blob: bytes | bytearray | memoryview | NDArray[np.uint8]) -> "PackedTable":
        """Opens packed bytes; header, sizes, index and tables are checked, the payload is not.

        Args:
            blob: bytes or a uint8 array (a `np.memmap` too). Kept, not copied, and not to be
                changed while the table is in use.

        Raises:
            CorruptTableError: The bytes are not a sound packed table.
        """
        data = np.frombuffer(blob, np.uint8) if not isinstance(blob, np.ndarray) else blob
        table = cls(np.ascontiguousarray(data.reshape(-1).view(np.uint8)))
        table._check_index()
        return table

    @classmethod
    def load(cls, path: Path) -> "PackedTable":
        """Opens a packed file without reading its rows."""
        if not path.stat().st_size:
            raise CorruptTableError(f"{path}: the file is empty")
        return cls.from_bytes(np.memmap(path, np.uint8, mode="r"))

    def save(self, path: Path, *, overwrite: bool = False) -> None:
        """Writes the packed bytes to a file, whole or not at all."""
        # A view: a table in a temporary file is copied without standing in memory.
        write_file(path, cast("bytes", self._data.data), overwrite=overwrite)

    @property
    def mode(self) -> Mode:
        """How the rows are coded."""
        return self._header.mode

    @property
    def header(self) -> Header:
        """Sizes and kinds of everything inside."""
        return self._header

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and values per row (for int4 twice what a row has in bytes, or one less)."""
        return self._header.rows, self._header.columns

    @property
    def dtype(self) -> layout.Dtype:
        """What the values are: "int8", "uint8", "int4", "float32" or "float16"."""
        return self._header.dtype

    @property
    def nbytes(self) -> int:
        """Bytes of everything: header, rows, model, index, checksums, scales, note."""
        return len(self._data)

    @property
    def raw_bytes(self) -> int:
        """Bytes of the table before packing, scales included."""
        return self._header.rows * self._header.row_bytes + self._header.scale_bytes

    @property
    def saved(self) -> float:
        """1 - nbytes / raw_bytes; negative where packing made it larger."""
        return 1 - self.nbytes / self.raw_bytes if self.raw_bytes else 0.0

    @property
    def table_bytes(self) -> int:
        """Bytes of memory that an open table takes besides its packed bytes."""
        return self._table.table_bytes

    @property
    def scales(self) -> NDArray[np.float32]:
        """float32 array, shape `(rows, 1)`, `(1, 1)` or, where none was packed, `(0, 1)`."""
        return self._section("scales").view("<f4").astype(np.float32).reshape(-1, 1)

    @property
    def note(self) -> bytes:
        """The bytes that travel along."""
        return self._section("note").tobytes()

    def rows(self, ids: ArrayLike) -> NDArray[Any]:
        """Decodes rows, in the order asked for and as often as asked for.

        Args:
            ids: integer array, shape `(k,)`, each in 0..rows - 1.

        Returns:
            Array of the packed dtype, shape `(k, columns)`; for int4 uint8, `(k, row bytes)`.

        Raises:
            IndexError: A row number is out of range.
            CorruptTableError: A row does not decode; see `verify`.
        """
        wanted = np.ascontiguousarray(ids)
        if not np.issubdtype(wanted.dtype, np.integer) and wanted.size:
            raise IndexError(f"ids: got dtype {wanted.dtype}, expected integers")
        wanted = wanted.reshape(-1).astype(np.int64)
        outside = (wanted < 0) | (wanted >= self._header.rows)
        if outside.any():
            raise IndexError(f"row {wanted[np.argmax(outside)]} of {self._header.rows} rows")
        data, status, failed = self._table.rows(wanted)
        if status:
            raise CorruptTableError(
                f"packed table, row {wanted[failed]}: {_native.message(status)}"
            )
        return from_little_endian(data, self._header.dtype)

    def unpack(self) -> NDArray[Any]:
        """The whole table, decoded on all cores."""
        count = max(1, _BLOCK_VALUES // max(1, self._header.columns))
        starts = range(0, self._header.rows, count)

        def part(start: int) -> NDArray[Any]:
            return self.rows(np.arange(start, min(start + count, self._header.rows)))

        result = np.empty((self._header.rows, *self.rows([]).shape[1:]), self.rows([]).dtype)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for start, rows in zip(starts, pool.map(part, starts), strict=True):
                result[start : start + len(rows)] = rows
        return result

    def verify(self) -> None:
        """Checks the rows against their checksums.

        Raises:
            CorruptTableError: A part of the payload is not what was packed, or a row lies outside.
        """
        payload, checks = self._section("payload"), self._section("checks").view("<u4")
        size = layout.CHECK_BYTES
        for k, expected in enumerate(checks):
            if zlib.crc32(payload[k * size : (k + 1) * size].data) != expected:
                raise CorruptTableError(
                    f"packed table: payload bytes from {k * size} do not match their checksum"
                )
        self._check_index(every_row=True)

    def to_bytes(self) -> bytes:
        """The packed bytes."""
        return self._data.tobytes()

    def _section(self, name: str) -> NDArray[np.uint8]:
        return self._data[self._header.sections()[name]]

    def _check_index(self, *, every_row: bool = False) -> None:
        """Groups must follow one another in the payload; with `every_row`, without a gap."""
        header = self._header
        if header.mode not in layout.INDEXED_MODES:
            return
        entries = self._section("index").view("<u8")
        offsets = (entries & np.uint64(0xFFFFFFFFFF)).astype(np.int64)
        ends = np.append(offsets[1:], header.payload_bytes)
        width = (entries >> np.uint64(40) & np.uint64(31)).astype(np.int64)
        counts = np.full(len(entries), layout.GROUP_ROWS)
        counts[-1:] = header.blocks - layout.GROUP_ROWS * (len(entries) - 1)
        least = (counts * width + 7) // 8 + counts * (entries >> np.uint64(45)).astype(np.int64)
        if (len(offsets) and offsets[0]) or (offsets + least > ends).any():
            raise CorruptTableError("packed table: the index does not follow the payload")
        if not every_row:
            return
        name = "block" if header.mode == "rate" else "row"
        for start in range(0, header.blocks, _BLOCK_VALUES):
            stop = min(start + _BLOCK_VALUES, header.blocks)
            spans, status, failed = self._table.spans(start, stop)
            if status:
                raise CorruptTableError(
                    f"packed table, {name} {start + failed}: {_native.message(status)}"
                )
            groups = slice(start // layout.GROUP_ROWS, -(-stop // layout.GROUP_ROWS))
            last = np.minimum(np.arange(stop)[start:] | 63, stop - 1)[:: layout.GROUP_ROWS] - start
            closed = (spans[1:, 0] == spans[:-1, 1]) | (np.arange(start + 1, stop) % 64 == 0)
            if not closed.all() or (spans[last, 1] != 8 * ends[groups].astype(np.uint64)).any():
                raise CorruptTableError(f"packed table: {name}s do not follow one another")
