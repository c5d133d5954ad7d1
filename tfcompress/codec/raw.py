"""Mode `raw`: rows as they are, for what does not get smaller. The model is empty."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfcompress.choices import Mode
from tfcompress.codec import layout, symbols
from tfcompress.codec.source import Source


@dataclass(frozen=True)
class RawCoder:
    """Copies rows. `stride_bits` is eight times the bytes of a row."""

    stride_bits: int
    mode: Mode = "raw"
    model: bytes = b""

    def parts(self, source: Source) -> Iterator[tuple[int, int]]:
        """Rows are encoded block by block."""
        return source.blocks()

    def encode(
        self, source: Source, start: int, stop: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
        """Rows start..stop as little-endian bytes."""
        rows = symbols.little_endian(source.table[start:stop])
        return rows.reshape(-1), np.empty(0, np.uint32)


def plan(source: Source) -> RawCoder:
    """The coder for any table."""
    return RawCoder(8 * layout.row_bytes(source.dtype, source.columns))
