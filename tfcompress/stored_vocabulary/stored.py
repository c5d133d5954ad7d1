"""The stored vocabulary: tokens and ids in few bytes, asked for one at a time. See FORMAT.md."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfcompress.errors import CorruptTableError, DataError
from tfcompress.stored_vocabulary.bits import BitReader, corrupt, exp_golomb, pack_bits, unpack_bits
from tfcompress.stored_vocabulary.blocks import Blocks, IntegerBlocks, TextBlocks
from tfcompress.stored_vocabulary.order import Order, ascending_runs, order_bytes

if TYPE_CHECKING:
    from tfcompress.vocabulary import Vocabulary

MAGIC = b"tfcv"
VERSION = 1
INTEGERS, STRINGS = 0, 1
_BLOCK_BITS = {INTEGERS: 7, STRINGS: 5}
"""Blocks of 128 integers or 32 strings: twice as many save 3 % and take twice as long to scan."""

_HEADER = struct.Struct("<4sBBBBII")
_CHECKED = 12
"""The CRC-32 covers the bytes before it and those behind it."""
_LARGEST = (1 << 28) - 1
"""Bytes of a stored vocabulary: readers count its bits in signed 32-bit integers."""

_PADDING_ID, _OOV_ID, _FIRST_ID = 0, 1, 2


def store(vocabulary: Vocabulary) -> bytes:
    """The bytes of a vocabulary; the same tokens in the same order give the same bytes.

    Args:
        vocabulary: Vocabulary. Its counts are not stored.

    Raises:
        DataError: it takes more than 256 MiB.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    tokens = vocabulary.tokens
    # The id, from 0, of each token in the order of the tokens (strings by their UTF-8 bytes).
    ids = pc.sort_indices(tokens).to_numpy().astype(np.int64)
    ordered = tokens.take(pa.array(ids))
    starts = ascending_runs(ids)
    if pa.types.is_int64(tokens.type):
        kind = INTEGERS
        section = IntegerBlocks.write(ordered.to_pylist(), 1 << _BLOCK_BITS[kind])
    else:
        kind = STRINGS
        section = TextBlocks.write(ordered.cast(pa.binary()).to_pylist(), 1 << _BLOCK_BITS[kind])
    runs = pack_bits("".join(exp_golomb(size - 1) for size in np.diff(starts).tolist()))
    body = runs + order_bytes(ids, starts) + section
    if _HEADER.size + len(body) > _LARGEST:
        raise DataError(
            f"vocabulary: its {len(tokens):,} tokens take {len(body):,} bytes, more than 256 MiB; "
            "keep fewer (max_items) or shorter ones"
        )
    header = _HEADER.pack(MAGIC, VERSION, kind, _BLOCK_BITS[kind], 0, len(tokens), 0)[:_CHECKED]
    return header + struct.pack("<I", zlib.crc32(body, zlib.crc32(header))) + body


