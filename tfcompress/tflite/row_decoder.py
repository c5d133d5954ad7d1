"""The decoder of packed rows as builtin operators, in two shapes; integer arithmetic throughout.

Both see the gathered rows as 16-bit halfwords h and make, for every bit of every row, the number
that starts there: a word W = h[k] x 2^16 + h[k+1] for each halfword, times 2^0 .. 2^15, which wraps
and so drops the bits before. Its upper bits, shifted down, look up the next symbol.

| shape | for | how |
| --- | --- | --- |
| few ids | up to about ten ids | the next position of every bit at once, then one GATHER a word |
| many ids | more | five operators a word, on the positions that are reached only |

Halfwords are stored with their upper bit flipped, as signed numbers; there is no unsigned GATHER.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from tfcompress.tflite.operator_chain import OperatorChain
from tfcompress.tflite.row_bits import U8

_Type = schema.TensorType
Decoder = Literal["few-ids", "many-ids"]

HALFWORD_BITS = 16
_UNFLIP = -(2**31) + 2**15
"""What turns f[k] x 2^16 + f[k+1] of flipped halfwords f into the word, modulo 2^32."""


@dataclass(frozen=True)
class Windows:
    """Rows gathered for some ids, ready to be decoded.

    Attributes:
        halfwords: int. Flipped halfwords as int32, all rows one behind the other.
        row_bits: int. Bits gathered a row.
        starts: int or None. Where each row starts in its bits, an int32 vector; None for 0.
    """

    halfwords: int
    row_bits: int
    starts: int | None


@dataclass(frozen=True)
class Lookups:
    """The look-ups of a code as constants, by the next bits as `by_signed_number` orders them.

    Attributes:
        lengths: int or None. Tensor uint8 (2^bits,): how long the word is; None where a row is one
            word.
        symbols: int. Tensor (2^bits,) or (2^bits, group): the values it stands for.
        bits: int. Bits that a look-up takes.
        group: int. Values of a word.
        steps: int. Words of a row.
    """

    lengths: int | None
    symbols: int
    bits: int
    group: int
    steps: int


def by_signed_number(values: NDArray[Any]) -> NDArray[Any]:
    """A look-up for numbers read as signed, half its length added; and back."""
    return np.roll(values, len(values) // 2, axis=0)


def flip(payload: U8) -> NDArray[np.int16]:
    """Bytes, an even number of them, as flipped halfwords."""
    return (payload.view(">u2").astype(np.uint16) ^ np.uint16(0x8000)).view(np.int16)


def unflip(halfwords: NDArray[np.int16]) -> U8:
    """The inverse of `flip`."""
    return (halfwords.view(np.uint16) ^ np.uint16(0x8000)).astype(">u2").view(np.uint8)


def decode_few(chain: OperatorChain, ids: int, windows: Windows, lookups: Lookups) -> int:
    """Emits the shape for few ids.

    Args:
        chain: OperatorChain.
        ids: int. Row numbers, a vector.
        windows: Windows.
        lookups: Lookups.

    Returns:
        int. The values, `(ids, steps)` or `(ids, steps, group)`.
    """
    bits, row = lookups.bits, windows.row_bits
    numbers = _numbers(chain, _every_bit(chain, windows.halfwords), bits)
    start = windows.starts
    if start is None:
        start = chain.subtract(ids, ids)
    positions = [chain.reshape(start, [-1, 1])]
    if lookups.lengths is not None:
        length = chain.cast(chain.gather(lookups.lengths, numbers), _Type.INT32)
        here = chain.constant(np.arange(row, dtype=np.int32))
        following = chain.add(chain.reshape(length, [-1, row]), here)
        while len(positions) < lookups.steps:
            positions.append(chain.gather(following, positions[-1], batch_dims=1))
    reached = chain.reshape(chain.stack(positions), [lookups.steps, -1])
    reached = chain.transpose(reached, [1, 0])
    found = chain.gather(chain.reshape(numbers, [-1, row]), reached, batch_dims=1)
    return chain.gather(lookups.symbols, found)


def decode_many(chain: OperatorChain, ids: int, windows: Windows, lookups: Lookups) -> int:
    """Emits the shape for many ids; see `decode_few`."""
    words = _every_bit(chain, windows.halfwords)
    widths = chain.add(chain.subtract(ids, ids), chain.constant(windows.row_bits))
    position = chain.sums_before(widths)
    if windows.starts is not None:
        position = chain.add(position, windows.starts)
    numbers = [_numbers(chain, chain.gather(words, position), lookups.bits)]
    if lookups.lengths is not None:
        # All of them at once cost less than those of every word, one word after the other.
        lengths = chain.cast(lookups.lengths, _Type.INT32)
    while lookups.lengths is not None and len(numbers) < lookups.steps:
        position = chain.add(position, chain.gather(lengths, numbers[-1]))
        numbers.append(_numbers(chain, chain.gather(words, position), lookups.bits))
    reached = chain.stack(numbers)
    if lookups.group == 1:
        return chain.transpose(chain.gather(lookups.symbols, reached), [1, 0])
    return chain.gather(lookups.symbols, chain.transpose(reached, [1, 0]))


def _every_bit(chain: OperatorChain, halfwords: int) -> int:
    """For every bit the 32-bit word whose upper 17 bits start there."""
    # The zero goes there first, so that there is a first one to drop without any ids.
    following = chain.drop_first(chain.concatenate([halfwords, chain.constant([0])]))
    upper = chain.multiply(halfwords, chain.constant(1 << HALFWORD_BITS))
    words = chain.add(upper, chain.add(following, chain.constant(_UNFLIP)))
    shifts = chain.constant([[1 << shift for shift in range(HALFWORD_BITS)]])
    return chain.reshape(chain.multiply(chain.reshape(words, [-1, 1]), shifts), [-1])


def _numbers(chain: OperatorChain, words: int, bits: int) -> int:
    """The upper bits of words as places in a look-up: read as signed, 2^(bits - 1) added."""
    return chain.add(chain.shift_right(words, 32 - bits), chain.constant(1 << (bits - 1)))
