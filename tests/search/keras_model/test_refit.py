"""Dense layers that are fitted to what coded tables give them."""

import keras
import numpy as np
import pytest

from tfcompress import layers
from tfcompress.models import build_sequence_ranker
from tfcompress.search.keras_model.refit import DenseRefit

ITEMS, DIM, LENGTH = 300, 16, 6


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    items = layers.FullEmbedding(ITEMS, DIM, name="items")
    output = layers.FullEmbedding(ITEMS, DIM, name="output_items")
    return build_sequence_ranker(items, history_length=LENGTH, hidden_units=(8,), output=output)


@pytest.fixture
def histories():
    """Of one item to LENGTH, padded on the left."""
    rng = np.random.default_rng(0)
    ids = rng.integers(2, ITEMS, (500, LENGTH))
    return np.where(np.arange(LENGTH) < rng.integers(0, LENGTH, (500, 1)), 0, ids).astype(np.int32)


def test_what_tables_lost_evenly_comes_back(model, histories):
    items = model.get_layer("items")
    refit = DenseRefit(model, [items], histories)
    assert refit.names == ("hidden_0",)
    exact = np.array(model(histories)["scores"])
    wanted = refit.wanted()
    items.embeddings.assign(0.5 * np.array(items.embeddings) + 0.01)
    lost = np.abs(np.array(model(histories)["scores"]) - exact).max()
    for variable, value in zip(refit.variables, refit.solve(wanted), strict=True):
        variable.assign(value)
    assert np.abs(np.array(model(histories)["scores"]) - exact).max() < 0.2 * lost


def test_rows_that_are_all_alike_teach_nothing(model, histories):
    items = model.get_layer("items")
    refit = DenseRefit(model, [items], histories)
    kernel, _ = (np.array(variable) for variable in refit.variables)
    wanted = refit.wanted()
    # A mean of a history differs from another by rounding only.
    row = np.random.default_rng(1).normal(0, 0.05, DIM)
    items.embeddings.assign(np.broadcast_to(row, (ITEMS, DIM)))
    fitted, _ = refit.solve(wanted)
    assert np.abs(fitted).max() < 2 * np.abs(kernel).max()
