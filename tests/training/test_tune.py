"""Tuning around tables that stay: what is frozen, and how fast the rest learns."""

import keras
import numpy as np
import pytest

from tfcompress.training.ranking_task import RankingTask
from tfcompress.training.tune import tune


@pytest.mark.parametrize(("rate_drop", "part"), [(0.5, 0.5), (1.0, 0.25)])
def test_given_variables_stay_and_the_rest_learns_at_the_lower_rate(
    config, dataset, rate_drop, part, monkeypatch
):
    """A training of before there was a lower rate had a drop of 1."""
    rates = []
    adam = keras.optimizers.Adam
    monkeypatch.setattr(keras.optimizers, "Adam", lambda rate: rates.append(rate) or adam(rate))
    task = RankingTask(config.model_copy(update={"rate_drop": rate_drop}), dataset)
    model = task.build_model()
    table = model.get_layer(task.table)
    frozen, learning = table.tables()["U"], table.tables()["v"]
    before = np.array(frozen), np.array(learning)
    tune(task, model, [frozen], epochs=1)
    np.testing.assert_array_equal(frozen, before[0])
    assert not np.array_equal(learning, before[1])
    assert frozen.trainable
    assert rates == [part * config.learning_rate]
