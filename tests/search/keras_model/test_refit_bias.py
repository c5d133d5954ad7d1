"""Item biases that are fitted to scores against coded tables."""

import keras
import numpy as np
import pytest

from tfcompress import layers
from tfcompress.models import build_sequence_ranker
from tfcompress.models.pooling import ItemBias
from tfcompress.rate_distortion import transform_code
from tfcompress.search.keras_model.refit_bias import BiasRefit
from tfcompress.search.keras_model.scorer import Scorer
from tfcompress.tflite.tables.constants import tables_replaced
from tfcompress.training.variables import assign, values

ITEMS, DIM, LENGTH = 300, 16, 6
NAME = "items/embeddings"


def ranker(output=None):
    """A ranker with random weights, and histories."""
    rng = np.random.default_rng(0)
    items = layers.FullEmbedding(ITEMS, DIM, name="items")
    model = build_sequence_ranker(items, history_length=LENGTH, hidden_units=(24,), output=output)
    for variable in model.weights:
        variable.assign(rng.normal(0, 0.4, variable.shape))
    items.embeddings.assign(rng.normal(0, 1, (ITEMS, DIM)))
    return model, items, rng.integers(2, ITEMS, (1500, LENGTH)).astype(np.int32)


def probabilities(model, ids):
    scores = np.array(model.predict_on_batch(ids)["scores"], np.float64)[:, 2:]
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def tied():
    model, items, histories = ranker()
    return model, items, histories, BiasRefit(model, [items], histories[:1000], histories[:1000])


def test_items_are_called_for_as_often_as_before(tied):
    model, items, histories, refit = tied
    assert refit.names == ("hidden_0", "item_bias")
    coded = transform_code(np.array(items.embeddings), step=1.5, rotation="none")
    unseen = histories[1000:]
    exact = probabilities(model, unseen)
    before = values(refit.variables)
    wanted = refit.wanted()
    errors, divergences = [], []
    with tables_replaced(model, {NAME: coded}):
        solved = refit.solve(wanted)
        for bias in (before[-1], solved[-1]):
            assign(refit.variables, [*solved[:-1], bias])
            found = probabilities(model, unseen)
            errors.append(np.abs(np.log(found.mean(axis=0) / exact.mean(axis=0))).mean())
            divergences.append((exact * np.log(exact / found)).sum(axis=1).mean())
    assign(refit.variables, before)
    assert errors[1] < 0.5 * errors[0]
    assert divergences[1] < divergences[0]
    assert all(np.array_equal(*pair) for pair in zip(solved[-1][:2], before[-1][:2], strict=True))


def test_tables_as_they_were_leave_the_biases(tied):
    _, _, _, refit = tied
    before = values(refit.variables)
    *_, bias = refit.solve(refit.wanted())
    assign(refit.variables, before)
    np.testing.assert_allclose(bias, before[-1], atol=1e-4)


def test_scores_against_a_table_that_is_not_coded():
    output = layers.FullEmbedding(ITEMS, DIM, name="output_items")
    model, items, histories = ranker(output)
    refit = BiasRefit(model, [items], histories, histories)
    assert refit.names == ("hidden_0",)
    assert len(refit.solve(refit.wanted())) == len(refit.variables) == 2
    assert BiasRefit(model, [items, output], histories, histories).names == (
        "hidden_0",
        "item_bias",
    )


@pytest.mark.parametrize("is_tied", [False, True])
def test_dense_layers_follow_shrunk_rows_unless_scores_do_too(is_tied):
    output = layers.FullEmbedding(ITEMS, DIM, name="output_items")
    model, items, histories = ranker(output)
    refit = BiasRefit(model, [items, output], histories, histories, is_tied=is_tied)
    (trained,) = refit.wanted()
    items.embeddings.assign(0.5 * items.embeddings)
    (shrunk,) = refit.wanted()
    assert np.allclose(shrunk.mean, trained.mean) is is_tied


def test_what_biases_take_back_is_no_harm(tied):
    model, items, histories, _ = tied
    ids = histories[:700]
    p = np.hstack([np.zeros((len(ids), 2)), probabilities(model, ids)])
    tower = keras.Model(model.inputs, model.get_layer("user_vector").output)
    h = tower.predict_on_batch(ids).astype(np.float64)
    uncertain = p * (1 - p)
    variances = np.zeros((DIM, DIM))
    for own in uncertain.T[2:]:
        apart = h - own @ h / own.sum()
        variances += (own[:, None] * apart).T @ apart
    metrics = {"read/embeddings": np.eye(DIM), NAME: (uncertain.sum(axis=1)[:, None] * h).T @ h}
    scorer = Scorer.find(model, [items])
    # The one that is only read stands first and has the same shape, as beside an untied output.
    variables = dict.fromkeys(metrics, items.embeddings)
    assert scorer.table(variables) == NAME
    _, taken = scorer.scores(ids).information()
    np.testing.assert_allclose(
        metrics[NAME] - taken, variances, rtol=1e-3, atol=1e-4 * variances.max()
    )
    assert scorer.table({"read/embeddings": items.embeddings}) is None


def test_without_dense_layers_biases_are_fitted_alone():
    ids = keras.Input((LENGTH,), dtype="int32")
    items = layers.FullEmbedding(ITEMS, DIM, name="items")
    vectors = keras.ops.mean(items(ids), axis=1)
    histories = np.random.default_rng(0).integers(2, ITEMS, (300, LENGTH)).astype(np.int32)
    plain = keras.Model(ids, items(vectors, reverse=True))
    assert BiasRefit(plain, [items], histories, histories).names == ()
    biased = keras.Model(ids, ItemBias(name="item_bias")(plain.output))
    refit = BiasRefit(biased, [items], histories, histories)
    assert refit.names == ("item_bias",)
    (bias,) = refit.solve(refit.wanted())
    np.testing.assert_allclose(bias, np.zeros(ITEMS), atol=1e-4)
