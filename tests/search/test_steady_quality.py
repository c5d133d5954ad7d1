"""What is measured where validation is small."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tfcompress.data import LOADERS, synthetic_text
from tfcompress.data.dataset import Examples
from tfcompress.search import Budget
from tfcompress.search.keras_model import search as keras_search
from tfcompress.search.run.quality import RunQuality
from tfcompress.search.run.search import search_run
from tfcompress.search.steady_quality import (
    SteadyQuality,
    added_examples,
    steady_examine,
)
from tfcompress.search.within_budget import Found


def test_the_last_items_of_training_rows_are_asked_for(dataset):
    added = added_examples(dataset)
    rows = [row for row in dataset.train if len(row) > 3]
    assert len(added.targets) == len(rows)
    for row, history, targets in zip(rows, added.history, added.targets, strict=True):
        np.testing.assert_array_equal(row[:-3], history)
        np.testing.assert_array_equal(row[-3:], targets)


def test_only_as_many_rows_as_are_wanted(dataset, monkeypatch):
    few = len(dataset.valid.targets.values)
    monkeypatch.setattr("tfcompress.search.steady_quality._WANTED", few + 30)
    added = added_examples(dataset)
    assert len(added.targets.values) == 30
    rows = [row for row in dataset.train if len(row) > 3]
    # Evenly spread.
    np.testing.assert_array_equal(added.targets[0], rows[0][-3:])
    np.testing.assert_array_equal(added.targets[9], rows[-1][-3:])


def test_nothing_is_added_where_validation_suffices(dataset, monkeypatch):
    few = len(dataset.valid.targets.values)
    monkeypatch.setattr("tfcompress.search.steady_quality._SUFFICES", few)
    assert added_examples(dataset) is None


def test_nothing_is_added_where_there_is_nothing(dataset):
    short = replace(dataset, train=dataset.train.first(3))
    assert added_examples(short) is None
    assert added_examples(synthetic_text.generate(num_texts=60)) is None


class Part:
    """Stands for a RunQuality: what it gives of "trained" and "coded"."""

    def __init__(self, given, targets, added=None):
        self.given, self.added = given, added
        rows = SimpleNamespace(values=np.zeros(targets))
        self.dataset = SimpleNamespace(valid=Examples(rows, rows))

    def examine(self, model):
        return self.given[model]

    def on(self, examples):
        assert examples is EXAMPLES
        return self.added


EXAMPLES = object()


def test_each_part_is_relative_to_the_trained_model_and_targets_weigh_alike():
    added = Part({"trained": (0.8, 0.9), "coded": (0.72, 0.81)}, 300)
    measured = Part({"trained": (0.1, 0.2), "coded": (0.05, 0.15)}, 100, added)
    steady = SteadyQuality(measured, "trained", EXAMPLES)
    assert steady.examine("trained") == pytest.approx((0.1, 0.2))
    # A quarter of the targets keeps 1/2 and 3/4, three quarters keep 9/10 of both.
    assert steady.examine("coded") == pytest.approx((0.1 * 0.8, 0.2 * 0.8625))


def test_a_part_of_which_nothing_is_known_leaves_validation_alone():
    added = Part({"trained": (0.0, 0.9), "coded": (0.0, 0.81)}, 300)
    measured = Part({"trained": (0.1, 0.2), "coded": (0.05, 0.15)}, 100, added)
    assert SteadyQuality(measured, "trained", EXAMPLES).examine("coded") == (0.05, 0.15)


def test_only_a_small_validation_is_steadied(dataset, monkeypatch):
    measured = Part({"trained": (0.1, 0.2), "coded": (0.05, 0.15)}, 100)
    measured.dataset = dataset
    measured.added = Part({"trained": (0.1, 0.2), "coded": (0.1, 0.2)}, 0)
    monkeypatch.setattr(measured, "on", lambda examples: measured.added)
    measured.added.dataset = replace(dataset, valid=added_examples(dataset))
    quality, _ = steady_examine(measured, "trained")("coded")
    assert 0.05 < quality < 0.1
    monkeypatch.setattr("tfcompress.search.steady_quality._SUFFICES", 0)
    assert steady_examine(measured, "trained") == measured.examine


@pytest.mark.parametrize("tuned", [False, True])
def test_searches_of_small_validations_are_steady(trained, dataset, tuned, monkeypatch):
    """But for those that train: they would learn what they are judged by."""
    given = {}
    monkeypatch.setitem(LOADERS, "sequence-ranker", lambda source, **options: dataset)
    found = Found(chosen=None, tables={}, reference=0.0, float_bytes=0, trials=())
    monkeypatch.setattr(
        keras_search, "find_tables", lambda *args, **options: given.update(options) or found
    )
    model = trained.model()
    measured = RunQuality(trained, model)
    search_run(model, Budget(max_loss=0.1), measured, tune_epochs=int(tuned))
    assert (given["examine"] == measured.examine) is tuned
    assert given["examine"](model) == pytest.approx(measured.examine(model))
    table = model.get_layer("item_embedding").embeddings
    table.assign(np.random.default_rng(0).normal(size=table.shape) * np.std(table))
    assert (given["examine"](model) == pytest.approx(measured.examine(model))) is tuned
