"""Sorted tokens in blocks of which any one decodes alone.

A section is its parameters, then the directory (where each block starts, in bits), then the blocks:

    integers: 64 bits smallest token | 7 bits v | 6 bits k | 6 bits w | directory | blocks
    strings:  code of shared lengths | code of text        | 6 bits w | directory | blocks

The directory has w bits for each block and, like the blocks, starts on a whole byte. A block of
integers is its first token less the smallest of all in v bits, then the gaps: token - previous - 1
in the exponential Golomb code of order k. A block of strings (UTF-8) is front coded: how many bytes
a token shares with the one before it in its block (not written for the first), then the other bytes
and an end, in two canonical prefix codes. Byte b is symbol b + 1 of the second, the end symbol 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from tfcompress.stored_vocabulary.bits import (
    BitReader,
    corrupt,
    exp_golomb,
    fixed,
    pack_bits,
    unpack_bits,
)
from tfcompress.stored_vocabulary.prefix_code import MAX_CODE_BITS, PrefixCode

_MAX_SHARED = 255
_SMALLEST_BITS, _HEAD_BITS, _ORDER_BITS, _OFFSET_BITS = 64, 7, 6, 6

TokenT = TypeVar("TokenT", int, bytes)


class Blocks(ABC, Generic[TokenT]):
    """Sorted distinct tokens.

    Args:
        content: bytes. The section, as `write` made it.
        count: int. Tokens.
        block_size: int. Tokens in a block; the last one may have fewer.

    Raises:
        CorruptTableError: the section is not what its parameters say. So does every method.
    """

    _PARAMETER_BYTES: ClassVar[int]
    """The most that the parameters can take."""

    def __init__(self, content: bytes, count: int, block_size: int) -> None:
        self._count = count
        self._block_size = block_size
        reader = BitReader(unpack_bits(content[: self._PARAMETER_BYTES]))
        self._read_parameters(reader)
        self._width = reader.take(_OFFSET_BITS)
        start = -(-reader.at // 8)
        directory_bytes = -(-self._num_blocks * self._width // 8)
        self._directory = content[start : start + directory_bytes]
        self._blocks = content[start + directory_bytes :]
        if len(self._directory) < directory_bytes:
            raise corrupt("it is cut off")

    @abstractmethod
    def _read_parameters(self, reader: BitReader) -> None: ...

    @abstractmethod
    def _decode(self, reader: BitReader) -> Iterator[TokenT]:
        """The tokens of a block, one after another and on without an end."""

    @property
    def _num_blocks(self) -> int:
        return -(-self._count // self._block_size)

    def find(self, token: TokenT) -> int | None:
        """The position of a token; None where there is no such token."""
        number = bisect_right(range(self._num_blocks), token, key=self._head) - 1
        if number < 0:
            return None
        for place, found in enumerate(self._block(number)):
            if found >= token:
                return number * self._block_size + place if found == token else None
        return None

    def token(self, position: int) -> TokenT:
        """The token at a position from 0 on."""
        number, place = divmod(position, self._block_size)
        return next(islice(self._block(number), place, None))

    def __iter__(self) -> Iterator[TokenT]:
        previous = None
        for number in range(self._num_blocks):
            for token in self._block(number):
                if previous is not None and token <= previous:
                    raise corrupt("its tokens do not ascend")
                yield token
                previous = token

    def _head(self, number: int) -> TokenT:
        return next(self._block(number))

    def _block(self, number: int) -> Iterator[TokenT]:
        start = self._offset(number)
        last = number + 1 == self._num_blocks
        end = 8 * len(self._blocks) if last else self._offset(number + 1)
        bits = unpack_bits(self._blocks[start // 8 : -(-end // 8)])
        reader = BitReader(bits[start % 8 : start % 8 + end - start])
        size = self._count - number * self._block_size
        return islice(self._decode(reader), min(size, self._block_size))

    def _offset(self, number: int) -> int:
        start, end = number * self._width, (number + 1) * self._width
        part = int.from_bytes(self._directory[start // 8 : -(-end // 8)], "big")
        return part >> (-end % 8) & ((1 << self._width) - 1)


class IntegerBlocks(Blocks[int]):
    """Sorted distinct int64 tokens."""

    _PARAMETER_BYTES = -(-(_SMALLEST_BITS + _HEAD_BITS + _ORDER_BITS + _OFFSET_BITS) // 8)

    @staticmethod
    def write(tokens: Sequence[int], block_size: int) -> bytes:
        """The section of sorted distinct tokens."""
        smallest = tokens[0] if tokens else 0
        heads = range(0, len(tokens), block_size)
        width = max((tokens[start] - smallest for start in heads), default=0).bit_length()
        gaps = np.diff(np.array(tokens, np.int64).view(np.uint64)) - np.uint64(1)
        order = _best_order(gaps)
        values = gaps.tolist()
        blocks = [
            fixed(tokens[start] - smallest, width)
            + "".join(exp_golomb(gap, order) for gap in values[start : start + block_size - 1])
            for start in heads
        ]
        parameters = (
            fixed(smallest % (1 << _SMALLEST_BITS), _SMALLEST_BITS)
            + fixed(width, _HEAD_BITS)
            + fixed(order, _ORDER_BITS)
        )
        return _section(parameters, blocks)

    def _read_parameters(self, reader: BitReader) -> None:
        smallest = reader.take(_SMALLEST_BITS)
        self._smallest = smallest - (smallest >> (_SMALLEST_BITS - 1) << _SMALLEST_BITS)
        self._head_width = reader.take(_HEAD_BITS)
        self._order = reader.take(_ORDER_BITS)

    def _decode(self, reader: BitReader) -> Iterator[int]:
        token = self._smallest + reader.take(self._head_width)
        while True:
            if token >= 1 << 63:
                raise corrupt("it holds an integer beyond 64 bits")
            yield token
            token += reader.exp_golomb(self._order) + 1


class TextBlocks(Blocks[bytes]):
    """Sorted distinct tokens of UTF-8."""

    _PARAMETER_BYTES = -(-(2 * MAX_CODE_BITS + _OFFSET_BITS) // 8)

    @staticmethod
    def write(tokens: Sequence[bytes], block_size: int) -> bytes:
        """The section of sorted distinct tokens."""
        shared = [
            shared_bytes(tokens[k - 1], tokens[k]) if k % block_size else 0
            for k in range(len(tokens))
        ]
        rests = [token[length:] for token, length in zip(tokens, shared, strict=True)]
        inner = [length for k, length in enumerate(shared) if k % block_size]
        text_counts = np.bincount(np.frombuffer(b"".join(rests), np.uint8) + np.int64(1))
        text_counts = np.concatenate([[len(tokens)], text_counts[1:]])
        codes = [PrefixCode.from_counts(np.bincount(inner)), PrefixCode.from_counts(text_counts)]
        lengths, text = (code.words for code in codes)
        blocks = []
        for start in range(0, len(tokens), block_size):
            parts = []
            for k in range(start, min(start + block_size, len(tokens))):
                if k > start:
                    parts.append(lengths[shared[k]])
                parts += [text[byte + 1] for byte in rests[k]]
                parts.append(text[0])
            blocks.append("".join(parts))
        return _section("".join(code.to_bits() for code in codes), blocks)

    def _read_parameters(self, reader: BitReader) -> None:
        self._lengths, self._text = PrefixCode.read(reader), PrefixCode.read(reader)

    def _decode(self, reader: BitReader) -> Iterator[bytes]:
        token = b""
        length = 0
        while True:
            if length > len(token):
                raise corrupt(f"a token shares {length} bytes with one of {len(token)}")
            rest = bytearray()
            while symbol := reader.symbol(self._text.symbols):
                if symbol > 256:
                    raise corrupt(f"{symbol - 1} is no byte")
                rest.append(symbol - 1)
            token = token[:length] + bytes(rest)
            yield token
            length = reader.symbol(self._lengths.symbols)


def shared_bytes(before: bytes, token: bytes) -> int:
    """How many bytes two tokens begin with in common, as far as they are counted."""
    limit = min(len(before), len(token), _MAX_SHARED)
    return next((k for k in range(limit) if before[k] != token[k]), limit)


def _section(parameters: str, blocks: list[str]) -> bytes:
    offsets = np.cumsum([0, *map(len, blocks)]).tolist()
    width = (offsets[-2] if blocks else 0).bit_length()
    directory = "".join(fixed(offset, width) for offset in offsets[:-1])
    return b"".join(
        pack_bits(bits)
        for bits in (parameters + fixed(width, _OFFSET_BITS), directory, "".join(blocks))
    )


def _best_order(gaps: Any) -> int:
    """The order of the exponential Golomb code that makes the gaps shortest."""

    def bits(order: int) -> int:
        high = (gaps >> np.uint64(order)) + np.uint64(1)
        return 2 * int(_bit_lengths(high).sum()) + order * len(gaps)

    return min(range(_SMALLEST_BITS), key=bits) if len(gaps) else 0


def _bit_lengths(values: Any) -> Any:
    """Bits of each uint64, exactly: floats round large ones up."""
    lengths = np.zeros(values.shape, np.int64)
    for shift in (32, 16, 8, 4, 2, 1):
        large = values >= np.uint64(1) << np.uint64(shift)
        lengths[large] += shift
        values = np.where(large, values >> np.uint64(shift), values)
    return lengths + (values > 0)
