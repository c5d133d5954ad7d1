"""Products with a table that leave its bytes in the .tflite as they lie, once.

A FULLY_CONNECTED reads its weights as (outputs, inputs). Where a formula needs the other layout the
converter folds a transposed copy into the file, unless the product is a BATCH_MATMUL.
"""

import math
from string import ascii_uppercase
from typing import Any

import keras
from keras import ops


def times_rows(h: Any, table: Any) -> Any:
    """Inner products with every row of a table: h table^T.

    Args:
        h: float tensor (..., D).
        table: float tensor (rows, D).

    Returns:
        Float tensor (..., rows). One FULLY_CONNECTED; a GATHER of the same table shares its buffer.
    """
    if len(h.shape) == 2:
        return ops.matmul(h, ops.transpose(table))
    # Beyond two dimensions a matmul would compute its shape in eight operators, an einsum in none.
    # TensorFlow's einsum of float16 gives wrong numbers on processors with AVX512-FP16 (oneDNN),
    # that of bfloat16 takes ten times as long.
    if keras.backend.standardize_dtype(h.dtype) in ("float16", "bfloat16"):
        flat = ops.reshape(h, (-1, h.shape[-1]))
        return like(ops.matmul(flat, ops.transpose(table)), h, h.shape[:-1])
    # Spelled out: with "..." TensorFlow's gradient holds a table for each row of the batch and
    # takes a hundred times as long. Without an option Keras would make it a matmul after all.
    lead = ascii_uppercase[: len(h.shape) - 1]
    return ops.einsum(f"{lead}d,nd->{lead}n", h, table, optimize="greedy")


def times_columns(h: Any, table: Any) -> Any:
    """Inner products with every column of a table: h table.

    Args:
        h: float tensor (batch, D).
        table: float tensor (D, columns).

    Returns:
        Float tensor (batch, columns). One BATCH_MATMUL: slower than `times_rows`, so layers lay
        their tables out such that lookups use rows and only tied outputs use columns.
    """
    # The row added is there for an empty batch, which XNNPACK's BATCH_MATMUL refuses to prepare.
    return ops.matmul(ops.pad(h, [[0, 1], [0, 0]])[None], table[None])[0, :-1]


def like(flat: Any, tensor: Any, shape: Any) -> Any:
    """Gives what was computed on flattened leading dimensions its shape back.

    Args:
        flat: tensor (product of shape, columns).
        tensor: tensor whose leading dimensions `shape` are; asked where they are not static.
        shape: tuple of int or None. The leading dimensions.

    Returns:
        Tensor (*shape, columns).
    """
    lead = list(shape)
    unknown = [axis for axis, size in enumerate(lead) if size is None]
    if len(unknown) == 1 and math.prod(size or 1 for size in lead) > 0:
        lead[unknown[0]] = -1
    elif unknown:
        lead = list(ops.shape(tensor))[: len(lead)]
    return ops.reshape(flat, (*lead, flat.shape[-1]))
