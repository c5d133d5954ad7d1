import keras
import numpy as np

from tfcompress.models.pooling import ItemBias, MeanLastPooling


def test_the_mean_leaves_padding_out_and_the_last_item_follows_it():
    rows = np.array([[[9.0, 9.0], [1.0, 2.0], [3.0, 4.0]]], np.float32)
    pooled = MeanLastPooling()(rows, np.array([[0, 5, 6]], np.int32))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(pooled), [[2.0, 3.0, 3.0, 4.0]])


def test_an_empty_history_has_a_zero_mean():
    rows = np.ones((1, 2, 3), np.float32)
    pooled = MeanLastPooling()(rows, np.zeros((1, 2), np.int32))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(pooled)[0, :3], 0)


def test_the_symbolic_shape_is_that_of_the_result():
    spec = MeanLastPooling().compute_output_shape((None, 7, 4), (None, 7))
    assert spec == (None, 8)


def test_the_bias_of_an_item_adds_to_its_score():
    layer = ItemBias()
    layer.build((None, 3))
    layer.bias.assign([1.0, 2.0, 3.0])
    result = keras.ops.convert_to_numpy(layer(np.zeros((2, 3), np.float32)))
    np.testing.assert_array_equal(result, [[1, 2, 3]] * 2)
