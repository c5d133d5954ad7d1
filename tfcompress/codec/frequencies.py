"""Static probabilities: stored as levels of an eighth of an octave, used as shares of 2^bits slots.

A level k > 0 weighs 2^((k - 1) / 8), level 0 does not occur. A share is the weight's part of the
slots rounded down, at least 1; the heaviest symbol (the first of them) takes what is left or gives
what is missing. Rounding to levels costs 0.0005 bits a value and makes neighbours' levels alike,
so that their differences store in two or three bits each.
"""

import numpy as np
from numpy.typing import NDArray

from tfcompress.errors import CorruptTableError
from tfcompress.native import _native

EIGHTHS = np.array([32768, 35734, 38968, 42495, 46341, 50535, 55109, 60097], np.int64)
MAX_LEVEL = 120
BYTES_BITS = 12


def entropy(counts: NDArray[np.int64]) -> float:
    """Bits a symbol takes at least, by how often each occurs; 0 of none."""
    part = counts[counts > 0] / max(1, counts.sum())
    return float(-(part * np.log2(part)).sum()) + 0.0  # no minus zero


def levels_for(counts: NDArray[np.int64], bits: int) -> NDArray[np.uint8]:
    """Levels for each row of counts: uint8, the shape of `counts` (symbols on the last axis)."""
    totals = np.maximum(counts.sum(axis=-1, keepdims=True), 1)
    with np.errstate(divide="ignore"):
        levels = 8 * np.log2(counts / totals * 2.0**bits) + 1
    return np.where(counts > 0, np.clip(np.rint(levels), 1, MAX_LEVEL), 0).astype(np.uint8)


def shares(levels: NDArray[np.uint8], bits: int) -> NDArray[np.int64]:
    """Frequencies, summing to 2^bits, from levels in the order of storing.

    Args:
        levels: uint8 array, symbols on the last axis; any number of contexts.
        bits: int.

    Returns:
        int64 array, the shape of `levels`.

    Raises:
        CorruptTableError: No symbol occurs, or the heaviest cannot give what is missing.
    """
    exponent = np.maximum(levels.astype(np.int64) - 1, 0)
    weights = np.where(levels > 0, EIGHTHS[exponent % 8] << exponent // 8, 0)
    totals = weights.sum(axis=-1, keepdims=True)
    if levels.max(initial=0) > MAX_LEVEL or not totals.all():
        raise CorruptTableError("packed table: levels that make no probabilities")
    result = np.where(levels > 0, np.maximum((weights << bits) // totals, 1), 0)
    heaviest = np.argmax(weights, axis=-1)[..., None]
    missing = (1 << bits) - result.sum(axis=-1, keepdims=True)
    own = np.take_along_axis(result, heaviest, axis=-1) + missing
    np.put_along_axis(result, heaviest, own, axis=-1)
    if (own < 1).any():
        raise CorruptTableError("packed table: levels that make no probabilities")
    return result


def pack_bytes(values: NDArray[np.uint8]) -> bytes:
    """A run of bytes, plain or coded under probabilities of its own, whichever is shorter.

    0 | the bytes                                                     or
    1 | first | last | levels of first..last | u32 size | coded bytes

    Bytes are counted as signed ones plus 128 here too, since differences are around zero.
    """
    plain = b"\0" + values.tobytes()
    counts = np.bincount(values ^ np.uint8(128), minlength=256)
    present = np.flatnonzero(counts)
    if len(present) == 0 or len(values) < len(present):
        return plain
    first, last = int(present[0]), int(present[-1])
    levels = np.zeros((1, 256), np.uint8)
    levels[0] = levels_for(counts, BYTES_BITS)
    coded = _native.encode_bytes(values, _native.fill_slots(levels, BYTES_BITS)).tobytes()
    result = b"\1" + bytes([first, last]) + levels[0, first : last + 1].tobytes()
    result += len(coded).to_bytes(4, "little") + coded
    return min(plain, result, key=len)
