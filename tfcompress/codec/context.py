"""Mode `context`: probabilities chosen by row class + column class, each row a range-coded number.

Model (integers little-endian, "bytes" as `frequencies.pack_bytes` stores them):

    u8 probability bits | u8 row classes | u8 contexts | u8 columns of the tail | u16 pivots
    the tail's stored code
    bytes: class of each column, in stream order
    bytes: levels of the row classes
    bytes: first and last symbol + 128 of each context (1, 0 where no row uses it)
    bytes: levels of first..last of each context, each less the one before

A row: its rest, then its state in as few bytes as it needs, then 4 bytes each time the state takes
some in. The decoder takes the row's class from the state, then the columns; after the class and
after every second column it takes 4 bytes in if the state is below 2^32 and bytes are left. What
the state is in the end are the code words of the tail's columns, first bit least significant.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tfcompress.choices import Mode
from tfcompress.codec.classes import (
    ABSENT_COST,
    Classes,
    fit_classes,
    with_costs,
)
from tfcompress.codec.frequencies import levels_for, pack_bytes
from tfcompress.codec.layout import LOOKUP_BITS, Dtype
from tfcompress.codec.source import Source, map_blocks
from tfcompress.codec.stored_code import code_for, write_code
from tfcompress.native import _native

U8 = NDArray[np.uint8]

MIN_BITS, MAX_BITS = 12, 14
ROW_CLASSES = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64)
LEVEL_BITS = 3.0
"""About what one stored level takes."""
MAX_TAIL_BITS = 60
"""The tail's words must fit the state."""
TRIED_VALUES = 1 << 22
COMPARED_VALUES = 1 << 20


@dataclass(frozen=True)
class ContextCoder:
    """Rows under chosen probabilities.

    Attributes:
        model: bytes. As above.
        row_class: uint8 array, shape `(rows,)`.
        column_class: uint8 array, shape `(columns,)`, in stream order.
        slots: uint8 array. A table of slots per context, then one for the row classes.
        bits: int. Probability bits.
        tail_columns: int. Columns coded in the state's start.
        tail_lengths: uint8 array, shape `(256,)`. Their code.
        stream: callable. Rows start..stop of a source in stream order: symbols and rest.
        mode: str. "context" or "predictive".
    """

    model: bytes
    row_class: U8
    column_class: U8
    slots: U8
    bits: int
    tail_columns: int
    tail_lengths: U8
    stream: Callable[[Source, int, int], tuple[U8, U8]] = field(repr=False)
    mode: Mode = "context"
    stride_bits: int = 0

    def parts(self, source: Source) -> Iterator[tuple[int, int]]:
        """Rows are encoded block by block."""
        return source.blocks()

    def encode(self, source: Source, start: int, stop: int) -> tuple[U8, NDArray[np.uint32]]:
        """Bytes and lengths of rows start..stop."""
        values, rest = self.stream(source, start, stop)
        return _native.encode_rows(
            values,
            rest,
            self.row_class[start:stop],
            self.column_class,
            self.slots,
            self.bits,
            self.tail_columns,
            self.tail_lengths,
        )


@dataclass(frozen=True)
class Fit:
    """What a sample of rows decides.

    Attributes:
        classes: Classes. Of rows and columns.
        bits: int. Probability bits.
        tail_columns: int. Columns coded in the state's start.
        row_bits: float. Bits that a row of the sample takes, its share of the tables included.
    """

    classes: Classes
    bits: int
    tail_columns: int
    row_bits: float


def plan(source: Source, tick: Callable[[int], None], max_table_bytes: int) -> ContextCoder:
    """The coder for a table: classes fitted to a sample of rows, probabilities to all of them."""
    sample = source.sample(TRIED_VALUES)
    values = sample.split(0, sample.rows)[0]
    fit = fit_sample(values, source.dtype, max_table_bytes, source.rows)
    return finish(source, Source.split, fit, tick)


