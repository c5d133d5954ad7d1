"""The one way a row is read: out of range is loud and never reads another id's row.

`keras.ops.take` wraps negative ids (-1 reads the last row, in Keras and in the .tflite it becomes)
and an int64 id cast to int32 may wrap onto a valid one. Every layer therefore reads through
`to_int32` and `lookup`:

| where | id outside 0..rows-1 |
| --- | --- |
| TensorFlow on CPU | `InvalidArgumentError` |
| TensorFlow on GPU | a row of zeros (TensorFlow's own gather; it cannot raise there) |
| JAX and any other backend | a row of NaN (-1 where the table holds integers) |
| .tflite | one GATHER, which refuses to invoke |

XLA clamps ids instead, so under TensorFlow layers that read through here switch `supports_jit` off
and Keras trains and predicts them without XLA.
"""

from typing import Any

import keras
from keras import ops

MAX_ID = 2**31 - 1


def to_int32(ids: Any) -> Any:
    """Casts ids to int32 as `keras.layers.Embedding` does, but never onto another id.

    Args:
        ids: tensor of any shape and dtype. Floats are truncated, as Keras does.

    Returns:
        int32 tensor of the same shape. A 64-bit id that int32 cannot hold becomes -1. (JAX narrows
        64-bit arrays to 32 bits before any layer sees them, unless it runs with x64 enabled.)
    """
    ids = ops.convert_to_tensor(ids)
    dtype = keras.backend.standardize_dtype(ids.dtype)
    if dtype == "int32":
        return ids
    if dtype == "uint64":  # TensorFlow's comparison of these overlooks the upper half
        dtype, ids = "int64", ops.cast(ids, "int64")
    narrow = ops.cast(ids, "int32")
    if dtype == "int64":
        survives = ops.equal(ops.cast(narrow, dtype), ids)
        narrow = ops.where(survives, narrow, -1)
    return narrow


def lookup(table: Any, ids: Any) -> Any:
    """Reads rows of `table`.

    Args:
        table: variable or tensor (rows, ...).
        ids: int32 tensor of any shape.

    Returns:
        Tensor (*ids.shape, ...) of the table's dtype; see the module's table for ids out of range.
    """
    table = ops.convert_to_tensor(table)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.gather(table, ids)
    is_float = keras.backend.is_float_dtype(keras.backend.standardize_dtype(table.dtype))
    outside = float("nan") if is_float else -1
    if keras.backend.backend() == "jax":
        # One pass over the rows; the operators below take three.
        return table.at[ids].get(mode="fill", fill_value=outside, wrap_negative_indices=False)
    valid = ops.logical_and(ids >= 0, ids < table.shape[0])
    found = ops.take(table, ops.where(valid, ids, 0), axis=0)
    for _ in table.shape[1:]:
        valid = ops.expand_dims(valid, -1)
    return ops.where(valid, found, outside)


def refuse_above(index: Any, ids: Any, input_dim: int) -> Any:
    """Makes a row number loud where the id it was computed from is past the end.

    Arithmetic such as i // m or min(i, k) maps those onto valid rows; negative ids it leaves
    negative.

    Args:
        index: int32 tensor.
        ids: int32 tensor of the same shape.
        input_dim: int. n.

    Returns:
        `index`, with -1 where the id is n or more.
    """
    return ops.where(ids < input_dim, index, -1)


def still_loud(largest: Any, rows: Any) -> Any:
    """The maxima of looked up rows, loud where one of the rows is: XLA's maximum may drop a NaN.

    Args:
        largest: float tensor (..., D).
        rows: float tensor (..., rows, D) that they are the maxima of.

    Returns:
        Float tensor (..., D).
    """
    if keras.backend.backend() == "tensorflow":
        return largest
    return ops.where(ops.any(ops.isnan(rows), axis=-2), float("nan"), largest)


def take_columns(scores: Any, columns: Any) -> Any:
    """Reads columns that are known to be in range, without the operators that wrap negative ids.

    Args:
        scores: float tensor (..., n).
        columns: int32 variable or tensor (k,), each in 0..n-1.

    Returns:
        Float tensor (..., k).
    """
    columns = ops.convert_to_tensor(columns)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.gather(scores, columns, axis=-1)
    return ops.take(scores, columns, axis=-1)
