"""Which mode: the smallest that keeps the limits on memory and time."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfcompress.codec import context, fixed, indexed, layout, predictive, rate, raw
from tfcompress.codec.coder import Coder
from tfcompress.codec.source import Source
from tfcompress.errors import ConfigError
from tfcompress.native import _native

DEFAULT_SLOTS_BYTES = 1 << 18
MEASURED_BLOCKS = 8
"""Blocks of a large table that are coded to compare modes."""

Tick = Callable[[int], None]


@dataclass(frozen=True)
class Limits:
    """What a reader can afford.

    Attributes:
        table_bytes: int or None. Memory for tables that a decoder builds. When None, a code takes
            up to 17 KiB, probabilities 256 KiB and predictors what they need.
        row_us: float or None. Time to decode a row.
        code_bits: int or None. The longest word of a prefix code; 14 when None.
    """

    table_bytes: int | None = None
    row_us: float | None = None
    code_bits: int | None = None

    def code_limit(self, most: int) -> int:
        """The longest word allowed, `most` where nothing else limits it.

        A look-up takes 4 bytes an entry; words longer than a look-up take up to 1 KiB more.
        """
        if self.code_bits is not None:
            most = min(most, self.code_bits)
        if self.table_bytes is None or self.table_bytes >= (4 << layout.LOOKUP_BITS) + (1 << 10):
            return most
        return min(most, layout.LOOKUP_BITS, int(math.log2(max(1, self.table_bytes // 4))))

    def slots_bytes(self, source: Source, *, predicted: bool) -> int:
        """Room for tables of slots beside a tail's code and, when predicted, half of it all."""
        if self.table_bytes is None:
            return DEFAULT_SLOTS_BYTES
        left = self.table_bytes - context.fixed_bytes(source.columns)
        return left // 2 if predicted else left

    def pivots(self, source: Source) -> int:
        """How many pivots memory and time allow."""
        most = source.columns
        while most and not self._allows(source, most):
            most -= 1
        return most

    def _allows(self, source: Source, pivots: int) -> bool:
        columns = source.columns
        if self.row_us is not None and row_us("predictive", columns, pivots) > self.row_us:
            return False
        room = math.inf if self.table_bytes is None else self.slots_bytes(source, predicted=True)
        return predictive.predictor_bytes(columns, pivots) <= room


def row_us(mode: str, columns: int, pivots: int = 0) -> float:
    """About how long one row takes to decode, in microseconds.

    Random rows in batches, one core of an AMD EPYC (Zen 3) at 2.45 GHz. For rate, what a row of
    zeros takes.
    """
    if mode == "raw":
        return 0.02 + 0.0001 * columns
    if mode in ("fixed", "indexed"):
        return 0.04 + 0.0014 * columns
    if mode == "rate":
        return rate.row_us(columns, 0.0)
    time = 0.08 + 0.0032 * columns
    if mode == "predictive":
        time += 0.004 * columns + predictive.products(columns, pivots) / 20_000
    return time


def plan(
    source: Source,
    mode: str,
    limits: Limits,
    tick: Tick,
    row_classes: NDArray[np.integer] | None = None,
) -> Coder:
    """The coder of a mode, or of the mode that comes out smallest.

    `row_classes` are for mode "rate"; see `rate.plan`.

    Raises:
        ConfigError: The mode is not offered for this table, or not within the limits.
    """
    if mode == "auto":
        return _smallest(source, limits, tick, row_classes)
    if mode == "raw":
        return raw.plan(source)
    if mode == "fixed":
        return fixed.plan(source, tick, limits.code_limit(layout.MAX_CODE_BITS))
    if mode == "indexed":
        return indexed.plan(source, tick, limits.code_limit(layout.MAX_CODE_BITS))
    if mode == "rate":
        if limits.table_bytes is not None and rate.table_bytes(source.columns) > limits.table_bytes:
            raise _too_little(limits, mode)
        return rate.plan(source, tick, max_row_us=limits.row_us, row_classes=row_classes)
    slots = limits.slots_bytes(source, predicted=mode == "predictive")
    if slots < context.table_bytes(1, context.MIN_BITS):
        raise _too_little(limits, mode)
    if mode == "context":
        return context.plan(source, tick, slots)
    return predictive.plan(source, tick, slots, limits.pivots(source))


def _too_little(limits: Limits, mode: str) -> ConfigError:
    return ConfigError(
        f"max_table_bytes: {limits.table_bytes} is too little for mode {mode!r}; "
        "use 'indexed' or 'raw'"
    )


def _smallest(
    source: Source, limits: Limits, tick: Tick, row_classes: NDArray[np.integer] | None
) -> Coder:
    best: Coder = raw.plan(source)
    if not source.size:
        return best
    best_bytes = _packed_bytes(source, best)
    for mode in ("indexed", "fixed", "context", "predictive", "rate"):
        if mode == "predictive" and not predictive.can_predict(source):
            continue
        if limits.row_us is not None and row_us(mode, source.columns) > limits.row_us:
            continue
        if mode == "fixed" and not fixed.may_be_smaller(source):
            continue
        if mode == "rate" and not rate.may_be_smaller(source):
            continue
        try:
            coder = plan(source, mode, limits, lambda rows: None, row_classes)
        except ConfigError:  # not within the memory allowed
            continue
        total = _packed_bytes(source, coder)
        if total < best_bytes:
            best, best_bytes = coder, total
    tick(2 * source.rows)
    return best


def _packed_bytes(source: Source, coder: Coder) -> float:
    """Model, index and rows; the rows of a large table by some of its parts."""
    parts = list(coder.parts(source))
    step = -(-len(parts) // MEASURED_BLOCKS)
    measured = parts[::step]
    size = 0.0
    for start, stop in measured:
        coded, lengths = coder.encode(source, start, stop)
        if coder.mode in layout.INDEXED_MODES and lengths.max() <= layout.MAX_ROW_BYTES:
            coded, offsets = _native.group_rows(coded, lengths)
            size += 8 * len(offsets)
        size += len(coded)
        source.release()
    rows = sum(stop - start for start, stop in measured)
    return size * source.rows / rows + len(coder.model)
