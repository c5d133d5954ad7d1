"""Row classes and column classes: which rows and columns share probabilities.

Both are steps on one logarithmic scale of magnitude, so that row class + column class names the
scale of a value, and one table of probabilities serves each sum. The start is by energy; then rows
and columns move to the class that codes them in fewest bits, and the costs follow, as in k-means.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tfcompress.codec.frequencies import levels_for, shares
from tfcompress.codec.layout import Dtype
from tfcompress.native import _native

U8 = NDArray[np.uint8]

MAX_CONTEXTS = 128
COST_UNIT = 256
"""Costs are counted in 1/256 bits."""

ABSENT_COST = 16 * COST_UNIT
_SMALLEST_STEP = 0.5
_COUNTED_COLUMNS = 8192
_CONVERGED = 2e-4
"""Part of the bits below which another round is not worth it."""


@dataclass(frozen=True)
class Classes:
    """Classes of columns, and how to find the class of a row.

    Attributes:
        dtype: str. What the values are: tells how a symbol has a magnitude.
        column_class: uint8 array, shape `(columns,)`.
        row_classes: int. Number of row classes.
        column_level: float32 array, shape `(columns,)`. Magnitude of each column, in octaves.
        lowest: float. Magnitude of row class 0.
        step: float. Octaves from class to class.
        costs: uint16 array, shape `(contexts, 256)` by symbol byte, in 1/256 bits.
        class_costs: uint32 array, shape `(row_classes,)`.
    """

    dtype: Dtype
    column_class: U8
    row_classes: int
    column_level: NDArray[np.float32]
    lowest: float
    step: float
    costs: NDArray[np.uint16]
    class_costs: NDArray[np.uint32]

    @property
    def contexts(self) -> int:
        """Number of sums of a row class and a column class."""
        return self.row_classes + int(self.column_class.max(initial=0))

    def start(self, symbols: U8) -> U8:
        """Row classes by magnitude: shape `(rows,)`."""
        levels = _row_levels(symbols, self.dtype, self.column_level)
        steps = np.clip(np.rint((levels - self.lowest) / self.step), 0, self.row_classes - 1)
        return np.asarray(steps, np.uint8)

    def assign(self, symbols: U8, patience: int = 2) -> tuple[U8, NDArray[np.uint32]]:
        """Row classes by cost, starting from those by magnitude, and the cost of each row."""
        return _native.choose_classes(
            symbols, self.start(symbols), self.column_class, self.costs, self.class_costs, patience
        )

    def cost(self, symbols: U8, row_class: U8) -> float:
        """Bits that rows take in given classes."""
        _, costs = _native.choose_classes(
            symbols, row_class, self.column_class, self.costs, self.class_costs, 0
        )
        return float(costs.sum(dtype=np.float64)) / COST_UNIT


def fit_classes(
    symbols: U8, dtype: Dtype, row_classes: int, bits: int, rounds: int = 16
) -> tuple[Classes, float]:
    """Fits classes to a sample of rows.

    Args:
        symbols: uint8 array, shape `(rows, columns)`.
        dtype: str. What the values are.
        row_classes: int. How many row classes, 1 to 64.
        bits: int. Probability bits that costs are counted with.
        rounds: int. How often rows and columns choose again.

    Returns:
        The classes, and the bits that the sample takes under them.
    """
    column_level = _column_levels(symbols, dtype)
    levels = _row_levels(symbols, dtype, column_level)
    lowest, highest = (float(levels.min()), float(levels.max())) if len(levels) else (0.0, 0.0)
    step = max(highest - lowest, _SMALLEST_STEP) / max(1, row_classes - 1)
    column_class = np.zeros(symbols.shape[1], np.uint8)
    if row_classes > 1 and len(column_level):
        spread = np.rint((column_level - column_level.min()) / step)
        column_class = np.minimum(spread, MAX_CONTEXTS - row_classes).astype(np.uint8)
    classes = Classes(
        dtype,
        column_class,
        row_classes,
        column_level,
        lowest,
        step,
        np.empty((0, 256), np.uint16),
        np.empty(0, np.uint32),
    )
    row_class = classes.start(symbols)
    classes = with_costs(classes, symbols, row_class, bits)
    cost = classes.cost(symbols, row_class)
    for _ in range(rounds if row_classes > 1 else 0):
        row_class, _ = _native.choose_classes(
            symbols, row_class, classes.column_class, classes.costs, classes.class_costs, 2
        )
        moved = with_costs(_move_columns(classes, symbols, row_class), symbols, row_class, bits)
        last, cost, classes = cost, moved.cost(symbols, row_class), moved
        if cost > (1 - _CONVERGED) * last:
            break
    return classes, cost


def with_costs(classes: Classes, symbols: U8, row_class: U8, bits: int) -> Classes:
    """The same classes with the costs that probabilities fitted to these rows have."""
    counts = _native.count_contexts(symbols, row_class, classes.column_class, classes.contexts)
    members = np.bincount(row_class, minlength=classes.row_classes)[: classes.row_classes]
    class_costs = context_costs(members[None].astype(np.int64), bits)[0].astype(np.uint32)
    costs = context_costs(counts.astype(np.int64), bits)
    return replace(classes, costs=costs, class_costs=class_costs)


def context_costs(counts: NDArray[np.int64], bits: int) -> NDArray[np.uint16]:
    """Cost of every symbol under probabilities fitted to each row of counts, in 1/256 bits."""
    levels = levels_for(counts, bits)
    costs = np.full(counts.shape, ABSENT_COST, np.uint16)
    seen = levels > 0
    used = seen.any(axis=1)
    if used.any():
        share = shares(levels[used], bits)[seen[used]]
        costs[seen] = np.rint((bits - np.log2(share)) * COST_UNIT)
    return costs


def _move_columns(classes: Classes, symbols: U8, row_class: U8) -> Classes:
    """Lets every column move to the class that costs it least."""
    highest = min(int(classes.column_class.max(initial=0)) + 1, MAX_CONTEXTS - classes.row_classes)
    costs = np.full((classes.row_classes + highest, 256), ABSENT_COST, np.float32)
    costs[: len(classes.costs)] = classes.costs
    costs[len(classes.costs) :] = classes.costs[-1]  # a class nobody is in yet
    flat, size = costs.reshape(-1), classes.row_classes << 8
    options = np.stack([flat[k << 8 : (k << 8) + size] for k in range(highest + 1)])
    moved = np.empty_like(classes.column_class)
    step = max(1, _COUNTED_COLUMNS // classes.row_classes)
    for start in range(0, symbols.shape[1], step):
        part = np.ascontiguousarray(symbols[:, start : start + step])
        counts = _native.count_columns(part, row_class, classes.row_classes)
        moved[start : start + step] = np.argmin(counts @ options.T, axis=1)
    return replace(classes, column_class=moved)


def _column_levels(symbols: U8, dtype: Dtype) -> NDArray[np.float32]:
    """Magnitude of every column in octaves."""
    if not symbols.size:
        return np.zeros(symbols.shape[1], np.float32)
    if dtype in ("float32", "float16"):
        means = (symbols ^ np.uint8(128)).mean(axis=0, dtype=np.float32)
        return np.asarray(means / _per_octave(dtype), np.float32)
    total = np.zeros(symbols.shape[1], np.float64)
    for start in range(0, len(symbols), 4096):
        total += np.square(symbols[start : start + 4096].view(np.int8), dtype=np.float32).sum(
            axis=0
        )
    return np.asarray(0.5 * np.log2(total / len(symbols) + 0.1), np.float32)


def _row_levels(
    symbols: U8, dtype: Dtype, column_level: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Magnitude of every row in octaves, relative to what its columns have."""
    if not symbols.size:
        return np.zeros(len(symbols), np.float32)
    if dtype in ("float32", "float16"):
        means = (symbols ^ np.uint8(128)).mean(axis=1, dtype=np.float32)
        return np.asarray(means / _per_octave(dtype) - column_level.mean(), np.float32)
    weights = np.exp2(-2 * (column_level - column_level.mean())).astype(np.float32)
    squares = np.square(symbols.view(np.int8), dtype=np.float32)
    energy = squares @ (weights / symbols.shape[1])
    return np.asarray(0.5 * np.log2(energy + 0.05), np.float32)


def _per_octave(dtype: Dtype) -> np.float32:
    """Symbols of a float dtype from one octave to the next."""
    return np.float32(8 if dtype == "float16" else 1)
