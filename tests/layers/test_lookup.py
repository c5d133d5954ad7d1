import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from tfcompress.layers.hash import bucket_of
from tfcompress.layers.lookup import lookup, to_int32

on_tensorflow = keras.backend.backend() == "tensorflow"


@pytest.mark.skipif(not on_tensorflow, reason="JAX has no 64-bit ids unless x64 is enabled")
@given(st.integers(-(2**63), 2**63 - 1).map(np.int64) | st.integers(0, 2**64 - 1).map(np.uint64))
def test_an_id_survives_or_is_negative(value):
    narrow = int(ops.convert_to_numpy(to_int32(value)))
    assert narrow == value or narrow < 0


@given(st.integers(-(2**31), 2**31 - 1), st.integers(1, 2**31 - 1))
def test_a_bucket_is_in_range_or_negative(value, buckets):
    bucket = int(ops.convert_to_numpy(bucket_of(np.int32(value), np.int32(buckets))))
    assert bucket == value % buckets if value >= 0 else bucket < 0


@pytest.mark.skipif(on_tensorflow, reason="TensorFlow raises")
def test_integer_tables_give_minus_one():
    rows = lookup(np.array([5, 6, 7], "int32"), np.array([-1, 0, 3], "int32"))
    np.testing.assert_array_equal(ops.convert_to_numpy(rows), [-1, 5, -1])