class StoredVocabulary:
    """A vocabulary as a .tflite holds it: nothing is expanded but the token that is asked for.

    Opening counts the bits of its permutation, a lookup decodes the first tokens of log2(n / 32)
    blocks and a part of one.

    Attributes:
        kind: str. "integers" (int64) or "strings".
        size: int. The number of ids, padding and out-of-vocabulary included: a layer's `input_dim`.
        num_bytes: int. What it takes.
    """

    def __init__(self, content: bytes) -> None:
        """Opens the bytes that `store` made.

        Raises:
            CorruptTableError: they are damaged, or of a version this one cannot read.
        """
        if len(content) < _HEADER.size or content[:4] != MAGIC:
            raise corrupt(f"it begins with {content[:4]!r}, expected {MAGIC!r}")
        _, version, kind, block_bits, reserved, count, checksum = _HEADER.unpack_from(content)
        if version != VERSION:
            raise CorruptTableError(
                f"stored vocabulary: version {version}, this one reads {VERSION}; update tfcompress"
            )
        body = content[_HEADER.size :]
        if zlib.crc32(body, zlib.crc32(content[:_CHECKED])) != checksum:
            raise corrupt("its checksum is wrong: it is damaged")
        if kind not in (INTEGERS, STRINGS) or block_bits > 16 or reserved or count > 8 * len(body):
            raise corrupt(
                f"{count} tokens of kind {kind} in blocks of 2^{block_bits} ({reserved}) in "
                f"{len(body)} bytes are none"
            )
        self.kind = "integers" if kind == INTEGERS else "strings"
        self.size = int(count) + _FIRST_ID
        self.num_bytes = len(content)
        starts, end = _read_runs(body, count)
        self._order = Order(starts, body[end:])
        section = body[end + self._order.num_bytes :]
        self._integers: Blocks[int] | None = None
        self._texts: Blocks[bytes] | None = None
        if kind == INTEGERS:
            self._integers = IntegerBlocks(section, count, 1 << block_bits)
        else:
            self._texts = TextBlocks(section, count, 1 << block_bits)

    def __len__(self) -> int:
        return self.size

    def id_of(self, token: str | int) -> int:
        """The id of a token, 1 if it is unknown.

        Integers and their decimal spelling name the same token ("7" is 7, but "07" is not).

        Raises:
            DataError: `token` is neither a string nor an integer.
        """
        if isinstance(token, bool) or not isinstance(token, str | int | np.integer):
            raise DataError(f"token: got {token!r}, expected a string or an integer")
        if self._texts is not None:
            position = self._texts.find(str(token).encode(errors="surrogatepass"))
        else:
            assert self._integers is not None
            try:
                number = int(token)
            except ValueError:
                return _OOV_ID
            position = self._integers.find(number) if str(number) == str(token) else None
        return _OOV_ID if position is None else self._order.id_at(position) + _FIRST_ID

    def token_of(self, id_: int) -> str | int | None:
        """The token of an id, None for padding (0) and out-of-vocabulary (1).

        Raises:
            DataError: the id is no integer, negative or not below `size`.
        """
        if isinstance(id_, bool) or not isinstance(id_, int | np.integer):
            raise DataError(f"id: got {id_!r}, expected an integer")
        if not 0 <= id_ < self.size:
            raise DataError(f"id: {id_} is not in 0..{self.size - 1}")
        if id_ < _FIRST_ID:
            return None
        position = self._order.position_of(int(id_) - _FIRST_ID)
        if self._texts is not None:
            return _text(self._texts.token(position))
        assert self._integers is not None
        return self._integers.token(position)

    def encode(self, tokens: Iterable[str | int]) -> list[int]:
        """The ids of tokens, as `id_of`."""
        return [self.id_of(token) for token in tokens]

    def decode(self, ids: Iterable[int]) -> list[str | int | None]:
        """The tokens of ids, as `token_of`."""
        return [self.token_of(id_) for id_ in ids]

    def tokens(self) -> list[str] | list[int]:
        """All tokens, the one with id 2 first."""
        places = self._order.positions()
        if self._integers is not None:
            integers = list(self._integers)
            return [integers[place] for place in places]
        assert self._texts is not None
        texts = [_text(token) for token in self._texts]
        return [texts[place] for place in places]

    def to_vocabulary(self) -> Vocabulary:
        """The `Vocabulary` it was made from, without the counts (all zero)."""
        import pyarrow as pa

        from tfcompress.vocabulary import Vocabulary

        kind = pa.int64() if self.kind == "integers" else pa.string()
        return Vocabulary(pa.array(self.tokens(), kind), np.zeros(self.size - _FIRST_ID, np.int64))


def _read_runs(body: bytes, count: int) -> tuple[Sequence[int], int]:
    """Where the runs start (and the number of tokens), and how many bytes say so."""
    starts = [0]
    # A run takes at most two bits per token; 8 more bytes so that the last one ends inside.
    reader = BitReader(unpack_bits(body[: count // 4 + 9]))
    while starts[-1] < count:
        starts.append(starts[-1] + reader.exp_golomb() + 1)
    if starts[-1] != count:
        raise corrupt(f"its runs hold {starts[-1]} tokens of {count}")
    return starts, -(-reader.at // 8)


def _text(token: bytes) -> str:
    try:
        return token.decode()
    except UnicodeDecodeError:
        raise corrupt(f"{token!r} is not UTF-8") from None
