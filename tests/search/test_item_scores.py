"""Scores by inner products, against what is worked out item by item."""

import numpy as np
import pytest

from tfcompress.search import item_scores
from tfcompress.search.item_scores import ItemScores

EXAMPLES, ITEMS, COLUMNS = 300, 40, 5
RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(EXAMPLES, COLUMNS)).astype(np.float32)
ROWS = RNG.normal(size=(ITEMS, COLUMNS)).astype(np.float32)
BIAS = RNG.normal(size=ITEMS).astype(np.float32)
SCORES = ItemScores(VECTORS, ROWS, BIAS)


def probabilities(rows=ROWS, bias=BIAS):
    scores = VECTORS.astype(np.float64) @ rows.T + bias
    shares = np.exp(scores)
    shares[:, :2] = 0
    return shares / shares.sum(axis=1, keepdims=True)


@pytest.fixture(params=[1, 7, 1 << 24])
def batches(request, monkeypatch):
    monkeypatch.setattr(item_scores, "_BATCH_SCORES", request.param * ITEMS)


def test_items_are_called_for_by_their_softmax(batches):
    np.testing.assert_allclose(SCORES.calls(), probabilities().mean(axis=0), rtol=1e-5)


def test_biases_bring_calls_back():
    coded = ROWS + RNG.normal(0, 0.5, ROWS.shape).astype(np.float32)
    bias = ItemScores(VECTORS, coded, BIAS).fitted_bias(SCORES.calls())
    wanted = probabilities()
    errors, divergences = [], []
    for tried in (BIAS, bias):
        found = probabilities(coded, tried)
        ratios = found.mean(axis=0)[2:] / wanted.mean(axis=0)[2:]
        errors.append(np.abs(np.log(ratios)).mean())
        divergences.append(np.sum(wanted[:, 2:] * np.log(wanted[:, 2:] / found[:, 2:])))
    assert errors[1] < 0.1 * errors[0]
    assert divergences[1] < divergences[0]
    # Never an answer, so nothing to make up for.
    assert np.array_equal(bias[:2], BIAS[:2])


def test_trained_rows_leave_the_biases():
    assert np.array_equal(SCORES.fitted_bias(SCORES.calls()), BIAS)


def test_information_is_that_of_every_item(batches):
    """Beside fitted biases, an error in a row harms by the variance of what it does to scores."""
    exact, taken = SCORES.information()
    means, variances = np.zeros((COLUMNS, COLUMNS)), np.zeros((COLUMNS, COLUMNS))
    for p in probabilities().T[2:]:
        weights = (p * (1 - p))[:, None]
        apart = VECTORS - (weights * VECTORS).sum(axis=0) / weights.sum()
        means += (weights * VECTORS).T @ VECTORS
        variances += (weights * apart).T @ apart
    np.testing.assert_allclose(exact, means, rtol=1e-4, atol=1e-4 * means.max())
    np.testing.assert_allclose(exact - taken, variances, rtol=1e-3, atol=1e-4 * variances.max())


@pytest.mark.parametrize("biased", [False, True])
def test_rows_have_the_information_of_their_own(batches, biased):
    rows = np.array([2, 3, 17, 39])
    own, traces = SCORES.row_information(rows, biased=biased)
    every, _ = SCORES.row_information(np.arange(2, ITEMS), biased=biased)
    for item, p in enumerate(probabilities().T):
        weights = (p * (1 - p))[:, None]
        mean = (weights * VECTORS).sum(axis=0) / max(weights.sum(), 1e-30) if biased else 0
        expected = (weights * (VECTORS - mean)).T @ (VECTORS - mean)
        assert traces[item] == pytest.approx(np.trace(expected), rel=1e-3, abs=1e-9)
        if item in rows:
            found = own[rows.tolist().index(item)]
            np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * expected.max())
    exact, taken = SCORES.information()
    whole = exact - taken if biased else exact
    np.testing.assert_allclose(every.sum(axis=0), whole, rtol=1e-3, atol=1e-4 * whole.max())
