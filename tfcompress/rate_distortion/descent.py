"""Rounding by what all errors of a row do together.

The error e of a row harms by e M e^T, M being the row's own (`RowMetrics`). What rounding by value
leaves out is that errors add up along the vectors that a row is scored with: taking small values to
zero draws an item's scores down for just those who like it. Coordinate descent goes over the values
of a row, each to the integer that costs least, harm and bits, given the others; steps of classes
then are those that harm least.

Reference:
    Frantar, Ashkboos, Hoefler and Alistarh 2022, "GPTQ: Accurate post-training quantization for
    generative pre-trained transformers", section 3 (errors made up for by weights not yet rounded;
    there all rows share one metric, and bits all cost the same).
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tfcompress.codec import rate_fit
from tfcompress.native import _native
from tfcompress.rate_distortion.rounding import MAX_MAGNITUDE
from tfcompress.rate_distortion.row_metrics import RowMetrics
from tfcompress.rate_distortion.transformed_table import TransformedTable

F32 = NDArray[np.float32]

_ROUNDS = 2
"""Costs are counted anew after each."""
_SWEEPS = 2
"""Over the values of a row, in each round."""
_CHUNK_VALUES = 1 << 21
"""Of matrices that are held at a time, in the basis of the integers."""
_FLOOR = 1e-3
"""Part of the mean harm that each value of a row has at least."""
_GAINS = (0.5, 1.5)


def descend(
    coded: TransformedTable,
    target: F32,
    metrics: RowMetrics,
    fit: rate_fit.RateFit | None,
    rate_weight: float,
) -> TransformedTable:
    """Rounds a coded table anew, for less harm at about as many bits.

    Args:
        coded: TransformedTable. Where the descent begins; rotation and offset stay.
        target: float32 array, shape `(n, D)`. What was coded.
        metrics: RowMetrics. Of its rows, in its columns.
        fit: RateFit or None. Contexts that costs are counted in; None where bits weigh nothing.
        rate_weight: float, at least 0. What a bit weighs against the mean harm of an error of one
            step in one value.
    """
    matrix = coded.matrix()
    basis = np.eye(target.shape[1], dtype=np.float32) if matrix is None else matrix
    scales = coded.steps[coded.row_classes]
    values = target @ np.linalg.pinv(basis.astype(np.float64))
    if coded.offset is not None:
        values -= coded.offset
    wanted: F32 = np.ascontiguousarray(values / scales[:, None], np.float32)

    harms = metrics.traces(basis) * scales.astype(np.float64) ** 2 / basis.shape[0]
    counts = harms > 0
    if not counts.any():
        return coded
    unit = float(harms[counts].mean())
    integers = coded.integers
    for _ in range(_ROUNDS):
        contexts, costs, column_class = _costs(integers, fit)
        costs = np.ascontiguousarray(costs[:, : MAX_MAGNITUDE + 1] * np.float32(rate_weight))
        rounded, sums = np.empty_like(integers), np.empty((len(integers), 2))
        step = max(1, _CHUNK_VALUES // basis.size)
        for start in range(0, len(integers), step):
            part = slice(start, start + step)
            own = _in_basis(metrics, part, basis, scales, unit)
            found = np.ascontiguousarray(integers[part])
            for _ in range(_SWEEPS):
                found = _native.descend_rows(
                    own, wanted[part], found, contexts[part], column_class, costs, coded.shrink
                )
            rounded[part] = found
            values = found - np.float32(coded.shrink) * np.clip(found, -1, 1)
            seen = np.matmul(own, values[:, :, None])[:, :, 0]
            sums[part, 0] = np.einsum("rc,rc->r", wanted[part], seen)
            sums[part, 1] = np.einsum("rc,rc->r", values, seen)
        integers = np.where(counts[:, None], rounded, coded.integers)
    sums[~counts] = 0
    kept, energy = np.add.reduceat(sums, coded.class_starts).T
    gains = np.divide(kept, energy, out=np.ones_like(kept), where=energy > 0)
    steps = coded.steps * np.clip(gains, *_GAINS)
    return replace(coded, integers=integers, steps=steps.astype(np.float32))


def _costs(
    integers: NDArray[np.int8], fit: rate_fit.RateFit | None
) -> tuple[NDArray[np.uint8], F32, NDArray[np.uint8]]:
    """Contexts of rows, bits of magnitudes in every context, and what columns add to contexts."""
    if fit is None:
        rows, columns = integers.shape
        nothing = np.zeros((1, MAX_MAGNITUDE + 1), np.float32)
        return np.zeros(rows, np.uint8), nothing, np.zeros(columns, np.uint8)
    magnitudes = np.abs(integers).view(np.uint8)
    contexts = fit.row_contexts(magnitudes)
    return contexts, rate_fit.magnitude_bits(magnitudes, contexts, fit), fit.column_class


def _in_basis(
    metrics: RowMetrics, part: slice, basis: F32, scales: F32, unit: float
) -> NDArray[np.float32]:
    """The matrices of some rows for errors in units of their steps, the mean harm being 1."""
    own = metrics.between(*part.indices(metrics.count)[:2])
    own = np.matmul(np.matmul(basis, own), basis.T)
    own *= (scales[part].astype(np.float64) ** 2 / unit).astype(np.float32)[:, None, None]
    diagonal = np.einsum("rcc->rc", own)
    floor = _FLOOR * np.maximum(diagonal.mean(axis=1, keepdims=True), np.float32(1e-6))
    diagonal += floor
    return np.ascontiguousarray(own)
