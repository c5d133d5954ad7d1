"""A model with its tables replaced, trained: on JAX too, where arrays are shared more easily."""

import keras
import numpy as np

from tfcompress.replace import replace_embeddings

ROWS, DIM, LENGTH = 60, 8, 5


def test_training_the_new_model_leaves_the_old_one_as_it_is():
    """On JAX two variables could share an array, which training of one deletes."""
    inputs = keras.Input((LENGTH,), dtype="int32")
    words = keras.layers.Embedding(ROWS, DIM, name="words")(inputs)
    outputs = keras.layers.Dense(1)(keras.layers.Dense(DIM)(keras.layers.Flatten()(words)))
    model = keras.Model(inputs, outputs)
    ids = np.random.default_rng(0).integers(0, ROWS, (8, LENGTH)).astype(np.int32)
    before = np.array(keras.ops.convert_to_numpy(model(ids)))
    small = replace_embeddings(model, {"words": {"embedding": "hash", "ratio": 4}}, fit=True)
    small.compile(optimizer="adam", loss="mse")
    small.fit(ids, np.ones((8, 1)), verbose=0)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(model(ids)), before)
