"""Large batches: rows read from the whole table, computed once, are the same rows."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from tfcompress import layers

on_tensorflow = keras.backend.backend() == "tensorflow"

INPUT_DIM = 1000


def gradients(layer, ids, direction, training):
    """Of the sum of direction x rows, by every trainable table."""

    def total(rows):
        return ops.sum(ops.tanh(rows) * direction)

    if on_tensorflow:
        import tensorflow as tf

        @tf.function(input_signature=[tf.TensorSpec((None, 2), "int32")])
        def step(ids):
            with tf.GradientTape() as tape:
                loss = total(layer(ids, training=training))
            sources = [table.value for table in layer.trainable_variables]
            found = tape.gradient(loss, sources)
            return [tf.convert_to_tensor(gradient) for gradient in found]

        return [gradient.numpy() for gradient in step(ids)]
    import jax

    fixed = [table.value for table in layer.non_trainable_variables]

    def loss(tables):
        return total(layer.stateless_call(tables, fixed, ids, training=training)[0])

    tables = [table.value for table in layer.trainable_variables]
    return [np.asarray(gradient) for gradient in jax.jit(jax.grad(loss))(tables)]


def calls_of_embed_all(layer, monkeypatch):
    """The calls, as a list that grows."""
    calls = []
    whole = layer.embed_all
    monkeypatch.setattr(layer, "embed_all", lambda: calls.append(1) or whole())
    return calls


@pytest.mark.parametrize("with_ranks", [False, True])
def test_rows_and_gradients_are_the_same(computed, with_ranks, rng):
    layer = computed.make(ranks=rng.permutation(INPUT_DIM) if with_ranks else None)
    ids = rng.integers(0, INPUT_DIM, (INPUT_DIM, 2)).astype("int32")
    expected = ops.convert_to_numpy(layer(ids))
    rows = ops.convert_to_numpy(layer(ids, training=True))
    np.testing.assert_allclose(rows, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())
    direction = rng.standard_normal(expected.shape).astype("float32")
    one_by_one = gradients(layer, ids, direction, training=False)
    for found, wanted in zip(gradients(layer, ids, direction, True), one_by_one, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5 * np.abs(wanted).max())


def test_only_large_batches_of_training_compute_the_whole_table(computed, rng, monkeypatch):
    layer = computed.make()
    layer.build()
    calls = calls_of_embed_all(layer, monkeypatch)
    ids = rng.integers(0, INPUT_DIM, (INPUT_DIM, 2)).astype("int32")
    few = (math.ceil(layer.embeds_all_from * INPUT_DIM) - 1) // 2
    layer(ids)
    layer(ids[:few], training=True)
    assert not calls
    layer(ids[: few + 1], training=True)
    assert len(calls) == 1


def test_evaluation_that_asks_for_it_does_too(computed, rng, monkeypatch):
    layer = computed.make()
    layer.build()
    ids = rng.integers(0, INPUT_DIM, (INPUT_DIM, 2)).astype("int32")
    expected = ops.convert_to_numpy(layer(ids))
    calls = calls_of_embed_all(layer, monkeypatch)
    with layers.whole_tables():
        rows = ops.convert_to_numpy(layer(ids))
    assert len(calls) == 1
    np.testing.assert_allclose(rows, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())
    layer(ids)
    assert len(calls) == 1


def test_ids_out_of_range_stay_loud(computed, assert_loud):
    layer = computed.make()
    ids = np.arange(INPUT_DIM, dtype="int32")
    for bad in (-1, INPUT_DIM):
        given = np.where(ids == 7, np.int32(bad), ids)
        assert_loud(lambda ids: layer(ids, training=True), given, ids != 7)


def test_mixed_precision(computed):
    layer = computed.make(dtype="mixed_bfloat16")
    rows = layer(np.arange(INPUT_DIM, dtype="int32"), training=True)
    assert keras.backend.standardize_dtype(rows.dtype) == "bfloat16"
