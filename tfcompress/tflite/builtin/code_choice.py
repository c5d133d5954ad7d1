"""The prefix code of a table's symbols that takes the fewest bytes together with its look-ups.

Whole look-ups double with every bit of the longest word. Compact ones (`code_lookups`) grow with
what rare words fill, and tell lengths by fewer bits where long words fill whole prefixes. So the
rarest symbols come in bundles of 2^j, each about as frequent as a word of `prefix_bits` should be.
A bundle gets a word, and its symbols j bits more, which costs hardly any bits: symbols so rare
differ little in what they should take.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tfcompress.prefix_codes import huffman_lengths, length_limited_lengths
from tfcompress.tflite.builtin.code_lookups import compact_bytes, whole_bytes
from tfcompress.tflite.builtin.row_bits import MAX_CODE_BITS, MAX_LOOKUP_BITS, U8, RowCode

_LARGEST = 2**0.5
"""The next larger bundle would be further from its share."""


def code_of(symbols: U8, counts: NDArray[np.int64], *, is_compact: bool) -> RowCode:
    """The code for symbols `(n, group)` that occur `counts` times, each once or more.

    Args:
        symbols: uint8 array (n, group), n from 1 to 2^13.
        counts: int64 array (n,).
        is_compact: bool. Which look-ups it is for.
    """
    group = symbols.shape[1]
    best: tuple[int, NDArray[np.int64]] | None = None
    for lengths in _compact(counts) if is_compact else _whole(counts):
        size = int(lengths @ counts) // 8
        size += compact_bytes(lengths, group) if is_compact else whole_bytes(lengths, group)
        if best is None or size < best[0]:
            best = size, lengths
    assert best is not None  # words of `MAX_LOOKUP_BITS` are always tried
    return RowCode(symbols, best[1])


def _whole(counts: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Codes of more and more bits at most."""
    least = min(MAX_LOOKUP_BITS, max(1, (len(counts) - 1).bit_length()))
    # Beyond the longest word of the code without a limit nothing changes.
    longest = max(least, int(huffman_lengths(counts).max()))
    for limit in range(least, min(longest, MAX_LOOKUP_BITS) + 1):
        yield _lengths(counts, limit)


def _compact(counts: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Codes whose lengths are told by more and more bits at most."""
    for prefix_bits in range(1, MAX_LOOKUP_BITS + 1):
        for bundle_bits in range(MAX_CODE_BITS - prefix_bits + 1):
            bundles = _bundles(counts, prefix_bits, bundle_bits)
            if bundles.max() < bundle_bits:
                break  # Larger ones are not wanted: all that follow are the same.
            if len(bundles) <= 1 << prefix_bits:
                yield _bundled(counts, bundles, prefix_bits)


def _lengths(counts: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
    """Lengths of at most `limit` bits; a lone symbol gets a bit too, to be decoded as others."""
    return np.maximum(length_limited_lengths(counts, limit), 1)


def _bundles(counts: NDArray[np.int64], prefix_bits: int, most: int) -> NDArray[np.int64]:
    """Bits that tell the symbols of each bundle apart, at most `most`, rarest symbols first."""
    sums = np.concatenate([[0], np.cumsum(np.sort(counts))])
    share = float(sums[-1]) / (1 << prefix_bits)
    bundles: list[int] = []
    place = 0
    while place < len(counts):
        bits = most
        while bits and (
            place + (1 << bits) > len(counts)
            or sums[place + (1 << bits)] - sums[place] > _LARGEST * share
        ):
            bits -= 1
        if not bits:
            break
        bundles.append(bits)
        place += 1 << bits
    return np.array(bundles + [0] * (len(counts) - place), np.int64)


def _bundled(
    counts: NDArray[np.int64], bundles: NDArray[np.int64], prefix_bits: int
) -> NDArray[np.int64]:
    """Lengths of the words of all symbols, where each bundle has at most `prefix_bits`."""
    order = np.argsort(counts, kind="stable")
    sizes = 1 << bundles
    together = np.add.reduceat(counts[order], np.cumsum(sizes) - sizes)
    result = np.empty_like(counts)
    result[order] = np.repeat(_lengths(together, prefix_bits) + bundles, sizes)
    return result
