"""What a block coder knows of a table: bands of rows, classes of rows and columns, by their costs.

The context of a value is a sum of small integers, so that a few static tables of probabilities
serve every pair of a row and a column. Rows get their part in one of two ways, whichever comes out
smaller: from the band they are in, which costs nothing (rows sorted by frequency, with coarser
steps for rarer ones), or each from a class of its own, which is coded with the row (any order).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfcompress.codec.buckets import (
    ABSENT_BITS,
    BUCKET_OF,
    BUCKET_START,
    BUCKETS,
    FOLD,
    bucket_bits,
)
from tfcompress.codec.classes import (
    ABSENT_COST,
    COST_UNIT,
    MAX_CONTEXTS,
    Classes,
    fit_classes,
)
from tfcompress.codec.source import Source
from tfcompress.native import _native

U8 = NDArray[np.uint8]


STEPS_PER_OCTAVE = (0, 2, 3, 4)
"""Scales of classes that are tried; 0 puts all values into one context."""
ROW_CLASSES = (2, 4, 8, 16, 32, 48)
FITTED_VALUES = 1 << 21
TRIED_VALUES = 1 << 19
_ROUNDS = 6
_FIRST_BAND_ROWS = 4
_SEGMENT_BITS = 48.0
"""About what one more segment takes: where it ends, class, size of blocks, a block cut short."""
_LEVEL_BITS = 6.0
"""About what one more probability takes in the model."""
_HOPELESS = 1.03
"""A few rows that take so much more than others let the rest be."""
_COUNTED_COLUMNS = 8192


@dataclass(frozen=True)
class RateFit:
    """What is known of a table before its probabilities are counted.

    Attributes:
        starts: int64 array, shape `(bands,)`. First row of each band of rows.
        band_class: uint8 array, shape `(bands,)`. What a band adds to the contexts of its rows.
        band_bits: float array, shape `(bands,)`. Mean bits of a row in each band.
        column_class: uint8 array, shape `(columns,)`. What columns add.
        classes: Classes or None. How rows find classes of their own, where they have some.
        bits: float. About what rows and tables take together.
    """

    starts: NDArray[np.int64]
    band_class: U8
    band_bits: NDArray[np.float64]
    column_class: U8
    classes: Classes | None
    bits: float

    @property
    def row_classes(self) -> int:
        """Classes that rows have of their own; 1 where only bands have classes."""
        return self.classes.row_classes if self.classes else 1

    @property
    def contexts(self) -> int:
        """Number of sums of a band's, a row's and a column's class."""
        highest = int(self.band_class.max(initial=0)) + int(self.column_class.max(initial=0))
        return highest + self.row_classes

    def row_contexts(self, values: U8) -> U8:
        """What every row of the table adds to the contexts of its values: shape `(rows,)`."""
        ends = np.append(self.starts[1:], len(values))[: len(self.starts)]
        shared = np.repeat(self.band_class, ends - self.starts)
        return shared + self.classes.assign(values)[0] if self.classes else shared


def half_octaves(rows: int) -> NDArray[np.int64]:
    """First rows of bands of ranks, each band reaching half an octave farther than the last."""
    if rows == 0:
        return np.empty(0, np.int64)
    octaves = math.log2(max(rows / _FIRST_BAND_ROWS, 1))
    starts = np.rint(_FIRST_BAND_ROWS * 2 ** (np.arange(math.ceil(2 * octaves)) / 2))
    return np.append(0, starts[starts < rows]).astype(np.int64)


def fit(source: Source, starts: NDArray[np.int64]) -> RateFit:
    """Fits both kinds of contexts to rows of every band, and takes the smaller.

    Args:
        source: Source. Integers, with rows and columns.
        starts: int64 array. First row of each band, the first one 0.
    """
    rows, band, weight = _sample(source, starts)
    values = source.take(rows).split(0, len(rows))[0]
    banded = _fit_bands(values, band, weight, starts)
    return _fit_rows(values, band, source.rows, starts, banded.bits) or banded


