"""Rows of a table as symbol counts, and what they cost under a code, read in blocks.

The search for a code and its certificate look at a table only through these three questions: which
symbols occur, what does every row cost under given lengths, and what are the counts of a few rows.
So both work alike on counts held in memory and on a table on disk far larger than memory.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tfcompress.errors import ConfigError

_BLOCK_VALUES = 1 << 18


class RowSource(Protocol):
    """What a search needs to know about the rows of a table.

    Attributes:
        num_rows: int. Number of rows.
        totals: int64 array, shape `(symbols,)`. How often each symbol occurs in the whole table.
    """

    num_rows: int
    totals: NDArray[np.int64]

    def costs(self, lengths: NDArray[Any]) -> NDArray[np.floating[Any]]:
        """Digits every row takes with words of `lengths` (symbols,), whole or real: `(rows,)`.

        Whole lengths give exact whole costs.
        """
        ...

    def counts(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Counts of some rows, shape `(len(rows), symbols)`."""
        ...


class HistogramRows:
    """Rows whose symbol counts are held in memory.

    Args:
        histograms: integer array, shape `(rows, symbols)`, none negative.

    Raises:
        ConfigError: `histograms` has another shape, is not of integers, or has a negative count.
    """

    def __init__(self, histograms: NDArray[np.integer[Any]]) -> None:
        array = np.asarray(histograms)
        if array.ndim != 2 or not np.issubdtype(array.dtype, np.integer):
            raise ConfigError(
                f"histograms: got {array.dtype} {array.shape}, expected integers (rows, symbols)"
            )
        if array.size and array.min() < 0:
            raise ConfigError(f"histograms: got {array.min()}, expected counts of 0 or more")
        self._histograms = array
        self.num_rows = len(array)
        self.totals: NDArray[np.int64] = array.sum(axis=0, dtype=np.int64)
        self._dtype = _exact_float(int(array.sum(axis=1, dtype=np.int64).max(initial=0)))

    def costs(self, lengths: NDArray[Any]) -> NDArray[np.floating[Any]]:
        """See `RowSource.costs`."""
        weights = np.asarray(lengths, self._dtype)
        result = np.empty(self.num_rows, self._dtype)
        for rows in _blocks(self.num_rows, self._histograms.shape[1]):
            result[rows] = self._histograms[rows].astype(self._dtype) @ weights
        return result

    def counts(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """See `RowSource.counts`."""
        return self._histograms[rows].astype(np.int64)


class TableRows:
    """Rows of an int8 or uint8 table, which may be a `np.memmap`; 256 symbols.

    The symbol of a value is its byte: int8 -1 is symbol 255.

    Args:
        table: int8 or uint8 array, shape `(rows, columns)`.

    Raises:
        ConfigError: `table` has another shape or type.
    """

    def __init__(self, table: NDArray[np.int8] | NDArray[np.uint8]) -> None:
        self._bytes = byte_rows(table)
        self.num_rows, columns = self._bytes.shape
        self.totals: NDArray[np.int64] = np.zeros(256, np.int64)
        for rows in _blocks(self.num_rows, columns):
            self.totals += np.bincount(self._bytes[rows].ravel(), minlength=256)
        self._dtype = _exact_float(columns)

    def costs(self, lengths: NDArray[Any]) -> NDArray[np.floating[Any]]:
        """See `RowSource.costs`."""
        weights = np.asarray(lengths, self._dtype)
        columns = self._bytes.shape[1]
        ones = np.ones(columns, self._dtype)
        result = np.empty(self.num_rows, self._dtype)
        for rows in _blocks(self.num_rows, columns):
            # Bytes cannot leave 256 lengths: "clip" only spares numpy the test.
            result[rows] = np.take(weights, self._bytes[rows], mode="clip") @ ones
        return result

    def counts(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """See `RowSource.counts`."""
        return byte_histograms(self._bytes[rows])


def byte_rows(table: NDArray[np.int8] | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same table with its values as bytes, checked; nothing is copied.

    Raises:
        ConfigError: `table` is not an int8 or uint8 array of two dimensions.
    """
    if table.ndim != 2 or table.dtype not in (np.int8, np.uint8):
        raise ConfigError(
            f"table: got {table.dtype} {table.shape}, expected int8 or uint8 (rows, columns); "
            "quantize a float table first"
        )
    return table.view(np.uint8)


def byte_histograms(rows: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Counts of the 256 byte values in each row: `(rows, columns)` to int64 `(rows, 256)`."""
    histograms = np.zeros((len(rows), 256), np.int64)
    for block in _blocks(len(rows), max(rows.shape[1], 256)):
        part = rows[block]
        offsets = np.arange(len(part))[:, None] * 256
        histograms[block] = np.bincount(
            (offsets + part).ravel(), minlength=256 * len(part)
        ).reshape(-1, 256)
    return histograms


def half_histograms(rows: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Counts of the 16 half values, both halves of every byte, in each row: int64 `(n, 16)`."""
    grid = byte_histograms(rows).reshape(-1, 16, 16)
    halves: NDArray[np.int64] = grid.sum(axis=1) + grid.sum(axis=2)
    return halves


def row_blocks(table: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """The rows of `table`, some megabytes of counts at a time."""
    for rows in _blocks(len(table), max(table.shape[1], 256)):
        yield table[rows]


def _blocks(num_rows: int, columns: int) -> Iterator[slice]:
    """Slices of rows that hold about `_BLOCK_VALUES` values each."""
    step = max(1, _BLOCK_VALUES // max(1, columns))
    for start in range(0, num_rows, step):
        yield slice(start, min(start + step, num_rows))


def _exact_float(row_total: int) -> type[np.floating[Any]]:
    """The smallest float type in which row costs with lengths up to 64 are exact."""
    return np.float32 if row_total * 64 < 1 << 24 else np.float64
