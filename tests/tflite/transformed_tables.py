"""Transformed tables of any shape, made without a float table behind them."""

import numpy as np

from tfcompress.rate_distortion import TransformedTable


def random_transformed(rows, columns, *, seed=0, classes=5, shrink=0.1, rotated=True, offset=True):
    """Coarse integers, `classes` runs of rows (or fewer), a rotation, an offset."""
    rng = np.random.default_rng(seed)
    spread = np.geomspace(3, 0.4, max(1, rows))[:rows, None]
    integers = np.clip(np.rint(rng.laplace(0, spread, (rows, columns))), -127, 127).astype(np.int8)
    starts = np.unique(np.floor(np.geomspace(1, max(1, rows), classes)).astype(np.int64) - 1)
    rotation, scale = None, 1.0
    if rotated:
        axes = np.linalg.qr(rng.normal(size=(columns, columns)))[0]
        scale = float(np.float32(np.abs(axes).max() / 127))
        rotation = np.rint(axes / scale).astype(np.int8)
    steps = rng.uniform(0.1, 1, len(starts)).astype(np.float32)
    added = rng.normal(size=columns).astype(np.float32) if offset else None
    return TransformedTable(
        integers, starts, steps, shrink, rotation, scale, snr_db=12.5, offset=added
    )


def close(found, expected):
    """Equal up to the order in which a product is summed."""
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    largest = np.abs(expected).max(initial=0)
    assert np.abs(found - expected).max(initial=0) <= 1e-6 * largest
