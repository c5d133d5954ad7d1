"""What a method of fixed stride reaches on a table."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ByteTable = NDArray[np.int8] | NDArray[np.uint8]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Baseline:
    """What a method of fixed stride reaches on a table.

    Attributes:
        name: str. The method.
        stride: int. Bits of the worst row.
        columns: int. Values in a row.
    """

    name: str
    stride: int
    columns: int

    @property
    def saved(self) -> float:
        """The share of 8 bits a value that the stride saves."""
        return 1 - self.stride / (8 * self.columns) if self.columns else 0.0
