"""What a ranker is validated by: all scores, lists of its best items, a smooth companion."""

import numpy as np
import pytest

from tfcompress.errors import ConfigError
from tfcompress.training.ranking_task import RankingTask, best_columns


def test_lists_of_all_items_are_as_good_as_scores_and_short_ones_are_not(config, dataset):
    task = RankingTask(config, dataset)
    model = task.build_model()
    quality, soft = task.examine(model)
    assert quality == task.validate(model)
    assert quality["ndcg@10"] < soft < 1
    longest = dataset.input_dim - 2
    assert task.validate_lists(model, longest) == pytest.approx(quality)
    assert task.validate_lists(model, 3)["hr@10"] < quality["hr@10"]
    for wrong in (0, longest + 1):
        with pytest.raises(ConfigError, match=f"top_k: got {wrong}, expected 1 to {longest}"):
            task.validate_lists(model, wrong)


def test_ties_go_to_the_smaller_id_at_the_end_of_a_list_too():
    scores = np.random.default_rng(0).integers(0, 4, (50, 200)).astype(np.float32)
    for count in (1, 7, 60, 200):
        expected = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        np.testing.assert_array_equal(best_columns(scores, count), expected)
    scores[3, 150] = np.nan
    assert best_columns(scores, 2)[3, 0] == 150


def test_training_inputs_are_histories(config, dataset):
    task = RankingTask(config, dataset)
    inputs = task.training_inputs(50)
    assert inputs.shape == (50, config.history_length)
    assert (inputs[:, -1] >= 2).all()
