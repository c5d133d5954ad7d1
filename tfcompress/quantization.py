"""Float tables to small integers with a scale, and what that costs in signal.

`quantize` is symmetric: integer = round(value / scale), clipped to -(2^(b-1) - 1)..2^(b-1) - 1, so
that zero stays zero and no zero point is stored. One scale serves a row or the whole table. The
signal-to-noise ratio travels with every result, because a size without it says nothing.

Tables are read in blocks of rows, so a table on disk (`np.memmap`) never stands in memory whole.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tfcompress.errors import ConfigError

Granularity = Literal["per_row", "per_table"]
FloatTable = NDArray[np.floating[Any]]

_BLOCK_VALUES = 1 << 22
_SAMPLE_VALUES = 1 << 21


@dataclass(frozen=True)
class QuantizedTable:
    """An integer table and the scale that brings it back.

    Attributes:
        integers: int8 array, shape `(n, D)`, values within +-(2^(num_bits - 1) - 1).
        scale: float32 array, shape `(n, 1)` for "per_row", `(1, 1)` for "per_table"; all positive.
        num_bits: int. 2 to 8.
        granularity: str. "per_row" or "per_table".
        snr_db: float. Signal-to-noise ratio of `dequantize()` in decibels; `inf` when exact.
    """

    integers: NDArray[np.int8]
    scale: NDArray[np.float32]
    num_bits: int
    granularity: Granularity
    snr_db: float

    def dequantize(self) -> NDArray[np.float32]:
        """`integers * scale`, computed in float32: shape `(n, D)`."""
        return self.integers.astype(np.float32) * self.scale


def quantize(
    table: FloatTable,
    num_bits: int = 8,
    granularity: Granularity = "per_row",
    *,
    step: float | None = None,
    name: str = "table",
) -> QuantizedTable:
    """Rounds a float table to integers of `num_bits` bits.

    Args:
        table: float array, shape `(n, D)`. A `np.memmap` is read block by block.
        num_bits: int. 2 to 8.
        granularity: str. "per_row" (each row's largest magnitude meets the largest integer) or
            "per_table" (the table's).
        step: float or None. A scale chosen by the caller, with "per_table" only; see
            `step_for_snr`. It may not push an integer past the range of `num_bits`.
        name: str. What errors call the table.

    Returns:
        QuantizedTable. A row (or table) of zeros has scale 1.

    Raises:
        ConfigError: An argument is out of its range, a value is NaN or infinite (the row is named),
            or `step` is too fine for `num_bits`.
    """
    table = np.asanyarray(table)
    check_floats(table, name)
    if not (isinstance(num_bits, (int, np.integer)) and 2 <= num_bits <= 8):
        raise ConfigError(f"num_bits: got {num_bits!r}, expected an integer from 2 to 8")
    if granularity not in ("per_row", "per_table"):
        raise ConfigError(f"granularity: got {granularity!r}, expected 'per_row' or 'per_table'")
    if step is not None and granularity != "per_table":
        raise ConfigError(f"step: got {step!r} with granularity {granularity!r}; use 'per_table'")
    if step is not None and not (math.isfinite(step) and np.float32(step) > 0):
        raise ConfigError(f"step: got {step!r}, expected a positive float32 number")
    limit = 2 ** (num_bits - 1) - 1
    largest = _row_magnitudes(table, name)
    if step is not None:
        scale = np.full((1, 1), step, np.float32)
        if len(largest) and (reached := np.rint(largest.max() / scale[0, 0])) > limit:
            raise ConfigError(
                f"step: {step!r} gives {name} integers up to {reached:.0f}, past {limit} of "
                f"{num_bits} bits; use a larger step or more bits"
            )
    elif granularity == "per_table":
        scale = _scale_for(largest.max(initial=0, keepdims=True), limit)[:, None]
    else:
        scale = _scale_for(largest, limit)[:, None]

    integers = np.empty(table.shape, np.int8)
    signal = noise = 0.0
    for start, block in _blocks(table):
        rows = slice(start, start + len(block))
        block_scale = scale[rows] if granularity == "per_row" else scale
        rounded = np.clip(np.rint(block / block_scale), -limit, limit)
        integers[rows] = rounded
        signal += _energy(block)
        noise += _energy(block - rounded * block_scale)
    return QuantizedTable(integers, scale, num_bits, granularity, decibels(signal, noise))


def step_for_snr(table: FloatTable, db: float, *, name: str = "table") -> float:
    """The largest step found for one scale on the whole table that keeps a signal-to-noise ratio.

    Use as `quantize(table, 8, "per_table", step=step_for_snr(table, db))`. The search bisects on a
    sample of rows; the result is then checked, and made finer where it must be, on all of them.

    Args:
        table: float array, shape `(n, D)`.
        db: float. The signal-to-noise ratio to keep, in decibels, above 0.
        name: str. What errors call the table.

    Returns:
        float, exactly representable in float32. 1.0 for a table of zeros.

    Raises:
        ConfigError: As `quantize`, or int8 at its finest does not reach `db`.
    """
    check_floats(table, name)
    if not (math.isfinite(db) and db > 0):
        raise ConfigError(f"db: got {db!r}, expected a positive number of decibels")
    largest = float(_row_magnitudes(table, name).max(initial=0))
    if largest == 0:
        return 1.0
    finest = float(_scale_for(np.array([largest], np.float32), 127)[0])
    sample = table[:: max(1, table.size // _SAMPLE_VALUES)]
    # Steps that float32 cannot hold are none.
    coarsest = min(4 * largest, float(np.finfo(np.float32).max))
    low, high = math.log(finest), math.log(coarsest)
    while high - low > 1e-4:
        middle = (low + high) / 2
        if _snr_at(sample, math.exp(middle)) >= db:
            low = middle
        else:
            high = middle
    step = float(np.float32(math.exp(low)))
    while step > finest and _snr_at(table, step) < db:
        step = float(np.float32(step * 0.999))
    step = max(step, finest)
    if (reached := _snr_at(table, step)) < db:
        raise ConfigError(
            f"db: {name} reaches {reached:.2f} dB with one int8 scale, not {db:g}; "
            "ask for less or quantize per row"
        )
    return step


def snr_db(reference: FloatTable, approximation: FloatTable) -> float:
    """10 log10 of the energy of `reference` over the energy of the difference; `inf` when equal.

    Raises:
        ConfigError: The shapes differ.
    """
    if reference.shape != approximation.shape:
        raise ConfigError(
            f"approximation: got shape {approximation.shape}, expected {reference.shape}"
        )
    signal = noise = 0.0
    for start, block in _blocks(reference):
        signal += _energy(block)
        noise += _energy(block - np.asarray(approximation[start : start + len(block)], np.float32))
    return decibels(signal, noise)


def check_floats(table: FloatTable, name: str) -> None:
    """Raises `ConfigError` for what is no table of floats, whatever they are."""
    if table.ndim != 2:
        raise ConfigError(f"{name}: got shape {table.shape}, expected (rows, columns)")
    if not np.issubdtype(table.dtype, np.floating):
        raise ConfigError(f"{name}: got dtype {table.dtype}, expected float16, float32 or float64")


def _blocks(table: FloatTable) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Blocks of rows as float32, each with the number of its first row."""
    rows = max(1, _BLOCK_VALUES // max(1, math.prod(table.shape[1:])))
    for start in range(0, len(table), rows):
        # What float32 cannot hold becomes infinite, which is then found and named.
        with np.errstate(over="ignore"):
            block = np.asarray(table[start : start + rows], np.float32)
        yield start, block


def _row_magnitudes(table: FloatTable, name: str) -> NDArray[np.float32]:
    """Largest magnitude of every row; the place where NaN and infinity are found."""
    largest = np.zeros(len(table), np.float32)
    for start, block in _blocks(table):
        magnitudes = np.abs(block).max(axis=1, initial=0)
        if not np.isfinite(magnitudes).all():
            row = int(np.argmin(np.isfinite(magnitudes)))
            column = int(np.argmin(np.isfinite(block[row])))
            raise ConfigError(
                f"{name} row {start + row}, column {column}: got {block[row, column]}; "
                "only finite float32 values can be quantised"
            )
        largest[start : start + len(block)] = magnitudes
    return largest


def _scale_for(largest: NDArray[np.float32], limit: int) -> NDArray[np.float32]:
    """The scale that takes `largest` to `limit`, kept normal and free of overflow; 1 for zero."""
    scale = np.maximum(largest / np.float32(limit), np.finfo(np.float32).tiny)
    with np.errstate(over="ignore"):
        overflows = np.isinf(scale * np.float32(limit))
    scale = np.where(overflows, np.nextafter(scale, np.float32(0)), scale)
    return np.where(largest == 0, np.float32(1), scale).astype(np.float32)


def _snr_at(table: FloatTable, step: float) -> float:
    scale = np.float32(step)
    signal = noise = 0.0
    for _, block in _blocks(table):
        signal += _energy(block)
        # A multiple of the step that float32 cannot hold is infinitely far away.
        with np.errstate(over="ignore"):
            noise += _energy(block - np.rint(block / scale) * scale)
    return decibels(signal, noise)


def _energy(block: NDArray[np.float32]) -> float:
    return float(np.square(block, dtype=np.float64).sum())


def decibels(signal: float, noise: float) -> float:
    """Signal-to-noise ratio of two energies; infinite without noise, minus infinity for nothing."""
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal and noise < math.inf else -math.inf
