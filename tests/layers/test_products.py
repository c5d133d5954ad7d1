"""Products with tables: their values, and what their gradients cost."""

import math

import keras
import numpy as np
import pytest

from tfcompress.layers.products import times_rows


@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 5, 3), (2, 2, 2, 3)])
def test_rows_are_multiplied(shape):
    rng = np.random.default_rng(0)
    h, table = rng.normal(size=shape).astype("float32"), rng.normal(size=(7, 3)).astype("float32")
    found = np.asarray(
        times_rows(keras.ops.convert_to_tensor(h), keras.ops.convert_to_tensor(table))
    )
    np.testing.assert_allclose(found, h @ table.T, rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's gradient")
def test_the_gradient_of_a_table_has_no_copy_for_each_row_of_the_batch():
    import tensorflow as tf

    batch, ids, width, rows = 50, 2, 3, 7

    @tf.function
    def gradients(h, table):
        with tf.GradientTape() as tape:
            tape.watch([h, table])
            products = times_rows(h, table)
        return tape.gradient(products, [h, table])

    graph = gradients.get_concrete_function(
        tf.TensorSpec((batch, ids, width)), tf.TensorSpec((rows, width))
    ).graph
    sizes = {
        math.prod(output.shape)
        for operation in graph.get_operations()
        for output in operation.outputs
        if output.shape.is_fully_defined()
    }
    assert max(sizes) == batch * ids * rows  # the products; a table for each row were 1,050
