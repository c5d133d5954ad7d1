"""Mode `rate`: blocks of rows in a range coder, for tables of a fraction of a bit a value.

Model (integers little-endian, "bytes" as `frequencies.pack_bytes` stores them):

    u8 row classes | u8 contexts | u8 segments | u8 whether signs have probabilities
    rows of each segment, seven bits a byte, the lowest first, 128 added but to the last byte
    bytes: class of each segment
    bytes: binary logarithm of the rows a block, of each segment
    bytes: class of each column
    bytes: levels of the row classes
    bytes: number of levels of each context
    bytes: levels of each context, each less the one before
    bytes: where signs have probabilities, 256ths above zero of each magnitude of each context

A block: for each of its rows the row's class, where there are several, then the columns under
class of the segment + class of the row + class of the column, as one number of a range coder
without its trailing zero bytes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tfcompress.choices import Mode
from tfcompress.codec import layout, rate_fit
from tfcompress.codec.buckets import BUCKETS, SYMBOL_BUCKET
from tfcompress.codec.classes import MAX_CONTEXTS
from tfcompress.codec.frequencies import entropy, levels_for, pack_bytes, shares
from tfcompress.codec.rate_fit import RateFit
from tfcompress.codec.source import BLOCK_VALUES, Source, map_blocks
from tfcompress.errors import ConfigError
from tfcompress.native import _native

U8 = NDArray[np.uint8]

MAX_COLUMNS = 65_535
"""Readers keep numbers of columns in 16 bits."""
MAX_ROWS = 2**32 - 1
MAX_BLOCK_ROWS = 32
MAX_BLOCK_VALUES = 2048
"""Bounds what reading one row takes, where blocks have more than one."""
BLOCK_BYTES = 48.0
"""Blocks aim at this size: larger ones take longer to read, smaller ones more index."""
COARSE_BITS = 4.0
"""Entropy of the values above which other modes save more."""
_PROBABILITY_BITS = 14
_BOUNDS = 48


@dataclass(frozen=True)
class RateCoder:
    """Blocks of rows under chosen probabilities.

    Attributes:
        model: bytes. As above.
        block_starts: int64 array, shape `(blocks + 1,)`. First row of each block; last, the rows.
        segment_starts: int64 array. First row of each segment.
        segment_class: uint8 array.
        row_class: uint8 array, shape `(rows,)`.
        column_class: uint8 array, shape `(columns,)`.
        bounds: uint16 array, shape `(contexts, 48)`. Upper ends of the shares of buckets, then the
            part of each share that is above zero.
        class_bounds: uint16 array, shape `(row classes,)`.
    """

    model: bytes
    block_starts: NDArray[np.int64] = field(repr=False)
    segment_starts: NDArray[np.int64]
    segment_class: U8
    row_class: U8 = field(repr=False)
    column_class: U8
    bounds: NDArray[np.uint16] = field(repr=False)
    class_bounds: NDArray[np.uint16]
    mode: Mode = "rate"
    stride_bits: int = 0

    def parts(self, source: Source) -> Iterator[tuple[int, int]]:
        """Rows that start a group of 64 blocks, and where the next such rows start."""
        groups = np.append(self.block_starts[: -1 : layout.GROUP_ROWS], source.rows)
        rows = max(1, BLOCK_VALUES // max(1, source.columns))
        start = 0
        while start < source.rows:
            k = int(np.searchsorted(groups, start + rows, side="right")) - 1
            stop = int(groups[k]) if groups[k] > start else int(groups[k + 1])
            yield start, stop
            start = stop

    def encode(self, source: Source, start: int, stop: int) -> tuple[U8, NDArray[np.uint32]]:
        """Bytes and lengths of the blocks of rows start..stop."""
        values, _ = source.split(start, stop)
        first, last = np.searchsorted(self.block_starts, (start, stop))
        sizes = np.diff(self.block_starts[first : last + 1]).astype(np.uint8)
        own = self.row_class[start:stop]
        segment = np.searchsorted(self.segment_starts, np.arange(start, stop), side="right") - 1
        return _native.encode_blocks(
            values,
            self.segment_class[segment] + own,
            own,
            self.column_class,
            sizes,
            self.bounds,
            self.class_bounds,
        )


def can_code(source: Source) -> bool:
    """Whether the mode is offered for this table."""
    integers = source.dtype in ("int8", "uint8", "int4")
    return integers and source.columns <= MAX_COLUMNS and source.rows <= MAX_ROWS


def may_be_smaller(source: Source) -> bool:
    """Whether the table is coarse enough for the mode to be tried by `auto`."""
    if not can_code(source):
        return False
    sample = source.sample(rate_fit.TRIED_VALUES)
    counts = np.bincount(sample.split(0, sample.rows)[0].reshape(-1), minlength=256)
    return entropy(counts) < COARSE_BITS


def table_bytes(columns: int) -> int:
    """The most memory that a decoder takes for its tables."""
    contexts = MAX_CONTEXTS * (2 * _BOUNDS + 2 * BUCKETS + 3)
    return contexts + 12 * (layout.MAX_SEGMENTS + 1) + 3 * columns + 5120 + 512


def row_us(columns: int, bits: float) -> float:
    """About how long one row takes to decode, on the machine of `choose.row_us`."""
    return 0.1 + 0.002 * columns + 0.006 * bits


def plan(
    source: Source,
    tick: Callable[[int], None],
    *,
    max_row_us: float | None = None,
    row_classes: NDArray[np.integer] | None = None,
) -> RateCoder:
    """The coder for a table of integers.

    Args:
        source: Source. int8, uint8 or int4.
        tick: callable. Receives the number of rows done.
        max_row_us: float or None. Limit on the time to read a row, the rows before it in its block
            included.
        row_classes: integer array, shape `(rows,)`, or None. Rows of one class, which must follow
            one another, are taken to be alike (those with one step, say); None takes half-octaves
            of the rank.

    Raises:
        ConfigError: The table is of floats or too large, rows take longer than allowed, or the
            classes do not go with the table.
    """
    if not can_code(source):
        raise ConfigError(
            f"mode: 'rate' is for int8, uint8 and int4 tables of up to {MAX_COLUMNS} columns, got "
            f"{source.dtype} with {source.columns}; use 'context'"
        )
    starts = _runs(source, row_classes)
    if not source.size:
        nothing = np.zeros(len(starts), np.uint8), np.zeros(source.columns, np.uint8)
        fit = RateFit(starts, nothing[0], np.zeros(len(starts)), nothing[1], None, 0.0)
        return _finish(source, fit, max_row_us, tick)
    return _finish(source, rate_fit.fit(source, starts), max_row_us, tick)


def _runs(source: Source, row_classes: NDArray[np.integer] | None) -> NDArray[np.int64]:
    """Where runs of rows of one class start."""
    if row_classes is None:
        return rate_fit.half_octaves(source.rows)
    given = np.asarray(row_classes)
    if given.shape != (source.rows,) or not np.issubdtype(given.dtype, np.integer):
        raise ConfigError(
            f"row_classes: got {given.dtype} {given.shape}, expected integers ({source.rows},)"
        )
    starts = np.append(0, np.flatnonzero(np.diff(given)) + 1)[: max(1, len(given))]
    if len(starts) > layout.MAX_SEGMENTS:
        raise ConfigError(
            f"row_classes: got {len(starts)} runs of rows of one class, at most "
            f"{layout.MAX_SEGMENTS} can be stored; sort rows by class"
        )
    return starts[: len(given)].astype(np.int64)


def _block_shifts(source: Source, fit: RateFit, max_row_us: float | None) -> U8:
    """Binary logarithm of the rows a block, for each band."""
    most = np.full(len(fit.starts), min(MAX_BLOCK_ROWS, MAX_BLOCK_VALUES // max(1, source.columns)))
    if max_row_us is not None:
        allowed = max_row_us / np.array([row_us(source.columns, bits) for bits in fit.band_bits])
        if allowed.min(initial=1) < 1:
            raise ConfigError(
                f"max_row_us: {max_row_us} is too little for mode 'rate', whose rows take up to "
                f"{max_row_us / allowed.min():.1f}; use 'indexed' or 'raw'"
            )
        most = np.minimum(most, allowed.astype(np.int64))
    wanted = np.rint(np.log2(BLOCK_BYTES / np.maximum(fit.band_bits / 8, 1.0)))
    return np.clip(wanted, 0, np.floor(np.log2(np.maximum(most, 1)))).astype(np.uint8)


def _finish(
    source: Source, fit: RateFit, max_row_us: float | None, tick: Callable[[int], None]
) -> RateCoder:
    """Cuts the rows into segments and blocks, and counts the probabilities: one pass."""
    shifts = _block_shifts(source, fit, max_row_us)
    kinds = fit.band_class.astype(int) << 8 | shifts
    kept = np.append(True, np.diff(kinds) != 0)[: len(kinds)]
    starts, classes, shifts = fit.starts[kept], fit.band_class[kept], shifts[kept]
    ends = np.append(starts[1:], source.rows)[: len(starts)]
    firsts = [np.arange(a, b, 1 << s) for a, b, s in zip(starts, ends, shifts, strict=True)]
    blocks = np.concatenate([*firsts, [source.rows]]).astype(np.int64)

    def count(start: int, stop: int) -> tuple[U8, NDArray[np.uint64]]:
        values, _ = source.split(start, stop)
        own = fit.classes.assign(values)[0] if fit.classes else np.zeros(len(values), np.uint8)
        segment = np.searchsorted(starts, np.arange(start, stop), side="right") - 1
        context = classes[segment] + own
        return own, _native.count_contexts(values, context, fit.column_class, fit.contexts)

    row_class = np.zeros(source.rows, np.uint8)
    counts = np.zeros((fit.contexts, BUCKETS), np.int64)
    above = np.zeros((fit.contexts, BUCKETS), np.int64)
    done = 0
    for own, symbols in map_blocks(source, count, tick):
        row_class[done : done + len(own)] = own
        done += len(own)
        for bucket in range(BUCKETS):
            own_symbols = np.flatnonzero(bucket == SYMBOL_BUCKET)
            counts[:, bucket] += symbols[:, own_symbols].sum(axis=1).astype(np.int64)
            positive = own_symbols[own_symbols < 128]
            above[:, bucket] += symbols[:, positive].sum(axis=1).astype(np.int64)
    levels = levels_for(counts, _PROBABILITY_BITS - 1)
    members = np.bincount(row_class, minlength=fit.row_classes)
    class_levels = levels_for(members, _PROBABILITY_BITS)
    class_levels[0] = max(class_levels[0], not members.any())  # a table without rows

    used = [int(np.flatnonzero(own).max(initial=-1)) + 1 for own in levels]
    differences = [
        np.diff(own[:size], prepend=np.uint8(0)) for own, size in zip(levels, used, strict=True)
    ]
    signs = _signs(counts, above)
    model = bytes([fit.row_classes, fit.contexts, len(starts), signs is not None])
    model += b"".join(_varint(int(b - a)) for a, b in zip(starts, ends, strict=True))
    for part in (classes, shifts, fit.column_class, class_levels, np.array(used, np.uint8)):
        model += pack_bytes(part)
    model += pack_bytes(np.concatenate(differences))
    if signs is None:
        signs = np.full(counts.shape, 128, np.uint8)
    else:
        parts = [own[1:size] for own, size in zip(signs, used, strict=True)]
        model += pack_bytes(np.concatenate(parts))
    return RateCoder(
        model,
        blocks,
        starts,
        classes,
        row_class,
        fit.column_class,
        np.stack([_bounds(*own) for own in zip(levels, signs, strict=True)]),
        np.cumsum(shares(class_levels, _PROBABILITY_BITS)).astype(np.uint16),
    )


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; every byte but the last has 128 added."""
    result = bytearray()
    while value > 127:
        result.append(value & 127 | 128)
        value >>= 7
    return bytes([*result, value])


