"""From a float table to a `TransformedTable`: classes, rotation, rounding, reconstruction."""

import math
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tfcompress.codec import rate_fit
from tfcompress.codec.source import as_source
from tfcompress.errors import ConfigError
from tfcompress.quantization import check_floats, snr_db
from tfcompress.rate_distortion import rotation as rotations
from tfcompress.rate_distortion import row_classes as classes
from tfcompress.rate_distortion.descent import descend
from tfcompress.rate_distortion.rare_rows import shrink_rare
from tfcompress.rate_distortion.reconstruction import centroids, gain, refit_axes
from tfcompress.rate_distortion.rounding import MAX_MAGNITUDE, round_to, thresholds
from tfcompress.rate_distortion.row_metrics import RowMetrics, check_row_metrics
from tfcompress.rate_distortion.transformed_table import TransformedTable, row_bands

F32 = NDArray[np.float32]
Rotation = Literal["principal_axes", "none"]

ROTATIONS = ("principal_axes", "none")
_LEAST = np.finfo(np.float32).tiny
_ROUNDS = 3
_FITS_PER_OCTAVE = 4
"""Steps so near to each other share the contexts that costs are counted in."""


class TransformCoder:
    """A table made ready once, to be coded at many steps.

    Args:
        table: float array, shape `(n, D)`.
        weights: number array, shape `(n,)`, or None. How often each row is read (training counts).
            None takes a Zipf law of the rank, rows being sorted by frequency.
        rotation: str. "principal_axes" or "none".
        row_step_exponent: float, 0 to 2. The step of a row grows as weight^-exponent. 0.5 makes the
            error of a row, times how often it is read, alike everywhere; 0 is one step for all.
        metric: float array, shape `(D, D)`, or None. Positive semidefinite M: the error e of a row
            harms the model by e M e^T. The columns are then turned to the principal axes of what
            the model sees of the table, with finer steps along those it is sensitive to. None
            takes every direction to be alike. Needs the rotation.
        rare_shrinkage: float, at least 0. How far rows are drawn to the mean row before they are
            coded, see `rare_rows`: a row that is read so many times goes half the way. The mean
            row is stored as the `offset`. 0 leaves rows as they are, without an offset.
        row_metrics: RowMetrics or None. The same of each row, in the columns of the table. Integers
            are then chosen by what all errors of a row do together, see `descent`.
        name: str. What errors call the table.

    Raises:
        ConfigError: An argument is out of its range, a value is NaN or infinite (the row is named),
            or values are so large that float32 does not hold them scaled and rotated.
    """

    def __init__(
        self,
        table: NDArray[np.floating],
        weights: NDArray[np.number] | None = None,
        rotation: Rotation | bool = "principal_axes",
        row_step_exponent: float = 0.5,
        *,
        metric: NDArray[np.floating] | None = None,
        rare_shrinkage: float = 0.0,
        row_metrics: RowMetrics | None = None,
        name: str = "table",
    ) -> None:
        self._table, self._name = _finite(table, name), name
        self._highest = np.abs(self._table).max(initial=0)
        if isinstance(rotation, bool):
            rotation = "principal_axes" if rotation else "none"
        if rotation not in ROTATIONS:
            raise ConfigError(f"rotation: got {rotation!r}, expected one of {', '.join(ROTATIONS)}")
        if not 0 <= row_step_exponent <= 2:
            raise ConfigError(f"row_step_exponent: got {row_step_exponent}, expected 0 to 2")
        if not (math.isfinite(rare_shrinkage) and rare_shrinkage >= 0):
            raise ConfigError(f"rare_shrinkage: got {rare_shrinkage!r}, expected at least 0")
        if rare_shrinkage and weights is None:
            raise ConfigError("rare_shrinkage: needs weights, which tell the rare rows")
        rows = len(self._table)
        if weights is None:
            counts = classes.zipf_weights(rows)
        else:
            counts = classes.check_weights(weights, rows, name)
        self._starts = np.zeros(1, np.int64)
        if row_step_exponent and rows:
            self._starts = classes.class_starts(counts)
        self._sizes = np.diff(np.append(self._starts, rows))
        self._scales = classes.class_scales(counts, self._starts, row_step_exponent)
        self._band = row_bands(self._starts, rows)
        read = counts > 0 if counts.any() else np.ones(rows, bool)

        _check_metric(metric, self._table.shape[1], rotation)
        self._row_metrics = check_row_metrics(row_metrics, self._table)
        self._target, self._mean = self._table, None
        if rare_shrinkage:
            self._target, self._mean = shrink_rare(self._table, counts, rare_shrinkage)
        scales = np.repeat(self._scales, self._sizes)
        self._row_weights: F32 = (read / scales**2).astype(np.float32)
        with np.errstate(over="ignore"):
            scaled = self._target / scales[:, None]
        self._refuse_overflow(scaled)
        self._axes: NDArray[np.int8] | None = None
        self._axes_scale = 1.0
        if rotation == "principal_axes" and scaled.size:
            axes = rotations.principal_axes(scaled[read], metric)
            self._axes, self._axes_scale = rotations.store(axes)
            # The inverse of what is stored, not of what was meant: its rounding costs nothing.
            with np.errstate(over="ignore"):
                scaled = (scaled @ np.linalg.pinv(self._axes * self._axes_scale)).astype(np.float32)
            self._refuse_overflow(scaled)
        self._fits: dict[int, rate_fit.RateFit] = {}
        self._values = scaled
        self._magnitudes = np.abs(scaled)
        energy = np.square(scaled[read], dtype=np.float64)
        self._rms = math.sqrt(energy.mean()) if energy.any() else 1.0
        largest = self._magnitudes.max(axis=1, initial=0)
        self._largest = (
            np.maximum.reduceat(largest, self._starts) if rows else np.zeros(1, np.float32)
        )

    @property
    def target(self) -> F32:
        """What is coded for: the table, or what shrinkage leaves of it; float32, shape `(n, D)`."""
        return self._target if self._mean is None else self._target + self._mean

    # Past the largest float32 all is infinite or no number in the end, and refused.
    @np.errstate(over="ignore", invalid="ignore")
    def encode(self, step: float, rate_weight: float = 0.15) -> TransformedTable:
        """Codes the table.

        Args:
            step: float, positive. In units of the root mean square of the values once steps of
                classes and rotation are applied. Where integers would pass +-127, a class has a
                larger step of its own.
            rate_weight: float, at least 0. What a bit weighs against squared distortion in units of
                the step; 0 rounds to the nearest.

        Returns:
            `TransformedTable`.

        Raises:
            ConfigError: An argument is out of its range, or values are too large, as above, or too
                small for a step that float32 holds.
        """
        if not (math.isfinite(step) and step > 0):
            raise ConfigError(f"step: got {step!r}, expected a positive number")
        if not (math.isfinite(rate_weight) and rate_weight >= 0):
            raise ConfigError(f"rate_weight: got {rate_weight!r}, expected a number of at least 0")
        steps = np.maximum(self._rms * step, self._largest / MAX_MAGNITUDE)
        if (steps * self._scales.astype(np.float64) < _LEAST)[self._largest > 0].any():
            raise ConfigError(
                f"{self._name}: got values up to {self._highest:.3g}, too near to the smallest of "
                "float32 to be told apart by steps; multiply the table by a number"
            )
        inverse = np.repeat(1 / steps, self._sizes).astype(np.float32)
        magnitudes = self._magnitudes * inverse[:, None]
        rounded = np.minimum(np.rint(magnitudes), MAX_MAGNITUDE).astype(np.uint8)
        shrink, factors = centroids(magnitudes, rounded, self._starts)
        fit = None
        if rate_weight and rounded.any():
            fit = self._contexts(round(_FITS_PER_OCTAVE * math.log2(step)))
            for _ in range(_ROUNDS):
                points = np.outer(factors, np.arange(MAX_MAGNITUDE + 1))
                points[:, 1:] -= np.multiply(factors, shrink)[:, None]
                rounded = self._round(magnitudes, rounded, fit, points, rate_weight)
                shrink, factors = centroids(magnitudes, rounded, self._starts)
        integers = np.where(self._values < 0, -rounded.view(np.int8), rounded.view(np.int8))
        steps = factors * steps * self._scales
        if not np.isfinite(steps.astype(np.float32)).all():
            raise ConfigError(
                f"{self._name}: got values up to {self._highest:.3g} and a step of {step:.3g}, "
                "together too large for float32; take a smaller step, or divide the table"
            )
        coded = self._reconstruct(integers, shrink, steps)
        if self._row_metrics is not None and rounded.any():
            coded = descend(coded, self.target, self._row_metrics, fit, rate_weight)
        return replace(coded, snr_db=snr_db(self._table, coded.dequantize()))

    def _contexts(self, number: int) -> rate_fit.RateFit:
        """How contexts split the rounded table, at a step near to that of many codings."""
        if number in self._fits:
            return self._fits[number]
        step = 2.0 ** (number / _FITS_PER_OCTAVE)
        steps = np.maximum(self._rms * step, self._largest / MAX_MAGNITUDE)
        inverse = np.repeat(1 / steps, self._sizes).astype(np.float32)
        rounded = np.minimum(np.rint(self._magnitudes * inverse[:, None]), MAX_MAGNITUDE)
        starts = np.append(0, np.flatnonzero(np.diff(self._band)) + 1)
        fit = rate_fit.fit(as_source(rounded.astype(np.uint8).view(np.int8)), starts)
        self._fits[number] = fit
        return fit

    def _round(
        self,
        magnitudes: F32,
        last: NDArray[np.uint8],
        fit: rate_fit.RateFit,
        points: NDArray[np.float64],
        rate_weight: float,
    ) -> NDArray[np.uint8]:
        """The cheapest magnitudes under the costs that the last ones make.

        `points` are where each class, shape `(classes, magnitudes)`, has its magnitudes.
        """
        contexts = fit.row_contexts(last)
        # Costs and points change little from round to round, so nothing grows past the next.
        used = min(int(last.max()) + 1, MAX_MAGNITUDE) + 1
        bits = rate_fit.magnitude_bits(last, contexts, fit)[:, :used]
        column_classes = int(fit.column_class.max()) + 1
        result = np.empty_like(last)
        for start, size, own_points in zip(self._starts, self._sizes, points, strict=True):
            own = contexts[start : start + size]
            for context in np.unique(own):
                rows = start + np.flatnonzero(own == context)
                costs = bits[context : context + column_classes]
                limits = thresholds(costs, own_points[:used], rate_weight)
                result[rows] = round_to(magnitudes[rows], limits[fit.column_class])
        return result

    def _reconstruct(
        self, integers: NDArray[np.int8], shrink: float, steps: NDArray[np.float64]
    ) -> TransformedTable:
        """Axes, offset and steps that suit the integers best."""
        values = integers - np.float32(shrink) * np.clip(integers, -1, 1)
        values *= np.repeat(steps, self._sizes).astype(np.float32)[:, None]
        axes, scale, offset = self._axes, self._axes_scale, self._mean
        if axes is not None:
            refitted = refit_axes(values, self._target, self._row_weights, axes * scale)
            self._refuse_overflow(refitted)
            axes, scale = rotations.store(refitted, scale)
            matrix = axes * scale
            values = (values @ matrix).astype(np.float32)
            if offset is not None:
                offset = (offset @ np.linalg.pinv(matrix)).astype(np.float32)
        steps = steps * gain(self._target, values, self._row_weights)
        self._refuse_overflow(steps.astype(np.float32))
        return TransformedTable(
            integers,
            self._starts,
            np.maximum(steps, _LEAST).astype(np.float32),
            shrink,
            axes,
            scale,
            snr_db=0.0,
            offset=offset,
        )

    def _refuse_overflow(self, found: NDArray[np.floating]) -> None:
        """Raises `ConfigError` where what was found from a finite table is not finite."""
        if not np.isfinite(found).all():
            raise ConfigError(
                f"{self._name}: got values up to {self._highest:.3g}, too near to the largest of "
                "float32 to be scaled and rotated; divide the table by a number"
            )


