"""The prefix code for several values a word that makes the longest row of a table short.

In mode `fixed` every row takes the room of the longest. For single values, 256 at most, the codec
searches for the best code (`codec.worst_row`); symbols of several values are thousands, too many
for that. Here rows and codes play a game: each code is the best one for rows by weight, and a row's
weight grows exponentially with what it took under the codes before. The best of the codes met comes
within some 2 % of what no code gets below.

Only the rows that are longest play, those joining in that the code found makes longest.

Source: Y. Freund, R. E. Schapire, "Adaptive game playing using multiplicative weights", Games and
Economic Behavior 29 (1999).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.codec.worst_row.relaxation import worst_rows
from tfcompress.prefix_codes import length_limited_lengths
from tfcompress.tflite.builtin.row_bits import U8, RowCode, RowCoder

_PLAYING_ROWS, _PLAYING_VALUES = 2000, 1 << 19
_CODES, _PATIENCE = 60, 8
"""Codes that are tried at most, and those in a row that are no better."""
_MAX_ROUNDS = 4
_OTHER_ROWS = 0.01
"""The share of rows that do not play, so that words which only they need stay short enough."""
_CHUNK_VALUES = 1 << 18


def for_longest_row(coder: RowCoder, values: U8) -> tuple[RowCoder, int]:
    """A coder of the same symbols under which the longest row is as short as is found.

    Args:
        coder: RowCoder. With the code that is best for the mean row; no word gets longer than its
            longest.
        values: uint8 array (n, D). All rows, one or more.

    Returns:
        The coder, and the bits of its longest row.
    """
    numbers = _all_numbers(coder, values)
    row_bits = _row_bits(numbers, coder.code.lengths)
    best, least = coder, int(row_bits.max())
    excess = least - float(row_bits.mean(dtype=np.float64))
    if len(coder.code.lengths) < 3 or excess <= 0:
        return coder, least
    playing = max(1, min(_PLAYING_ROWS, _PLAYING_VALUES // values.shape[1]))
    rows = np.empty(0, np.int64)
    for _ in range(_MAX_ROUNDS):
        rows = np.union1d(rows, worst_rows(row_bits, playing))
        lengths = _play(numbers[rows], coder.code, 1 / excess)
        row_bits = _row_bits(numbers, lengths)
        longest = int(row_bits.max())
        if longest < least:
            best, least = RowCoder(RowCode(coder.code.symbols, lengths)), longest
        if longest <= row_bits[rows].max():
            break
    return best, least


def _all_numbers(coder: RowCoder, values: U8) -> NDArray[np.uint16]:
    """The symbols of all rows, `(n, steps)`; a code has 2^13 at most."""
    step = max(1, _CHUNK_VALUES // values.shape[1])
    chunks = (values[start : start + step] for start in range(0, len(values), step))
    return np.concatenate([coder.numbers(chunk).astype(np.uint16) for chunk in chunks])


def _row_bits(numbers: NDArray[np.uint16], lengths: NDArray[np.int64]) -> NDArray[np.floating[Any]]:
    """Bits of rows; exact in float32, as rows have less than 2^24, and small."""
    small = lengths.astype(np.float32)
    step = max(1, _CHUNK_VALUES // max(1, numbers.shape[1]))
    starts = range(0, len(numbers), step)
    return np.concatenate([small[numbers[at : at + step]].sum(axis=1) for at in starts])


def _play(numbers: NDArray[np.uint16], code: RowCode, rate: float) -> NDArray[np.int64]:
    """Lengths of the words under which the longest of some rows is as short as is found.

    Args:
        numbers: uint16 array (rows, steps). The symbols of each row.
        code: RowCode. The start.
        rate: float. How fast weights grow, by bit.
    """
    total = np.zeros(len(numbers))
    others = _OTHER_ROWS * 0.5**code.lengths
    best, least, since = code.lengths, np.inf, 0
    for _ in range(_CODES):
        weights = np.exp(rate * (total - total.max()))
        weights = np.repeat(weights / (weights.sum() * numbers.shape[1]), numbers.shape[1])
        shares = np.bincount(numbers.ravel(), weights, len(code.lengths)) + others
        lengths = length_limited_lengths(shares, code.bits)
        row_bits = _row_bits(numbers, lengths)
        since += 1
        if row_bits.max() < least:
            best, least, since = lengths, row_bits.max(), 0
        if since == _PATIENCE:
            break
        total += row_bits
    return best
