"""The byte layout of a packed table: header, sections, checksums. `FORMAT.md` has the whole of it.

    offset  bytes  header (48 bytes, little-endian)
         0      4  "tfct"
         4      1  version, 1
         5      1  mode: 0 raw, 1 fixed, 2 indexed, 3 context, 4 predictive, 5 rate
         6      1  dtype: 0 int8, 1 uint8, 2 int4, 3 float32, 4 float16
         7      1  scales: 0 none, 1 one, 2 one per row
         8      8  rows
        16      4  columns
        20      4  bytes of the model
        24      8  bytes of the payload
        32      4  stride in bits (raw, fixed), number of blocks (rate), else 0
        36      4  bytes of the note
        40      4  CRC-32 of everything behind the payload
        44      4  CRC-32 of bytes 0..43

    then   payload | model | index | checks | scales | note | 8 zero bytes

index: 8 bytes per 64 rows (indexed, context, predictive) or 64 blocks of rows (rate), checks: a
CRC-32 per 65,536 bytes of payload, scales: float32, note: bytes that travel along (a certificate,
say).
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tfcompress.choices import Mode
from tfcompress.errors import CorruptTableError

Dtype = Literal["int8", "uint8", "int4", "float32", "float16"]
ScaleKind = Literal["none", "per_table", "per_row"]

MODES: tuple[Mode, ...] = get_args(Mode)
DTYPES: tuple[Dtype, ...] = get_args(Dtype)
SCALE_KINDS: tuple[ScaleKind, ...] = get_args(ScaleKind)
INDEXED_MODES = frozenset({"indexed", "context", "predictive", "rate"})

VERSION = 1
HEADER_BYTES = 48
GUARD_BYTES = 8
GROUP_ROWS = 64
CHECK_BYTES = 65_536
MAX_CODE_BITS = 14
"""The longest word of a prefix code."""
LOOKUP_BITS = 12
"""Bits a decoder looks up at once; longer words take a second look-up."""
MAX_SEGMENTS = 255
"""Segments of rows in mode `rate`."""
MAX_COLUMNS = 65_536
MAX_BYTES = 2**40
MAX_ROW_BYTES = 2**19 - 1

_HEADER = struct.Struct("<4sBBBBQIIQIII")


@dataclass(frozen=True)
class Header:
    """The first 48 bytes, and the sizes that follow from them.

    Attributes:
        mode: str. How the rows are coded.
        dtype: str. What the values are.
        scale_kind: str. "none", "per_table" or "per_row".
        rows: int. Number of rows.
        columns: int. Values per row.
        model_bytes: int. Codes, probabilities and weights of the mode.
        payload_bytes: int. The rows.
        stride_bits: int. Bits from row to row for "raw" and "fixed", 0 otherwise.
        note_bytes: int. Bytes that travel along.
        blocks: int. What an index finds: blocks of rows for "rate", rows otherwise.
    """

    mode: Mode
    dtype: Dtype
    scale_kind: ScaleKind
    rows: int
    columns: int
    model_bytes: int
    payload_bytes: int
    stride_bits: int
    note_bytes: int
    blocks: int

    @property
    def row_bytes(self) -> int:
        """Bytes of one row as it comes out."""
        return row_bytes(self.dtype, self.columns)

    @property
    def rest_bytes(self) -> int:
        """Bytes of a row that are stored as they are, before its coded ones."""
        return rest_bytes(self.dtype, self.columns)

    @property
    def index_bytes(self) -> int:
        """Bytes of the index."""
        return 8 * -(-self.blocks // GROUP_ROWS) if self.mode in INDEXED_MODES else 0

    @property
    def check_bytes(self) -> int:
        """Bytes of the payload's checksums."""
        return 4 * -(-self.payload_bytes // CHECK_BYTES)

    @property
    def scale_bytes(self) -> int:
        """Bytes of the scales."""
        return 4 * {"none": 0, "per_table": 1, "per_row": self.rows}[self.scale_kind]

    @property
    def total_bytes(self) -> int:
        """Bytes of the whole packed table."""
        behind = self.model_bytes + self.index_bytes + self.check_bytes + self.scale_bytes
        return HEADER_BYTES + self.payload_bytes + behind + self.note_bytes + GUARD_BYTES

    def sections(self) -> dict[str, slice]:
        """Where each section lies, by name, in the order of the file."""
        sizes = {
            "payload": self.payload_bytes,
            "model": self.model_bytes,
            "index": self.index_bytes,
            "checks": self.check_bytes,
            "scales": self.scale_bytes,
            "note": self.note_bytes,
            "guard": GUARD_BYTES,
        }
        start, result = HEADER_BYTES, {}
        for name, size in sizes.items():
            result[name] = slice(start, start + size)
            start += size
        return result

    def to_bytes(self, behind: bytes) -> bytes:
        """The header for a table whose bytes behind the payload are `behind`."""
        fields = _HEADER.pack(
            b"tfct",
            VERSION,
            MODES.index(self.mode),
            DTYPES.index(self.dtype),
            SCALE_KINDS.index(self.scale_kind),
            self.rows,
            self.columns,
            self.model_bytes,
            self.payload_bytes,
            self.blocks if self.mode == "rate" else self.stride_bits,
            self.note_bytes,
            zlib.crc32(behind),
        )
        return fields + zlib.crc32(fields).to_bytes(4, "little")


def parse_header(data: NDArray[np.uint8]) -> Header:
    """Reads and checks the header of a packed table.

    Args:
        data: uint8 array. The whole table.

    Raises:
        CorruptTableError: Magic, version, a field, a checksum or the size is wrong.
    """
    if len(data) < HEADER_BYTES + GUARD_BYTES:
        raise CorruptTableError(
            f"packed table: got {len(data)} bytes, a table has {HEADER_BYTES + GUARD_BYTES} or more"
        )
    head = data[:HEADER_BYTES].tobytes()
    magic, version, mode, dtype, scales, *numbers, behind_crc = _HEADER.unpack_from(head)
    if magic != b"tfct":
        raise CorruptTableError(f"packed table: starts with {magic!r}, expected b'tfct'")
    if version != VERSION:
        raise CorruptTableError(f"packed table: version {version}, this reader knows {VERSION}")
    if zlib.crc32(head[: _HEADER.size]) != int.from_bytes(head[_HEADER.size :], "little"):
        raise CorruptTableError("packed table: the header does not match its checksum")
    for name, value, known in (
        ("mode", mode, MODES),
        ("dtype", dtype, DTYPES),
        ("scales", scales, SCALE_KINDS),
    ):
        if value >= len(known):
            raise CorruptTableError(f"packed table: {name} {value} is not known")
    rows, columns, model_bytes, payload_bytes, stride, note_bytes = numbers
    rate = MODES[mode] == "rate"
    header = Header(
        MODES[mode],
        DTYPES[dtype],
        SCALE_KINDS[scales],
        rows,
        columns,
        model_bytes,
        payload_bytes,
        0 if rate else stride,
        note_bytes,
        stride if rate else rows,
    )
    if header.columns > MAX_COLUMNS or max(header.rows, header.payload_bytes) > MAX_BYTES:
        raise CorruptTableError(f"packed table: {header.rows} x {header.columns} is out of range")
    if header.total_bytes != len(data):
        raise CorruptTableError(
            f"packed table: got {len(data)} bytes, the header speaks of {header.total_bytes}"
        )
    if zlib.crc32(data[header.sections()["model"].start :].data) != behind_crc:
        raise CorruptTableError(
            "packed table: what follows the payload does not match its checksum"
        )
    return header


def row_bytes(dtype: Dtype, columns: int) -> int:
    """Bytes of one row of `columns` values."""
    if dtype == "int4":
        return (columns + 1) // 2
    return columns * {"int8": 1, "uint8": 1, "float32": 4, "float16": 2}[dtype]


def rest_bytes(dtype: Dtype, columns: int) -> int:
    """Bytes of one row that are not coded: mantissa and sign of floats."""
    return columns * {"float32": 3, "float16": 1}.get(dtype, 0)