def transform_code(
    table: NDArray[np.floating],
    *,
    step: float,
    row_step_exponent: float = 0.5,
    rotation: Rotation | bool = "principal_axes",
    rate_weight: float = 0.15,
    weights: NDArray[np.number] | None = None,
    metric: NDArray[np.floating] | None = None,
    rare_shrinkage: float = 0.0,
    name: str = "table",
) -> TransformedTable:
    """Codes one table once; arguments and errors as of `TransformCoder` and its `encode`."""
    coder = TransformCoder(
        table,
        weights,
        rotation,
        row_step_exponent,
        metric=metric,
        rare_shrinkage=rare_shrinkage,
        name=name,
    )
    return coder.encode(step, rate_weight)


def _finite(table: NDArray[np.floating], name: str) -> F32:
    """The table as float32; raises `ConfigError` for what is none or not finite."""
    check_floats(table, name)
    with np.errstate(over="ignore"):
        result = np.asarray(table, np.float32)
    finite = np.isfinite(result)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise ConfigError(
            f"{name} row {row}, column {column}: got {table[row, column]}; "
            "only finite float32 values can be coded"
        )
    return result


def _check_metric(metric: NDArray[np.floating] | None, columns: int, rotation: str) -> None:
    if metric is None:
        return
    if rotation == "none":
        raise ConfigError("metric: needs rotation='principal_axes', which carries it")
    if metric.shape != (columns, columns) or not np.isfinite(metric).all():
        raise ConfigError(
            f"metric: got {metric.dtype} {metric.shape}, expected finite {(columns, columns)}"
        )
