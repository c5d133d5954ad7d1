"""The decoder of packed rows as builtin operators, in two shapes; integer arithmetic throughout.

Both see the gathered rows as 16-bit halfwords h and make, for every bit of every row, the number
that starts there: a word W = h[k] x 2^16 + h[k+1] for each halfword, times 2^0 .. 2^15, which wraps
and so drops the bits before. Its upper bits, shifted down, look up the next symbol.

| shape | for | how |
| --- | --- | --- |
| few ids | up to about ten ids | the next position of every bit at once, then one GATHER a word |
| many ids | more | five operators a word, on the positions that are reached only |

GATHER knows no unsigned halfwords. For few ids both halves of each word are gathered, and their
bytes taken as an int32 (BITCAST). For many ids that would cost more than arithmetic on halfwords
gathered once, which are stored with their upper bit flipped, as signed numbers.
"""

from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from tfcompress.choices import Decoder
from tfcompress.tflite.builtin.row_bits import U8
from tfcompress.tflite.builtin.row_places import HALFWORD_BITS
from tfcompress.tflite.graph.operator_chain import OperatorChain

_Type = schema.TensorType
_FLIPS = {"few-ids": np.uint16(0), "many-ids": np.uint16(0x8000)}

_SHIFTS = [1 << shift for shift in range(HALFWORD_BITS)]
_UNFLIP = -(2**31) + 2**15
"""What turns f[k] x 2^16 + f[k+1] of flipped halfwords f into the word, modulo 2^32."""


@dataclass(frozen=True)
class Lookups:
    """The look-ups of a code (`code_lookups`) as constants.

    Attributes:
        lengths: int or None. Tensor uint8, or int32 where wide, (2^(bits - shift),); None where a
            row is one word.
        is_wide: bool. True: `lengths` are int32.
        symbols: int. Tensor (entries,) or (entries, group).
        bits: int. Bits of the longest word.
        shift: int. Bits that short words do without; 0 for whole look-ups and many ids.
        skip: int. What is taken from the numbers of long words.
        group: int. Values of a word.
        steps: int. Words of a row.
    """

    lengths: int | None
    is_wide: bool
    symbols: int
    bits: int
    shift: int
    skip: int
    group: int
    steps: int


def to_halfwords(payload: U8, decoder: Decoder) -> NDArray[np.int16]:
    """Bytes, an even number of them, as the halfwords that a shape of decoder reads."""
    return (payload.view(">u2").astype(np.uint16) ^ _FLIPS[decoder]).view(np.int16)


def from_halfwords(halfwords: NDArray[np.int16], decoder: Decoder) -> U8:
    """The inverse of `to_halfwords`."""
    return (halfwords.view(np.uint16) ^ _FLIPS[decoder]).astype(">u2").view(np.uint8)


def halfword_pairs(count: int) -> NDArray[np.int32]:
    """Places of both halves of `count` words, the lower half first: `(1, count, 1, 2)`.

    Behind the last halfword no word goes on, so its lower half is any.
    """
    first = np.arange(count, dtype=np.int32)
    lower = np.minimum(first + 1, count - 1)
    return np.stack([lower, first], axis=1)[None, :, None]


def decode_few(
    chain: OperatorChain, words: int, start: int, halfwords: int, lookups: Lookups
) -> int:
    """Emits the shape for few ids.

    Args:
        chain: OperatorChain.
        words: int. Tensor int32 (ids, halfwords, 1): the word at each halfword.
        start: int. Tensor int32 (ids,): the bit that a row starts at.
        halfwords: int.
        lookups: Lookups.

    Returns:
        int. The values, `(ids, steps)` or `(ids, steps, group)`.
    """
    bits = HALFWORD_BITS * halfwords
    words = chain.reshape(chain.multiply(words, chain.constant([_SHIFTS])), [-1, bits])
    numbers = _numbers(chain, words, lookups.bits - lookups.shift)
    if lookups.lengths is None:
        reached = chain.reshape(start, [-1, 1])
    else:
        length = chain.gather(lookups.lengths, numbers)
        if not lookups.is_wide:
            length = chain.cast(length, _Type.INT32)
        here = np.arange(bits, dtype=np.int32)[None]
        following = chain.add(length, chain.constant(here))
        positions = [start]
        while len(positions) < lookups.steps:
            positions.append(chain.gather(following, positions[-1], batch_dims=1))
        reached = chain.transpose(chain.stack(positions), [1, 0])
    found = chain.gather(numbers, reached, batch_dims=1)
    if lookups.shift:
        long = chain.gather(words, reached, batch_dims=1)
        found = chain.maximum(found, _numbers(chain, long, lookups.bits, lookups.skip))
    return chain.gather(lookups.symbols, found)


def decode_many(  # noqa: PLR0917, rows and how they are read
    chain: OperatorChain, ids: int, halfwords: int, start: int, row_bits: int, lookups: Lookups
) -> int:
    """Emits the shape for many ids.

    Args:
        chain: OperatorChain.
        ids: int. Row numbers, a vector.
        halfwords: int. Tensor int32: flipped halfwords of all rows, one row behind the other.
        start: int. Tensor int32 (ids,): the bit of its halfwords that a row starts at.
        row_bits: int. Bits of halfwords that each row has.
        lookups: Lookups.

    Returns:
        int. The values, `(ids, steps)` or `(ids, steps, group)`.
    """
    words = _every_bit(chain, halfwords)
    widths = chain.add(chain.subtract(ids, ids), chain.constant(row_bits))
    position = chain.add(chain.sums_before(widths), start)
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
    shifts = chain.constant([_SHIFTS])
    return chain.reshape(chain.multiply(chain.reshape(words, [-1, 1]), shifts), [-1])


def _numbers(chain: OperatorChain, words: int, bits: int, skip: int = 0) -> int:
    """The upper bits of words as numbers: read as signed, 2^(bits - 1) added and `skip` taken."""
    upper = chain.shift_right(words, 32 - bits)
    return chain.add(upper, chain.constant((1 << (bits - 1)) - skip))
