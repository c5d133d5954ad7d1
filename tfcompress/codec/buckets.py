"""Buckets of magnitudes: what probabilities of mode `rate` are kept for, in place of every symbol.

Magnitudes 0 to 15 have a bucket each, then there are two an octave, then one for 128; signs and
the place within a bucket are coded apart.
"""

import numpy as np
from numpy.typing import NDArray

BUCKETS = 23
ABSENT_BITS = 16.0
"""What a bucket costs that a context has not seen."""


def _bucket_table() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Bucket of every magnitude to 128; least magnitude and raw bits of every bucket."""
    starts = [*range(16), 16, 24, 32, 48, 64, 96, 128]
    raw = [0] * 16 + [3, 3, 4, 4, 5, 5, 0]
    bucket = np.searchsorted(starts, np.arange(129), side="right") - 1
    return bucket, np.array(starts), np.array(raw)


BUCKET_OF, BUCKET_START, _RAW_BITS = _bucket_table()
SYMBOL_BUCKET = BUCKET_OF[np.abs(np.arange(256).astype(np.uint8).view(np.int8).astype(int))]
"""Bucket of a symbol byte."""
FOLD = np.eye(BUCKETS, dtype=np.float32)[SYMBOL_BUCKET]
"""Counts of symbols times this are counts of buckets: float32, shape `(256, BUCKETS)`."""


def bucket_bits(counts: NDArray[np.float64]) -> NDArray[np.float32]:
    """Bits of every bucket by how often it occurs in each context, with sign and raw bits.

    Args:
        counts: float64 array, shape `(contexts, BUCKETS)`.

    Returns:
        float32 array of that shape.
    """
    totals = counts.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = -np.log2(counts / totals)
    bits = np.where(counts > 0, np.minimum(bits, ABSENT_BITS - 1), ABSENT_BITS)
    bits[:, 1:] += 1 + _RAW_BITS[1:]
    return bits.astype(np.float32)
