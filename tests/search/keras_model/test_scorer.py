"""Scores against the rows of an embedding, found in a model."""

import keras
import numpy as np
import pytest

from tfcompress import layers
from tfcompress.search.keras_model.scorer import Scorer

ITEMS, DIM, LENGTH = 60, 8, 4
IDS = np.random.default_rng(0).integers(0, ITEMS, (10, LENGTH), dtype=np.int32)


def tied(items):
    ids = keras.Input((LENGTH,), dtype="int32")
    user = keras.layers.Dense(DIM)(keras.ops.mean(items(ids), axis=1))
    return keras.Model(ids, items(user, reverse=True))


@pytest.mark.parametrize("kind", [keras.layers.ReversibleEmbedding, layers.FullEmbedding])
def test_scores_are_those_of_the_model(kind):
    items = kind(ITEMS, DIM, name="items")
    model = tied(items)
    scorer = Scorer.find(model, [items])
    np.testing.assert_allclose(
        scorer.scores(IDS).logits(), model.predict(IDS, verbose=0), rtol=1e-5, atol=1e-6
    )
    assert scorer.bias_layer is None
    name = "items/embeddings"
    assert scorer.table({name: items.embeddings}) == name
    assert scorer.table({"others/embeddings": items.embeddings}) is None


def test_every_position_is_an_example():
    items = layers.FullEmbedding(ITEMS, DIM, name="items")
    ids = keras.Input((LENGTH,), dtype="int32")
    model = keras.Model(ids, items(keras.layers.Dense(DIM)(items(ids)), reverse=True))
    found = Scorer.find(model, [items]).scores(IDS).logits()
    expected = model.predict(IDS, verbose=0).reshape(-1, ITEMS)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_there_are_none():
    items = keras.layers.ReversibleEmbedding(ITEMS, DIM, tie_weights=False, name="items")
    assert Scorer.find(tied(items), [items]) is None
    only_read = layers.FullEmbedding(ITEMS, DIM, name="items")
    ids = keras.Input((LENGTH,), dtype="int32")
    model = keras.Model(ids, keras.layers.Dense(DIM)(only_read(ids)[:, -1]))
    only_read(model.output, reverse=True)  # of another model, on the same layer
    assert Scorer.find(model, [only_read]) is None
    assert Scorer.find(model, []) is None