def _signs(counts: NDArray[np.int64], above: NDArray[np.int64]) -> U8 | None:
    """256ths of each count that are above zero, or None where halves take fewer bytes."""
    share = above / np.maximum(counts, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = -share * np.log2(share) - (1 - share) * np.log2(1 - share)
    gained = counts[:, 1:] * (1 - np.nan_to_num(bits[:, 1:]))
    if gained.sum() < 8 * np.count_nonzero(counts[:, 1:]):
        return None
    rounded = np.clip(np.rint(256 * share), 1, 255)
    return np.where(counts > 0, rounded, 128).astype(np.uint8)


def _bounds(levels: U8, signs: U8) -> NDArray[np.uint16]:
    """Upper ends of the shares, then what of each is above zero (some of it, and not all)."""
    half = _BOUNDS // 2
    ends = np.full(_BOUNDS, 1 << _PROBABILITY_BITS)
    ends[half:] = 0
    if levels.any():
        sizes = 2 * shares(levels, _PROBABILITY_BITS - 1)
        ends[:BUCKETS] = np.cumsum(sizes)
        above = np.minimum(np.maximum(sizes * signs >> 8, 1), sizes - 1)
        ends[half : half + BUCKETS] = np.maximum(above, 0)
    return ends.astype(np.uint16)
