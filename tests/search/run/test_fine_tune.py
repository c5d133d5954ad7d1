"""Runs that go on from others with rounded tables."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from tfcompress.data import LOADERS
from tfcompress.errors import ConfigError
from tfcompress.rate_distortion.stored_tables import load_tables
from tfcompress.search.run.fine_tune import Coarseness, fine_tune
from tfcompress.search.run.tuning import Tuning
from tfcompress.search.search import START
from tfcompress.search.shipped_bytes import shipped_bytes
from tfcompress.tflite.tables.table_reads import TableReads
from tfcompress.training import Run
from tfcompress.training.ranking_task import RankingTask

NAME = "item_embedding/embeddings"


@pytest.fixture(autouse=True)
def loaded(dataset, monkeypatch):
    """The data of the runs, whatever they are named."""
    monkeypatch.setitem(LOADERS, "sequence-ranker", lambda source, **options: dataset)


def better_and_better(patch):
    """Training helps, whatever the little data say of it."""
    examine, softs = RankingTask.examine, itertools.count()
    patch.setattr(
        RankingTask, "examine", lambda task, model: (examine(task, model)[0], next(softs))
    )


@pytest.fixture(scope="module")
def tuned(trained, dataset, tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("tuned") / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(LOADERS, "sequence-ranker", lambda source, **options: dataset)
        better_and_better(patch)
        fine_tune(trained, run, Coarseness(times_smaller=12), epochs=2)
    return run


def test_a_run_like_any_other_holds_coded_tables(trained, tuned, config, dataset):
    metrics, tables = tuned.metrics(), load_tables(tuned.tables_file)
    model = tuned.model()
    coded = tables[NAME].dequantize()
    np.testing.assert_array_equal(model.get_layer("item_embedding").embeddings, coded)
    about = metrics["fine_tuning"]
    assert about["float_bytes"] == coded.nbytes
    assert 0.9 * coded.nbytes / 12 < about["table_bytes"] <= coded.nbytes / 12
    # The rotation goes into the next layer, so it does not count.
    assert about["table_bytes"] == shipped_bytes(
        tables[NAME], "delegate", TableReads(is_folded=True)
    )
    before, now = trained.metrics()["valid"], metrics["valid"]
    assert about["started_from"]["validation"] == pytest.approx(before["ndcg@10"])
    # Coded by a twelfth of the bytes, the little model does not give the same any more.
    assert set(about["coded_only"]) == {"validation", "test"}
    assert about["coded_only"] != about["started_from"]
    assert about["helps"]
    assert now["ndcg@10"] == metrics["history"][-1]["ndcg@10"]
    assert metrics["best_epoch"] == 1
    made = tuned.config()
    assert made.fine_tuning.run == str(trained.path)
    kept = {"fine_tuning": None, "epochs": config.epochs}
    assert made.model_copy(update=kept) == config
    assert tuned.vocabulary().sha256 == dataset.vocabulary.sha256


def test_the_same_seed_gives_the_same_tables_and_another_one_does_not(
    trained, tuned, tmp_path, monkeypatch
):
    better_and_better(monkeypatch)
    again, other = Run(tmp_path / "again"), Run(tmp_path / "other")
    fine_tune(trained, again, Coarseness(times_smaller=12), epochs=2)
    fine_tune(trained, other, Coarseness(times_smaller=12), epochs=2, seed=1)
    assert again.tables_file.read_bytes() == tuned.tables_file.read_bytes()
    for one, two in zip(again.model().get_weights(), tuned.model().get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert other.tables_file.read_bytes() != tuned.tables_file.read_bytes()


def test_a_training_that_makes_it_worse_is_not_kept(trained, tmp_path):
    run = Run(tmp_path / "run")
    # A hopeless learning rate.
    metrics = fine_tune(trained, run, Coarseness(times_smaller=12), learning_rate=5.0)
    assert not metrics["fine_tuning"]["helps"]
    assert metrics["valid"]["ndcg@10"] > metrics["history"][-1]["ndcg@10"]
    coded = load_tables(run.tables_file)[NAME].dequantize()
    np.testing.assert_array_equal(run.model().get_layer("item_embedding").embeddings, coded)


@pytest.mark.parametrize(("without", "with_it"), [(2.0, 1.0), (1.0, 2.0)])
def test_the_better_of_training_with_dropout_and_without_is_kept(
    without, with_it, trained, tmp_path, monkeypatch, config, dataset
):
    # What is coded and both trainings, in this order.
    reached, softs = Tuning.reached, iter((0.0, without, with_it))
    monkeypatch.setattr(Tuning, "reached", lambda own: replace(reached(own), soft=next(softs)))
    run, entries = Run(tmp_path / "run"), []
    metrics = fine_tune(trained, run, Coarseness(times_smaller=12), on_epoch=entries.append)
    assert [entry["dropout"] for entry in entries] == [0.0, config.dropout]
    assert entries[0]["loss"] != entries[1]["loss"]
    kept = entries[int(with_it > without)]
    assert metrics["history"] == [kept]
    assert metrics["fine_tuning"]["dropout"] == kept["dropout"]
    model, coded = run.model(), load_tables(run.tables_file)[NAME].dequantize()
    np.testing.assert_array_equal(model.get_layer("item_embedding").embeddings, coded)
    quality = RankingTask(config, dataset).validate(model)
    assert quality["ndcg@10"] == pytest.approx(kept["ndcg@10"])


def test_chosen_settings_give_the_bytes_of_the_trained_tables(trained, tmp_path):
    run = Run(tmp_path / "run")
    settings = replace(START, step=0.5, row_step_exponent=0.25)
    metrics = fine_tune(trained, run, Coarseness(settings=settings))
    made = run.config().fine_tuning
    assert made.row_step_exponent == 0.25
    assert 0.97 * made.max_bytes <= metrics["fine_tuning"]["table_bytes"] <= made.max_bytes


def test_what_cannot_be_fine_tuned_is_told_before_anything_is_written(trained, tuned, tmp_path):
    small = Coarseness(max_bytes=1000)
    with pytest.raises(ConfigError, match=r"has coded tables already; go on from .*run"):
        fine_tune(tuned, Run(tmp_path / "run"), small)
    with pytest.raises(ConfigError, match="is the run to go on from"):
        fine_tune(trained, trained, small)
    with pytest.raises(ConfigError, match="holds a run already; choose another"):
        fine_tune(trained, tuned, small)
    with pytest.raises(ConfigError, match="10 bytes are asked for"):
        fine_tune(trained, Run(tmp_path / "run"), Coarseness(max_bytes=10))
    assert not list(tmp_path.iterdir())


def test_other_data_are_refused(trained, tmp_path, monkeypatch):
    from tfcompress.data import synthetic

    other = synthetic.generate(num_items=200, num_users=150, mean_length=10, num_clusters=5)
    monkeypatch.setitem(LOADERS, "sequence-ranker", lambda source, **options: other)
    with pytest.raises(ConfigError, match="elsewhere: is not what"):
        fine_tune(trained, Run(tmp_path / "run"), Coarseness(max_bytes=1000), data="elsewhere")
    assert not list(tmp_path.iterdir())


def test_a_text_classifier_has_coded_tables_too(tmp_path, monkeypatch):
    from tfcompress.data import synthetic_text
    from tfcompress.data.tokenizer import Tokenizer
    from tfcompress.training import TrainConfig, train

    texts = synthetic_text.generate(
        num_texts=300,
        num_words=100,
        num_classes=3,
        mean_length=10,
        tokenizer=Tokenizer(max_words=8, num_buckets=50),
    )
    monkeypatch.setitem(LOADERS, "text-classifier", lambda source, **options: texts)
    config = {
        "data": {"source": "synthetic-text", "max_words": 8, "bigram_buckets": 50},
        "model": "text-classifier",
        "embedding": "full",
        "dim": 8,
        "epochs": 1,
        "batch_size": 32,
    }
    run, tuned = Run(tmp_path / "run"), Run(tmp_path / "tuned")
    train(TrainConfig.parse(config), run)
    metrics = fine_tune(run, tuned, Coarseness(times_smaller=8))
    assert metrics["watched"] == "accuracy"
    assert metrics["fine_tuning"]["table_bytes"] <= metrics["fine_tuning"]["float_bytes"] / 8
    assert list(load_tables(tuned.tables_file)) == ["token_embedding/embeddings"]


def test_coarseness_is_one_of_three():
    with pytest.raises(ConfigError, match="got none; give one"):
        Coarseness()
    with pytest.raises(ConfigError, match="got times_smaller, max_bytes; give one"):
        Coarseness(times_smaller=2, max_bytes=3)
    with pytest.raises(ConfigError, match="times_smaller: got 0"):
        Coarseness(times_smaller=0)
