"""What the files of the contract test share."""

import keras
import numpy as np
import pytest
from keras import ops

INPUT_DIM = 1000
OUTPUT_DIM = 16
LENGTH = 5


def on_tensorflow():
    return keras.backend.backend() == "tensorflow"


once = pytest.mark.skipif(not on_tensorflow(), reason="the same on every backend: tested once")


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


def ids_of(rng, *shape, high=INPUT_DIM):
    return rng.integers(0, high, shape).astype("int32")


def assert_rows(rows, expected):
    """Equal up to the order in which a product of another batch size is summed."""
    np.testing.assert_allclose(numpy(rows), expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())
