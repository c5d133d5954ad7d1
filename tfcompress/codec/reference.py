"""The decoder once more, in plain NumPy and Python integers: slow, short, a second reader.

It shares the header with `PackedTable` and nothing with the C core; a test holds the two equal. It
reads sound tables only: `PackedTable.from_bytes` is the place for checks.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfcompress.codec import layout, symbols
from tfcompress.codec.frequencies import BYTES_BITS, shares
from tfcompress.codec.layout import Header, parse_header
from tfcompress.codec.predictor import BIAS_BITS
from tfcompress.codec.rate_reference import RateModel
from tfcompress.codec.stored_code import read_code
from tfcompress.errors import CorruptTableError
from tfcompress.prefix_codes import canonical_codes

U8 = NDArray[np.uint8]
Words = dict[tuple[int, int], int]


def decode_rows(blob: bytes, ids: ArrayLike) -> NDArray[Any]:
    """Decodes rows of a packed table: what `PackedTable.from_bytes(blob).rows(ids)` gives.

    Args:
        blob: bytes. A sound packed table.
        ids: integer array, shape `(k,)`.
    """
    data = np.frombuffer(blob, np.uint8)
    header = parse_header(data)
    sections = {name: blob[part] for name, part in header.sections().items()}
    wanted = [int(row) for row in np.asarray(ids).reshape(-1)]
    if header.mode == "raw":
        stride = header.row_bytes
        rows = [sections["payload"][row * stride : (row + 1) * stride] for row in wanted]
        stored = np.frombuffer(b"".join(rows), np.uint8).reshape(len(wanted), stride)
        return symbols.from_little_endian(stored.copy(), header.dtype)
    if header.mode == "rate":
        return _decode_blocks(header, sections, wanted)
    decode = _prefix_decoder(header, sections) if header.mode in ("fixed", "indexed") else None
    model = None if decode else _Model(header, sections["model"])
    coded = np.zeros((len(wanted), header.columns), np.uint8)
    rest = np.zeros((len(wanted), header.rest_bytes), np.uint8)
    for k, row in enumerate(wanted):
        bits = _row_bits(header, sections, row)
        own = bits[: 8 * header.rest_bytes]
        rest[k] = np.frombuffer(_to_int(own).to_bytes(header.rest_bytes, "little"), np.uint8)
        tail = bits[8 * header.rest_bytes :]
        coded[k] = decode(tail) if decode else model.row(_to_int(tail), len(tail) // 8)  # type: ignore[union-attr]
    return symbols.join(coded, rest, header.dtype)


def _decode_blocks(header: Header, sections: dict[str, bytes], wanted: list[int]) -> NDArray[Any]:
    """Rows of mode `rate`, each from the start of its block."""
    reader = _Reader(sections["model"])
    model = RateModel(header, reader.take, reader.packed)
    coded = np.zeros((len(wanted), header.columns), np.uint8)
    for k, row in enumerate(wanted):
        bits = _row_bits(header, sections, model.block(row))
        coded[k] = model.row(row, _to_int(bits).to_bytes(len(bits) // 8, "little"))
    return symbols.join(coded, np.zeros((len(wanted), 0), np.uint8), header.dtype)


def _to_int(bits: str) -> int:
    """A string of bits, least significant first, as a number."""
    return int(bits[::-1] or "0", 2)


def _to_bits(data: bytes) -> str:
    """Bytes as a string of bits, least significant first."""
    return "".join(f"{byte:08b}"[::-1] for byte in data)


def _row_bits(header: Header, sections: dict[str, bytes], row: int) -> str:
    """All bits of one row (of a block of rows in mode `rate`)."""
    payload = sections["payload"]
    if header.mode == "fixed":
        start, stop = row * header.stride_bits, (row + 1) * header.stride_bits
        return _to_bits(payload[start // 8 : -(-stop // 8)])[start % 8 :][: stop - start]
    group, place = divmod(row, layout.GROUP_ROWS)
    entry = int.from_bytes(sections["index"][8 * group : 8 * group + 8], "little")
    offset, width, shortest = entry & (1 << 40) - 1, entry >> 40 & 31, entry >> 45
    count = min(layout.GROUP_ROWS, header.blocks - group * layout.GROUP_ROWS)
    size = -(-count * width // 8)
    fields = _to_bits(payload[offset : offset + size])
    lengths = [shortest + _to_int(fields[k * width : (k + 1) * width]) for k in range(place + 1)]
    start = offset + size + sum(lengths[:-1])
    return _to_bits(payload[start : start + lengths[-1]])


def _code_words(data: bytes) -> tuple[Words, int, int]:
    """Words of a stored code by (length, word), its lone symbol or -1, and its bytes."""
    lengths, lone, used = read_code(data)
    codes = canonical_codes(lengths)
    words = {(int(lengths[k]), int(codes[k])): int(k) ^ 128 for k in np.flatnonzero(lengths)}
    return words, -1 if lone < 0 else lone ^ 128, used


def _read_words(bits: str, words: Words, lone: int, count: int) -> list[int]:
    """The first `count` symbols of a string of bits."""
    if lone >= 0 or not words:
        return [max(lone, 0)] * count
    result: list[int] = []
    word, length = 0, 0
    for bit in bits:
        if len(result) == count:
            break
        word, length = 2 * word + int(bit), length + 1
        if (length, word) in words:
            result.append(words[length, word])
            word, length = 0, 0
    return result


def _prefix_decoder(header: Header, sections: dict[str, bytes]) -> Any:
    words, lone, _ = _code_words(sections["model"])
    half = header.columns // 2

    def decode(bits: str) -> list[int]:
        first = _read_words(bits, words, lone, half)
        return first + _read_words(bits[::-1], words, lone, header.columns - half)

    return decode


@dataclass
class _Shares:
    """Slots of one context: the symbols that occur, in slot order, and where each starts."""

    symbols: NDArray[np.int64]
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, levels: U8, first: int, bits: int) -> "_Shares":
        """From levels of symbols first.. (counted from -128)."""
        by_symbol = np.zeros(256, np.int64)
        by_symbol[(first + np.arange(len(levels))) ^ 128] = shares(levels, bits)
        present = np.flatnonzero(by_symbol)
        sizes = by_symbol[present]
        return cls(present, np.cumsum(sizes) - sizes, sizes)

    def take(self, state: int, bits: int) -> tuple[int, int]:
        """The symbol that a state gives, and the state that is left."""
        slot = state & (1 << bits) - 1
        k = int(np.searchsorted(self.starts, slot, side="right")) - 1
        left = (state >> bits) * int(self.sizes[k]) + slot - int(self.starts[k])
        return int(self.symbols[k]), left


class _State:
    """A row's number: the head, and 32 bits at a time behind it."""

    def __init__(self, number: int, size: int) -> None:
        head = size if size <= 8 else 5 + (size - 5) % 4
        self.value = number & (1 << 8 * head) - 1
        self._rest = number >> 8 * head
        self._words = (size - head) // 4

    def refill(self) -> None:
        """Takes 32 bits in where the state is below 2^32 and some are left."""
        if self.value < 1 << 32 and self._words:
            self.value = self.value << 32 | self._rest & 0xFFFFFFFF
            self._rest >>= 32
            self._words -= 1