def fit_sample(values: U8, dtype: Dtype, max_table_bytes: int, rows: int) -> Fit:
    """Chooses the number of row classes, the probability bits and the tail.

    Args:
        values: uint8 array, shape `(sampled rows, columns)`. Symbols in stream order.
        dtype: str. What the values are.
        max_table_bytes: int. Limit on the tables of slots.
        rows: int. Rows of the whole table, over which the stored tables spread.
    """
    few = np.ascontiguousarray(values[:: max(1, values.size // COMPARED_VALUES)])
    best = math.inf, 1, MIN_BITS
    for row_classes in ROW_CLASSES:
        classes, _ = fit_classes(few, dtype, row_classes, MIN_BITS, rounds=3)
        if row_classes > 1 and table_bytes(classes.contexts, MIN_BITS) > max_table_bytes:
            break
        classes, bits, cost = _finest(classes, few, max_table_bytes)
        total = cost / max(1, len(few)) + _stored_bits(classes) / max(1, rows)
        if total > 1.002 * best[0]:
            break
        best = min(best, (total, row_classes, bits))
    _, row_classes, bits = best
    classes, cost = fit_classes(values, dtype, row_classes, bits)
    while bits > MIN_BITS and table_bytes(classes.contexts, bits) > max_table_bytes:
        bits -= 1
    while table_bytes(classes.contexts, bits) > max_table_bytes and row_classes > 1:
        row_classes = ROW_CLASSES[ROW_CLASSES.index(row_classes) - 1]
        classes, cost = fit_classes(values, dtype, row_classes, bits)
    row_bits = cost / max(1, len(values)) + _stored_bits(classes) / max(1, rows)
    return Fit(classes, bits, _choose_tail(values, classes, bits), row_bits)


def _finest(classes: Classes, values: U8, max_table_bytes: int) -> tuple[Classes, int, float]:
    """The probability bits within the limit that cost least, and what the sample takes then."""
    row_class, _ = classes.assign(values)
    best = classes, MIN_BITS, math.inf
    for bits in range(MIN_BITS, MAX_BITS + 1):
        if bits > MIN_BITS and table_bytes(classes.contexts, bits) > max_table_bytes:
            break
        finer = with_costs(classes, values, row_class, bits)
        cost = finer.cost(values, row_class)
        if cost < best[2]:
            best = finer, bits, cost
    return best


def finish(
    source: Source,
    stream: Callable[[Source, int, int], tuple[U8, U8]],
    fit: Fit,
    tick: Callable[[int], None],
    *,
    mode: Mode = "context",
    pivots: int = 0,
    predictor: bytes = b"",
) -> ContextCoder:
    """Gives every row of the table its class and counts the probabilities: one pass."""
    classes = fit.classes
    tail = slice(source.columns - fit.tail_columns, source.columns)

    def count(start: int, stop: int) -> tuple[U8, NDArray[np.int64], NDArray[np.int64]]:
        values, _ = stream(source, start, stop)
        own, _ = classes.assign(values)
        coded = values.copy()
        coded[:, tail] = 0
        counts = _native.count_contexts(coded, own, classes.column_class, classes.contexts)
        # The tail is not coded under its contexts: take out the zeros that stand for it.
        members = np.bincount(own, minlength=classes.row_classes)
        for column in range(tail.start, tail.stop):
            base = int(classes.column_class[column])
            counts[base : base + classes.row_classes, 0] -= members.astype(np.uint64)
        last = np.bincount(values[:, tail].reshape(-1), minlength=256)
        return own, counts.astype(np.int64), last

    row_class = np.zeros(source.rows, np.uint8)
    counts = np.zeros((classes.contexts, 256), np.int64)
    last = np.zeros(256, np.int64)
    done = 0
    for own, block_counts, block_last in map_blocks(source, count, tick):
        row_class[done : done + len(own)] = own
        done += len(own)
        counts += block_counts
        last += block_last
    levels = np.roll(levels_for(counts, fit.bits), 128, axis=1)
    class_levels = np.zeros(256, np.uint8)
    members = np.bincount(row_class, minlength=classes.row_classes)
    class_levels[: classes.row_classes] = levels_for(members, fit.bits)
    class_levels[0] = max(class_levels[0], not members.any())  # a table without rows
    last = np.roll(last, 128)
    tail_lengths = _tail_code(last, fit.tail_columns)

    head = bytes([fit.bits, classes.row_classes, classes.contexts, fit.tail_columns])
    model = head + pivots.to_bytes(2, "little") + write_code(tail_lengths, last > 0)
    model += pack_bytes(classes.column_class)
    model += pack_bytes(class_levels[: classes.row_classes])
    model += _store_levels(levels)
    used = levels.copy()
    used[~levels.any(axis=1), 128] = 1
    # A class is its own symbol, a value is counted from -128: both stand at their place + 128.
    tables = np.concatenate([used, np.roll(class_levels, 128)[None]])
    slots = _native.fill_slots(tables, fit.bits)
    return ContextCoder(
        model + predictor,
        row_class,
        classes.column_class,
        slots,
        fit.bits,
        fit.tail_columns,
        tail_lengths,
        stream,
        mode,
    )


def table_bytes(contexts: int, bits: int) -> int:
    """Bytes of the tables of slots that a decoder builds."""
    return (contexts + 1) * ((1 << bits) + 1024)


def fixed_bytes(columns: int) -> int:
    """What a decoder builds besides: room to read the model, a tail's code, column classes."""
    return 8192 + 8192 + columns + 258 * 64


def _store_levels(levels: U8) -> bytes:
    """Ranges of symbols, then differences of levels, of every context."""
    ranges, differences = [], []
    for own in levels:
        present = np.flatnonzero(own)
        if not len(present):
            ranges += [1, 0]
            continue
        first, last = int(present[0]), int(present[-1])
        ranges += [first, last]
        differences.append(np.diff(own[first : last + 1], prepend=np.uint8(0)))
    joined = np.concatenate(differences) if differences else np.empty(0, np.uint8)
    return pack_bytes(np.array(ranges, np.uint8)) + pack_bytes(joined)


def _stored_bits(classes: Classes) -> float:
    """About what the levels take when stored."""
    return LEVEL_BITS * np.count_nonzero(classes.costs < ABSENT_COST)


def _tail_code(counts: NDArray[np.int64], columns: int) -> U8:
    """The code of the tail: short enough for all its columns to fit the state."""
    if columns == 0:
        return np.zeros(256, np.uint8)
    return code_for(counts, min(LOOKUP_BITS, MAX_TAIL_BITS // columns))


def _choose_tail(values: U8, classes: Classes, bits: int) -> int:
    """The number of tail columns with which some rows come out shortest.

    A state that starts at nothing wastes most of the probability bits on the first symbol it is
    given; with about that many bits of code words in it, it wastes nothing. Where values take a
    fraction of a bit, a code word per value costs more than it saves.
    """
    columns = values.shape[1]
    rows = np.ascontiguousarray(values[:: max(1, values.size // COMPARED_VALUES)])
    counts = np.roll(np.bincount(rows.reshape(-1), minlength=256), 128)
    mean = (code_for(counts, LOOKUP_BITS) * counts).sum() / max(1, counts.sum())
    enough = math.ceil(bits / max(mean, 1.0))
    sizes: dict[int, int] = {}
    for tail in {0, 4, enough - 1, enough, enough + 1}:
        room = 2 ** (MAX_TAIL_BITS // max(1, tail))
        if not 0 <= tail <= columns or (tail and room < np.count_nonzero(counts)):
            continue
        source = Source(rows.view(np.int8), "int8", columns, np.empty(0, np.float32), "none")
        coder = finish(source, Source.split, Fit(classes, bits, tail, 0.0), lambda rows: None)
        sizes[tail] = sum(len(coder.encode(source, *block)[0]) for block in source.blocks())
    return min((size, tail) for tail, size in sizes.items())[1]
