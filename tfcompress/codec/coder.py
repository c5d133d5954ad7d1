"""What every mode gives the packer: a model, and rows turned into bytes."""

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tfcompress.choices import Mode
from tfcompress.codec.source import Source

U8 = NDArray[np.uint8]


class Coder(Protocol):
    """A mode with everything chosen: what is left is to turn rows into bytes."""

    @property
    def mode(self) -> Mode:
        """The name of the mode."""
        ...

    @property
    def model(self) -> bytes:
        """What a reader needs besides the rows."""
        ...

    @property
    def stride_bits(self) -> int:
        """Bits from row to row, 0 where rows have lengths of their own."""
        ...

    def parts(self, source: Source) -> Iterable[tuple[int, int]]:
        """First and last row (exclusive) of parts that can be encoded apart."""
        ...

    def encode(self, source: Source, start: int, stop: int) -> tuple[U8, NDArray[np.uint32]]:
        """Bytes of a part and, where its rows or blocks have lengths of their own, the lengths.

        Must be safe to call from several threads.
        """
        ...
