"""A prefix code as a packed table stores it: the range of its symbols, then a nibble per length.

    first | last | lengths of symbols first..last, 4 bits each, the even ones in the low nibbles

Symbols are counted from 0 for -128 to 255 for 127. `first` and `last` have a code word. One symbol
alone has length 0; no symbol at all is stored as the two bytes 1, 0.
"""

import numpy as np
from numpy.typing import NDArray

from tfcompress.codec.layout import MAX_CODE_BITS
from tfcompress.errors import ConfigError, CorruptTableError
from tfcompress.prefix_codes import fill_code, kraft_sum, length_limited_lengths


def code_for(counts: NDArray[np.int64], max_length: int = MAX_CODE_BITS) -> NDArray[np.uint8]:
    """Lengths, shape `(256,)` by symbol + 128, of the shortest code for `counts` in that order.

    Raises:
        ConfigError: Words of `max_length` bits are too few for the symbols that occur.
    """
    check_code_bits(counts, max_length)
    lengths = np.zeros(256, np.uint8)
    present = np.flatnonzero(counts)
    if len(present) > 1:
        lengths[present] = length_limited_lengths(counts[present], max_length)
    return lengths


def check_code_bits(counts: NDArray[np.int64], max_length: int) -> None:
    """Refuses words too short for the symbols that occur.

    Raises:
        ConfigError: `max_length` bits cannot tell the symbols apart.
    """
    symbols = np.count_nonzero(counts)
    if 2**max_length < symbols:
        raise ConfigError(
            f"max_code_bits, max_table_bytes: words of {max_length} bits cannot tell {symbols} "
            "values apart; allow more or use mode 'raw'"
        )


def complete(lengths: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same code without slack: no word longer, Kraft's sum 1."""
    if np.count_nonzero(lengths) < 2:
        return lengths
    return fill_code(lengths).astype(np.uint8)


def write_code(lengths: NDArray[np.uint8], present: NDArray[np.bool_]) -> bytes:
    """Stores a code.

    Args:
        lengths: uint8 array, shape `(256,)` by symbol + 128.
        present: bool array, shape `(256,)`. Which symbols occur: tells a lone symbol from none.
    """
    symbols = np.flatnonzero(lengths if np.count_nonzero(lengths) > 1 else present)
    if not len(symbols):
        return bytes([1, 0])
    first, last = int(symbols[0]), int(symbols[-1])
    nibbles = np.zeros((last - first + 2) // 2 * 2, np.uint8)
    nibbles[: last - first + 1] = lengths[first : last + 1]
    return bytes([first, last]) + (nibbles[::2] | nibbles[1::2] << 4).tobytes()


def read_code(data: bytes) -> tuple[NDArray[np.uint8], int, int]:
    """Reads a stored code.

    Returns:
        Lengths (shape `(256,)` by symbol + 128), the lone symbol + 128 or -1, and the bytes read.

    Raises:
        CorruptTableError: The bytes end early or are no complete prefix code.
    """
    lengths = np.zeros(256, np.uint8)
    if len(data) < 2:
        raise CorruptTableError("packed table: the stored code ends early")
    first, last = data[0], data[1]
    if first > last:
        if (first, last) != (1, 0):
            raise CorruptTableError(f"packed table: a code of symbols {first}..{last}")
        return lengths, -1, 2
    count = last - first + 1
    used = 2 + (count + 1) // 2
    packed = np.frombuffer(data[2:used], np.uint8)
    if len(packed) < used - 2:
        raise CorruptTableError("packed table: the stored code ends early")
    nibbles = np.stack([packed & 15, packed >> 4], axis=1).reshape(-1)
    lengths[first : last + 1] = nibbles[:count]
    lone = count == 1
    sound = nibbles[count:].sum() == 0 and lengths.max() <= MAX_CODE_BITS
    if lone:
        sound = sound and lengths[first] == 0
    else:
        sound = sound and lengths[first] > 0 and lengths[last] > 0 and kraft_sum(lengths) == 1
    if not sound:
        raise CorruptTableError("packed table: the stored lengths are no complete prefix code")
    return lengths, first if lone else -1, used
