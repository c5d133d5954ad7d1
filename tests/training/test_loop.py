import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from tfcompress.errors import ConfigError, DataError, ModelError
from tfcompress.training import Run, TrainConfig, train
from tfcompress.training.checkpoint import load_checkpoint


def changed(config: TrainConfig, **values) -> TrainConfig:
    return TrainConfig.parse(config.model_dump() | values)


def weights(run: Run) -> list[np.ndarray]:
    return run.model().get_weights()


def same(first: Run, second: Run) -> bool:
    pairs = zip(weights(first), weights(second), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def test_a_run_holds_what_the_next_steps_need(tmp_path: Path, config, dataset):
    run = Run(tmp_path / "run")
    epochs = []
    metrics = train(config, run, dataset=dataset, on_epoch=epochs.append)
    assert run.config() == config
    assert run.vocabulary().sha256 == dataset.vocabulary.sha256
    assert run.metrics() == metrics
    assert [entry["epoch"] for entry in epochs] == [0, 1, 2, 3]
    assert metrics["valid"]["ndcg@10"] == max(entry["ndcg@10"] for entry in epochs)
    assert metrics["parameters"]["table_ratio"] >= 3
    assert list((run.path / "tensorboard").glob("events*"))
    metadata = run.tflite_metadata()
    assert metadata["trained_on"]["sha256"] == dataset.sha256
    assert metadata["model"]["history_length"] == config.history_length
    json.dumps(metadata)


def test_the_same_seed_gives_the_same_weights_and_another_one_does_not(tmp_path, config, dataset):
    runs = [Run(tmp_path / name) for name in ("a", "b", "c")]
    for run, seed in zip(runs, (0, 0, 1), strict=True):
        train(changed(config, seed=seed), run, dataset=dataset)
    assert same(runs[0], runs[1])
    assert runs[0].model_file.read_bytes() == runs[1].model_file.read_bytes()
    assert not same(runs[0], runs[2])


@pytest.mark.parametrize("loss", ["full", "sampled"])
def test_training_in_two_parts_gives_the_weights_of_one(tmp_path, config, dataset, loss):
    config = changed(config, loss=loss, num_negatives=16)
    whole, parts = Run(tmp_path / "whole"), Run(tmp_path / "parts")
    train(config, whole, dataset=dataset)
    train(changed(config, epochs=2), parts, dataset=dataset)
    train(config, parts, dataset=dataset, resume=True)
    assert same(whole, parts)
    with pytest.raises(ConfigError, match="has 4 epochs already, epochs is 3"):
        train(changed(config, epochs=3), parts, dataset=dataset, resume=True)
    assert parts.config() == config


def test_an_unknown_embedding_is_told_before_the_data_are_read(tmp_path, config):
    config = changed(config, embedding="nosuch", data={"source": "absent.csv"})
    with pytest.raises(ConfigError, match="received 'nosuch'"):
        train(config, Run(tmp_path / "run"))


def test_training_learns_the_planted_structure(tmp_path, config, dataset):
    metrics = train(changed(config, epochs=12, dropout=0.0), Run(tmp_path / "run"), dataset=dataset)
    losses = [entry["loss"] for entry in metrics["history"]]
    assert losses[-1] < 0.9 * losses[0]


def test_the_best_epoch_is_kept_and_patience_ends_the_training(tmp_path, config, dataset):
    # A hopeless learning rate: nothing gets better after the first epochs.
    config = changed(config, epochs=50, patience=2, learning_rate=10.0, rate_drop=1)
    run = Run(tmp_path / "run")
    metrics = train(config, run, dataset=dataset)
    assert len(metrics["history"]) == metrics["best_epoch"] + 3 < 50
    assert metrics["ended_by"] == "validation"
    _, _, best = load_checkpoint(run.checkpoints)
    stored = sorted(map(np.sum, (w for w in best if w.dtype == np.float32)))
    assert stored == sorted(np.sum(w) for w in weights(run) if w.dtype == np.float32)


def test_the_rate_drops_at_the_best_weights_before_training_ends(tmp_path, config, dataset):
    config = changed(config, epochs=50, patience=1, learning_rate=1.0, rate_drop=0.01)
    whole, parts = Run(tmp_path / "whole"), Run(tmp_path / "parts")
    metrics = train(config, whole, dataset=dataset)
    progress, _, _ = load_checkpoint(whole.checkpoints)
    dropped = progress.slow_from
    assert 0 < dropped < len(metrics["history"]) < 50
    # From the best weights on, far smaller steps.
    assert metrics["history"][dropped]["loss"] < metrics["history"][dropped - 1]["loss"]
    for epochs in (dropped, dropped + 1, 50):
        part = train(changed(config, epochs=epochs), parts, dataset=dataset, resume=True)
        settled = epochs >= len(metrics["history"])
        assert part["ended_by"] == ("validation" if settled else "epochs")
    assert same(whole, parts)


def test_a_run_is_never_overwritten_or_mixed(tmp_path, config, dataset):
    run = Run(tmp_path / "run")
    train(changed(config, epochs=1), run, dataset=dataset)
    with pytest.raises(ConfigError, match="holds a run already; pass --resume"):
        train(config, run, dataset=dataset)
    with pytest.raises(ConfigError, match="another dim; --resume can change only epochs"):
        train(changed(config, dim=4), run, dataset=dataset, resume=True)


def test_one_training_at_a_time_has_a_directory(tmp_path, config, dataset, monkeypatch):
    monkeypatch.setattr("tfcompress.training.run._LOCK_SECONDS", 0)
    config, run = changed(config, epochs=1), Run(tmp_path / "run")
    refused = []

    def start_another(entry):
        with pytest.raises(ConfigError, match="another training is running there") as error:
            train(config, run, dataset=dataset, resume=True)
        refused.append(error)

    train(config, run, dataset=dataset, on_epoch=start_another)
    assert len(refused) == 1
    # The second of two that were started together finds what the first has made.
    monkeypatch.setattr(Run, "check_start", waiting_once(Run.check_start))
    with pytest.raises(ConfigError, match="holds a run already; pass --resume"):
        train(config, run, dataset=dataset)


def waiting_once(check):
    """A check of what was there before another training came."""
    calls = []

    def wrapper(*args, **kwargs):
        calls.append(args)
        return None if len(calls) == 1 else check(*args, **kwargs)

    return wrapper


def test_other_data_under_the_same_name_are_refused(tmp_path, config, dataset):
    from tfcompress.data import synthetic

    run = Run(tmp_path / "run")
    train(changed(config, epochs=1), run, dataset=dataset)
    other = synthetic.generate(num_items=60, num_users=80, mean_length=8, num_clusters=4, seed=1)
    with pytest.raises(ConfigError, match="was trained on other content of synthetic"):
        train(config, run, dataset=other, resume=True)


def test_an_unfinished_run_says_so(tmp_path, config, dataset):
    run = Run(tmp_path / "run")
    run.start(config, dataset.vocabulary)
    with pytest.raises(ConfigError, match=r"metrics\.json: not there"):
        run.metrics()
    with pytest.raises(Exception, match="finish the training with --resume"):
        run.model()


def test_a_finished_run_that_goes_on_is_unfinished(tmp_path, config, dataset):
    run = Run(tmp_path / "run")
    before = train(changed(config, epochs=1), run, dataset=dataset)
    train(changed(config, epochs=1), run, dataset=dataset, resume=True)
    assert run.metrics()["valid"] == before["valid"]

    def stop(entry):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(changed(config, epochs=3), run, dataset=dataset, resume=True, on_epoch=stop)
    with pytest.raises(ModelError, match=r"metrics\.json: not there; finish the training with"):
        run.model()
    assert run.model_file.exists()
    done = train(changed(config, epochs=3), run, dataset=dataset, resume=True)
    assert run.metrics() == done
    assert len(done["history"]) == 3


def test_another_backend_is_refused(tmp_path, config, dataset, monkeypatch):
    run = Run(tmp_path / "run")
    train(changed(config, epochs=1), run, dataset=dataset)
    monkeypatch.setattr("keras.backend.backend", lambda: "another")
    with pytest.raises(ConfigError, match=r"was begun on .*, Keras runs on another"):
        train(changed(config, epochs=2), run, resume=True, dataset=dataset)


def test_data_without_samples_are_refused(tmp_path, config):
    from tfcompress.data import synthetic

    dataset = synthetic.generate(num_items=60, num_users=1, mean_length=8, num_clusters=4)
    empty = dataset.train.take(np.arange(0))
    dataset = replace(dataset, train=empty)
    with pytest.raises(DataError, match="0 training samples"):
        train(config, Run(tmp_path / "run"), dataset=dataset)


def test_an_unknown_embedding_lists_the_known_ones(tmp_path, config, dataset):
    with pytest.raises(ConfigError, match=r"hash, .*memcom.*received 'magic'"):
        train(changed(config, embedding="magic"), Run(tmp_path / "run"), dataset=dataset)
    assert not (tmp_path / "run").exists()


def test_refused_data_leave_the_run_as_it_was(tmp_path, config, dataset):
    from tfcompress.data import synthetic

    run = Run(tmp_path / "run")
    train(changed(config, epochs=1), run, dataset=dataset)
    before = run.vocabulary().sha256
    other = synthetic.generate(num_items=90, num_users=80, mean_length=8, num_clusters=4)
    with pytest.raises(ConfigError, match="other content"):
        train(config, run, dataset=other, resume=True)
    assert run.vocabulary().sha256 == before


def test_a_run_that_never_finished_an_epoch_can_be_started_again(tmp_path, config, dataset):
    run = Run(tmp_path / "run")
    with pytest.raises(ConfigError, match=r"epoch 1 is .*; train with a smaller learning_rate"):
        train(changed(config, learning_rate=1e38), run, dataset=dataset)
    leftover = run.path / ".model.keras.new.keras"  # Of a process that was killed inside `finish`.
    leftover.write_bytes(b"half")
    assert len(train(changed(config, epochs=1), run, dataset=dataset)["history"]) == 1
    assert not leftover.exists()


def test_a_foreign_folder_is_left_alone(tmp_path, config, dataset):
    (tmp_path / "config.json").write_text('{"hello": 1}')
    with pytest.raises(ConfigError, match=r"config\.json: not written by `tfcompress train`"):
        train(config, Run(tmp_path), dataset=dataset)
    assert (tmp_path / "config.json").read_text() == '{"hello": 1}'


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="about the JAX backend")
def test_training_on_jax_imports_no_tensorflow(tmp_path):
    common = ["--epochs", "1", "--dim", "4", "--ratio", "2", "--backend", "jax"]
    common += ["--max-items", "50"]
    texts = ["--model", "text-classifier", "--max-words", "4", "--bigram-buckets", "10"]
    commands = [
        ["synthetic", "--out", str(tmp_path / "ranker"), "--history-length", "3", *common],
        ["synthetic-text", "--out", str(tmp_path / "classifier"), *texts, *common],
    ]
    script = (
        "import sys; from tfcompress_cli.main import run;"
        f"codes = [run(['train', *words]) for words in {commands!r}];"
        "print(*codes, sys.modules['tensorflow'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "0 0 None"