def magnitude_bits(values: U8, row_contexts: U8, fit: RateFit) -> NDArray[np.float32]:
    """What magnitudes cost in every context of a table, for those who choose among roundings.

    Args:
        values: uint8 array, shape `(rows, columns)`. Symbol bytes.
        row_contexts: uint8 array, shape `(rows,)`. See `RateFit.row_contexts`.
        fit: RateFit. Of these or of like values.

    Returns:
        float32 array, shape `(contexts, 129)`. Bits with the sign's; a magnitude that its context
        has not seen costs what it would add to the model.
    """
    symbols = _native.count_contexts(values, row_contexts, fit.column_class, fit.contexts)
    return bucket_bits(symbols.astype(np.float64) @ FOLD)[:, BUCKET_OF]


def _sample(
    source: Source, starts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], U8, NDArray[np.float64]]:
    """Rows of every band, evenly within it; their bands, and how many rows each stands for."""
    ends = np.append(starts[1:], source.rows)
    room = FITTED_VALUES // max(1, source.columns)
    # Small bands whole, large ones in parts: the same number of rows from each that has more.
    sizes = np.sort(ends - starts)
    before = np.cumsum(sizes) - sizes
    fits = before + sizes * np.arange(len(sizes), 0, -1) <= room
    whole = int(np.count_nonzero(fits))
    left = room - int(sizes[:whole].sum())
    most = max(64, left // max(1, len(sizes) - whole)) if whole < len(sizes) else int(sizes[-1])
    picked = [
        np.unique(np.linspace(a, b - 1, min(b - a, most)).astype(np.int64))
        for a, b in zip(starts, ends, strict=True)
    ]
    counts = np.array([len(part) for part in picked])
    band = np.repeat(np.arange(len(starts)), counts).astype(np.uint8)
    return np.concatenate(picked), band, (ends - starts) / counts


def _fit_bands(
    values: U8, band: U8, weight: NDArray[np.float64], starts: NDArray[np.int64]
) -> RateFit:
    """Classes of bands and columns, on the finest or coarsest scale that pays."""
    counts = _count(values, band, weight)
    rows = np.bincount(band, minlength=len(starts)) * weight
    best: RateFit | None = None
    for steps in STEPS_PER_OCTAVE:
        band_class, column_class = _start(counts, steps)
        folded = _fold_columns(counts, column_class)
        for _ in range(_ROUNDS if steps else 0):
            last = band_class, column_class
            costs = _costs(_fold_columns(counts, column_class), band_class)
            column_class = np.argmin(_column_costs(counts, costs, band_class), axis=1)
            column_class -= column_class.min()
            folded = _fold_columns(counts, column_class)
            band_class = _smooth(_band_costs(folded, _costs(folded, band_class)))
            band_class -= band_class.min()
            if all(map(np.array_equal, last, (band_class, column_class))):
                break
        costs = _costs(folded, band_class)
        spent = _band_costs(folded, costs)[np.arange(len(starts)), band_class]
        changes = np.count_nonzero(np.diff(band_class))
        levels = np.count_nonzero(costs < ABSENT_BITS)
        bits = float(spent.sum()) + _SEGMENT_BITS * changes + _LEVEL_BITS * levels
        if best is None or bits < best.bits:
            if not band_class.any():  # numbers that no sum needs to fit into
                column_class = np.unique(column_class, return_inverse=True)[1]
            classes = band_class.astype(np.uint8), column_class.astype(np.uint8)
            best = RateFit(starts, classes[0], spent / rows, classes[1], None, bits)
    assert best is not None
    return best


def _fit_rows(
    values: U8, band: U8, rows: int, starts: NDArray[np.int64], most: float
) -> RateFit | None:
    """A class for every row, as in mode `context`: as many classes as pay. None above `most`."""
    few = np.ascontiguousarray(values[:: max(1, values.size // TRIED_VALUES)])
    best = math.inf, 1
    for row_classes in ROW_CLASSES:
        if row_classes > max(2, rows // 4):
            break
        classes, cost = fit_classes(few, "int8", row_classes, 12, rounds=3)
        total = cost * rows / len(few) + _LEVEL_BITS * np.count_nonzero(_seen(classes))
        if total > 1.002 * best[0]:
            break
        best = min(best, (total, row_classes))
    if best[0] > _HOPELESS * most:
        return None
    classes, _ = fit_classes(values, "int8", best[1], 12)
    _, costs = classes.assign(values)
    spent = np.bincount(band, costs / COST_UNIT, minlength=len(starts))
    members = np.bincount(band, minlength=len(starts))
    sizes = np.diff(np.append(starts, rows))
    total = float((spent * sizes / members).sum()) + _LEVEL_BITS * np.count_nonzero(_seen(classes))
    if total > most:
        return None
    nothing = np.zeros(len(starts), np.uint8)
    return RateFit(starts, nothing, spent / members, classes.column_class, classes, total)


def _seen(classes: Classes) -> NDArray[np.bool_]:
    """Magnitudes (on one side) that contexts have probabilities for."""
    return np.asarray(classes.costs[:, :128] < ABSENT_COST)


def _count(values: U8, band: U8, weight: NDArray[np.float64]) -> NDArray[np.float32]:
    """How often buckets occur: float32, shape `(columns, bands, BUCKETS)`."""
    bands, columns = len(weight), values.shape[1]
    counts = np.empty((columns, bands, BUCKETS), np.float32)
    step = max(1, _COUNTED_COLUMNS // bands)
    for start in range(0, columns, step):
        part = np.ascontiguousarray(values[:, start : start + step])
        symbols = _native.count_columns(part, band, bands).reshape(-1, bands, 256)
        counts[start : start + step] = symbols @ FOLD
    counts *= weight[:, None].astype(np.float32)
    return counts


def _start(counts: NDArray[np.float32], steps: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Classes by mean magnitude, on a scale of `steps` an octave."""
    sums = counts @ BUCKET_START.astype(np.float32)
    totals = counts.sum(axis=2, dtype=np.float64)
    band = sums.sum(axis=0) / totals.sum(axis=0)
    column = sums.sum(axis=1) / totals.sum(axis=1)
    classes = []
    for means, octaves in ((band, 9), (column, 8)):
        level = np.rint(steps * np.log2(means + 1e-4)).astype(np.int64)
        level = np.maximum(level, level.max() - octaves * steps)
        classes.append(level - level.min())
    return classes[0], classes[1]


def _fold_columns(
    counts: NDArray[np.float32], column_class: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Counts by class of columns: shape `(classes, bands, BUCKETS)`."""
    members = np.arange(column_class.max() + 1)[:, None] == column_class
    folded = members.astype(np.float32) @ counts.reshape(len(counts), -1)
    return np.asarray(folded.reshape(len(folded), *counts.shape[1:]))


def _costs(folded: NDArray[np.float32], band_class: NDArray[np.int64]) -> NDArray[np.float32]:
    """Bits of every bucket in every context, and in one more on the far side of them."""
    contexts = min(len(folded) + int(band_class.max()) + 1, MAX_CONTEXTS)
    context = np.arange(len(folded))[:, None] + band_class
    cells = context[..., None] * BUCKETS + np.arange(BUCKETS)
    # Adds one after the other, so that every platform comes to the same sums.
    own = np.bincount(cells.ravel(), weights=folded.ravel(), minlength=contexts * BUCKETS)
    return bucket_bits(np.asarray(own, np.float64).reshape(contexts, BUCKETS))


def _column_costs(
    counts: NDArray[np.float32], costs: NDArray[np.float32], band_class: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Bits of every column in every class: shape `(columns, classes)`."""
    options = len(costs) - int(band_class.max())
    classes = np.stack([costs[band_class + k].reshape(-1) for k in range(options)])
    return np.asarray(counts.reshape(len(counts), -1) @ classes.T)


def _band_costs(folded: NDArray[np.float32], costs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Bits of every band in every class: shape `(bands, classes)`."""
    columns = np.arange(len(folded))
    classes = [costs[columns + k] for k in range(len(costs) - len(folded) + 1)]
    return np.stack([np.einsum("cbk,ck->b", folded, own) for own in classes], axis=1).astype(
        np.float64
    )


def _smooth(costs: NDArray[np.float64]) -> NDArray[np.int64]:
    """A class for each band, cheapest with what a change from band to band takes (Viterbi)."""
    total = costs[0]
    came_from = []
    for own in costs[1:]:
        jump = total.min() + _SEGMENT_BITS
        came_from.append(np.where(total <= jump, np.arange(len(total)), int(np.argmin(total))))
        total = np.minimum(total, jump) + own
    path = [int(np.argmin(total))]
    for step in reversed(came_from):
        path.append(int(step[path[-1]]))
    return np.array(path[::-1])
