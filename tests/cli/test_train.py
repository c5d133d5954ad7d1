import json

import pytest

from tfcompress.training.config import TrainConfig


def test_a_run_directory_is_made(runs):
    names = {path.name for path in (runs / "memcom").iterdir()}
    assert {"config.json", "vocabulary.parquet", "model.keras", "metrics.json"} <= names
    metrics = json.loads((runs / "memcom" / "metrics.json").read_text())
    assert metrics["parameters"]["table_ratio"] >= 4
    assert len(metrics["history"]) == 2


def test_the_defaults_are_those_of_the_configuration(tfcompress, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "tfcompress_cli.train.run_training",
        lambda config, *_, **__: seen.append(config) or {"ended_by": "validation"},
    )
    assert tfcompress("train", "synthetic", "--out", tmp_path / "run").code == 0
    assert seen == [TrainConfig.parse({"data": {"source": "synthetic"}})]


def test_resume_goes_on_and_a_second_start_is_refused(tfcompress, interactions, small, tmp_path):
    words = ["train", interactions, "--out", tmp_path / "run", *small, "--ratio", 4]
    assert tfcompress(*words).code == 0
    again = tfcompress(*words)
    assert again.code == 2
    assert "pass --resume" in again.err
    words[words.index("--epochs") + 1] = 3
    more = tfcompress(*words, "--resume")
    assert more.code == 0
    assert "--epochs 3 ended it before" in more.err
    assert "no better at the lower rate; --resume --epochs 6 goes on" in more.err
    assert "epoch   3" in more.err
    assert "epoch   2" not in more.err


def test_one_rate_for_all_epochs_has_no_lower_one(tfcompress, interactions, small, tmp_path):
    words = ["train", interactions, "--out", tmp_path / "run", *small, "--ratio", 4]
    done = tfcompress(*words, "--epochs", 1, "--rate-drop", 1)
    assert "--epochs 1 ended it before validation got no better; --resume" in done.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--epochs", 0), "epochs is 0"),
        (("--hidden-units", "8,x"), "hidden_units.1 is 'x'"),
        (("--embedding", "magic"), "memcom"),
        (("--embedding", "memcom", "--ratio", 1000), "ratio"),
        (("--embedding", "full", "--ratio", 2), "full table has ratio 1"),
        (("--item-column", "film"), "film"),
    ],
)
def test_bad_options_are_one_line(tfcompress, interactions, small, tmp_path, options, message):
    done = tfcompress("train", interactions, "--out", tmp_path / "run", *small, *options)
    assert done.code == 2
    assert message in done.err
    assert [line.startswith("error: ") for line in done.err.splitlines()].count(True) == 1
    assert "Traceback" not in done.err
    assert not (tmp_path / "run" / "model.keras").exists()
