"""The table to be packed: its rows in blocks, as symbols, from memory or from disk."""

import mmap
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tfcompress.codec import layout, symbols
from tfcompress.codec.layout import Dtype, ScaleKind
from tfcompress.errors import ConfigError
from tfcompress.quantization import QuantizedTable

Progress = Callable[[int, int], None]
Result = TypeVar("Result")
U8 = NDArray[np.uint8]

BLOCK_VALUES = 1 << 20
"""Values that are worked on at a time."""
_MAX_WORKERS = 32
"""Each takes some ten megabytes; together they stay far below a gigabyte."""


@dataclass(frozen=True)
class Source:
    """A table as the modes see it.

    Attributes:
        table: array, shape `(rows, ..)`. Rows as they are stored.
        dtype: str. What the values are.
        columns: int. Values per row.
        scales: float32 array. Flat; empty when the table has none.
        scale_kind: str. "none", "per_table" or "per_row".
    """

    table: NDArray[Any]
    dtype: Dtype
    columns: int
    scales: NDArray[np.float32]
    scale_kind: ScaleKind

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.table)

    @property
    def size(self) -> int:
        """Number of values."""
        return self.rows * self.columns

    @property
    def raw_bytes(self) -> int:
        """Bytes of the table as given, scales included."""
        return self.rows * layout.row_bytes(self.dtype, self.columns) + self.scales.nbytes

    @property
    def block_rows(self) -> int:
        """Rows of a block: whole groups, so that blocks can be packed apart."""
        groups = BLOCK_VALUES // max(1, self.columns) // layout.GROUP_ROWS
        return max(1, groups) * layout.GROUP_ROWS

    def split(self, start: int, stop: int) -> tuple[U8, U8]:
        """Symbols and rest of rows start..stop."""
        return symbols.split(self.table[start:stop], self.dtype, self.columns)

    def blocks(self) -> Iterator[tuple[int, int]]:
        """First and last row (exclusive) of each block."""
        for start in range(0, self.rows, self.block_rows):
            yield start, min(start + self.block_rows, self.rows)

    def sample(self, max_values: int) -> "Source":
        """The whole table, or groups of rows spread evenly over it."""
        wanted = max(layout.GROUP_ROWS, max_values // max(1, self.columns))
        if self.rows <= wanted:
            return self
        groups = wanted // layout.GROUP_ROWS
        starts = np.linspace(0, self.rows - layout.GROUP_ROWS, groups).astype(np.int64)
        rows = (starts[:, None] + np.arange(layout.GROUP_ROWS)).reshape(-1)
        return self.take(rows)

    def take(self, rows: NDArray[np.int64]) -> "Source":
        """A table of some of the rows, without scales."""
        return Source(self.table[rows], self.dtype, self.columns, np.empty(0, np.float32), "none")

    def release(self) -> None:
        """Lets go of pages read from a file mapped read-only, so that they do not pile up."""
        mapped = getattr(self.table, "_mmap", None)
        if mapped is not None and getattr(self.table, "mode", "") == "r":
            mapped.madvise(mmap.MADV_DONTNEED)


def as_source(
    table: NDArray[Any] | QuantizedTable, dtype: str | None = None, columns: int | None = None
) -> Source:
    """Checks what `pack` was given.

    Raises:
        ConfigError: The table is not two-dimensional, or of no dtype that the codec knows.
    """
    scales = np.empty(0, np.float32)
    kind: ScaleKind = "none"
    if isinstance(table, QuantizedTable):
        scales, kind = table.scale.astype(np.float32).reshape(-1), table.granularity
        table = table.integers
    table = np.asanyarray(table)
    if table.ndim != 2:
        raise ConfigError(f"table: got shape {table.shape}, expected (rows, columns)")
    if dtype == "int4":
        if table.dtype != np.uint8:
            raise ConfigError(f"table: got dtype {table.dtype}, int4 values come two per uint8")
        columns = 2 * table.shape[1] if columns is None else columns
        if (columns + 1) // 2 != table.shape[1]:
            raise ConfigError(f"columns: got {columns} for rows of {table.shape[1]} bytes")
        if columns % 2 and (table[:, -1] >> 4).any():
            raise ConfigError("table: with an odd number of int4 columns the last nibble must be 0")
        kept: Dtype = "int4"
    else:
        known = [name for name in layout.DTYPES if name == table.dtype.name]
        if not known or dtype not in (None, known[0]):
            raise ConfigError(
                f"dtype: got {dtype or table.dtype} for an array of {table.dtype}, expected one of "
                f"{', '.join(layout.DTYPES)}"
            )
        kept = known[0]
        if columns not in (None, table.shape[1]):
            raise ConfigError(f"columns: got {columns} for rows of {table.shape[1]} values")
        columns = table.shape[1]
    if columns > layout.MAX_COLUMNS:
        raise ConfigError(
            f"table: got {columns} columns, at most {layout.MAX_COLUMNS} can be packed"
        )
    return Source(table, kept, columns, scales, kind)


def map_blocks(
    source: Source,
    function: Callable[[int, int], Result],
    tick: Callable[[int], None],
    blocks: Iterable[tuple[int, int]] | None = None,
) -> Iterator[Result]:
    """Runs `function(start, stop)` on every block on all cores; results come in order.

    No more than a few blocks are in flight, so memory stays bounded.

    Args:
        source: Source. The table.
        function: callable. Works on rows start..stop; must be safe to run in threads.
        tick: callable. Receives the number of rows done, after each block.
        blocks: iterable of (first row, last row exclusive) or None. `source.blocks()` when None.
    """
    blocks = source.blocks() if blocks is None else blocks
    if source.rows <= source.block_rows:  # a thread would take longer to start
        for start, stop in blocks:
            yield function(start, stop)
            tick(stop - start)
        return
    count = min(os.cpu_count() or 1, _MAX_WORKERS)
    with ThreadPoolExecutor(count) as pool:
        waiting: deque[tuple[int, Future[Result]]] = deque()
        for start, stop in blocks:
            waiting.append((stop - start, pool.submit(function, start, stop)))
            if len(waiting) > count + 2:
                rows, future = waiting.popleft()
                yield future.result()
                tick(rows)
                source.release()
        while waiting:
            rows, future = waiting.popleft()
            yield future.result()
            tick(rows)
    source.release()