class _Reader:
    """A position in the model."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at]

    def packed(self, count: int) -> U8:
        """What `frequencies.pack_bytes` stored."""
        if self.take(1) == b"\0":
            return np.frombuffer(self.take(count), np.uint8)
        first, last = self.take(2)
        own = _Shares.of(np.frombuffer(self.take(last - first + 1), np.uint8), first, BYTES_BITS)
        size = int.from_bytes(self.take(4), "little")
        state = _State(int.from_bytes(self.take(size), "little"), size)
        result = np.zeros(count, np.uint8)
        for k in range(count):
            result[k], state.value = own.take(state.value, BYTES_BITS)
            state.refill()
        return result


class _Model:
    """Probabilities, tail and predictor of `context` and `predictive`."""

    def __init__(self, header: Header, data: bytes) -> None:
        reader = _Reader(data)
        self.columns = header.columns
        self.bits, row_classes, contexts, self.tail = reader.take(4)
        pivots = int.from_bytes(reader.take(2), "little")
        self.words, self.lone, used = _code_words(data[reader.at :])
        reader.take(used)
        self.column_class = reader.packed(self.columns)
        # A class is its own symbol: 128 above where a value of that number is counted.
        self.classes = _Shares.of(reader.packed(row_classes), 128, self.bits)
        ranges = reader.packed(2 * contexts).astype(int)
        counts = [max(0, b - a + 1) for a, b in ranges.reshape(-1, 2)]
        differences = reader.packed(sum(counts))
        self.contexts = []
        at = 0
        for (first, _), count in zip(ranges.reshape(-1, 2), counts, strict=True):
            levels = np.cumsum(differences[at : at + count], dtype=np.uint8)
            at += count
            own = _Shares.of(levels, int(first), self.bits) if count else None
            self.contexts.append(own)
        self.predicted = header.mode == "predictive"
        if self.predicted:
            self._read_predictor(header, reader, pivots)
        if reader.at != len(data):
            raise CorruptTableError("packed table: the model is longer than its parts")

    def _read_predictor(self, header: Header, reader: _Reader, pivots: int) -> None:
        columns = self.columns
        self.limit = 8 if header.dtype == "int4" else 128
        order: list[int] = []
        if pivots < columns:
            order = np.frombuffer(reader.take(2 * pivots), "<u2").tolist()
        self.order = order + [j for j in range(columns) if j not in set(order)]
        self.shift = reader.packed(columns).astype(int)
        low, high = reader.packed(columns), reader.packed(columns)
        self.bias = (low.astype(np.uint16) | high.astype(np.uint16) << 8).view(np.int16).astype(int)
        sizes = [min(j, pivots) for j in range(columns)]
        flat = reader.packed(sum(sizes)).view(np.int8).astype(int)
        self.weights = np.split(flat, np.cumsum(sizes)[:-1])

    def row(self, number: int, size: int) -> list[int]:
        """Symbols of a row whose bytes are `number`, least significant first."""
        state = _State(number, size)
        row_class, state.value = self.classes.take(state.value, self.bits)
        state.refill()
        result = []
        for j in range(self.columns - self.tail):
            context = self.contexts[row_class + int(self.column_class[j])]
            if context is None:
                raise CorruptTableError("packed table: a row in a context that none uses")
            symbol, state.value = context.take(state.value, self.bits)
            result.append(symbol)
            if j % 2 or j == self.columns - self.tail - 1:
                state.refill()
        bits = bin(state.value)[:1:-1] + "0" * 64
        result += _read_words(bits, self.words, self.lone, self.tail)
        return self._undo(result) if self.predicted else result

    def _undo(self, residuals: list[int]) -> list[int]:
        """Adds the predictions, in stream order, and puts the columns where they belong."""
        values = np.zeros(self.columns, int)
        result = [0] * self.columns
        for j, residual in enumerate(residuals):
            shift, own = int(self.shift[j]), self.weights[j]
            total = (int(self.bias[j]) << shift >> BIAS_BITS) + (1 << shift >> 1)
            total += int(own @ values[: len(own)])
            value = (residual + min(max(total >> shift, -self.limit), self.limit - 1)) & 255
            values[j] = value - 256 * (value > 127)
            result[self.order[j]] = value
        return result
