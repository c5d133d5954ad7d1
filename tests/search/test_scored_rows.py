"""Metrics of the rows that scores are taken against."""

import numpy as np
import pytest

from tfcompress.search import scored_rows
from tfcompress.search.item_scores import ItemScores
from tfcompress.search.scored_rows import row_metrics

EXAMPLES, ITEMS, COLUMNS = 200, 30, 4
RNG = np.random.default_rng(0)
SCORES = ItemScores(
    RNG.normal(size=(EXAMPLES, COLUMNS)).astype(np.float32),
    RNG.normal(size=(ITEMS, COLUMNS)).astype(np.float32),
    RNG.normal(size=ITEMS).astype(np.float32),
)
COUNTS = np.append([0, 0], np.arange(ITEMS - 2, 0, -1))


def information():
    """Of scores alone, an example."""
    exact, taken = SCORES.information()
    return (exact - taken) / EXAMPLES


def test_all_rows_together_harm_as_the_table_does():
    reads = 0.5 * np.eye(COLUMNS)
    metrics = row_metrics(SCORES, information() + reads, COUNTS, biased=True)
    total = metrics.traces(np.eye(COLUMNS)).sum()
    assert total == pytest.approx(np.trace(information() + reads), rel=1e-4)


def test_what_reading_adds_goes_by_counts():
    without = row_metrics(SCORES, information(), COUNTS, biased=True)
    added = row_metrics(SCORES, information() + np.eye(COLUMNS), COUNTS, biased=True)
    shares = (added.weights - without.weights) / COLUMNS
    np.testing.assert_allclose(shares, COUNTS / COUNTS.sum(), atol=1e-6)
    # Padding and what is out of the vocabulary are never an answer, and not read in training.
    assert not without.weights[:2].any()


def test_the_most_frequent_rows_have_matrices_where_room_is_short(monkeypatch):
    monkeypatch.setattr(scored_rows, "_MOST_VALUES", 3 * COLUMNS**2)
    metrics = row_metrics(SCORES, information(), COUNTS, biased=True)
    assert metrics.rows.tolist() == [2, 3, 4]
    # The others harm as much as they do, along the directions of the table.
    whole = metrics.traces(np.eye(COLUMNS))
    monkeypatch.undo()
    every = row_metrics(SCORES, information(), COUNTS, biased=True)
    np.testing.assert_allclose(whole, every.traces(np.eye(COLUMNS)), rtol=1e-4)


def test_every_matrix_is_positive_definite_whatever_the_examples_drew():
    """Drawn answers less exact shares: a metric may have directions below nothing."""
    metric = information() - 0.9 * np.diag([np.linalg.eigvalsh(information())[0] * 2, 0, 0, 0])
    metric[0, 0] = -0.5 * np.trace(metric) / COLUMNS
    metrics = row_metrics(SCORES, metric, COUNTS, biased=True)
    assert np.linalg.eigvalsh(metric)[0] < 0
    assert (np.linalg.eigvalsh(metrics.between(2, ITEMS)) > 0).all()


def test_what_does_no_harm_has_none():
    assert row_metrics(SCORES, np.zeros((COLUMNS, COLUMNS)), COUNTS, biased=True) is None
    empty = ItemScores(SCORES.vectors[:0], SCORES.rows, SCORES.bias)
    assert row_metrics(empty, information(), COUNTS, biased=True) is None
