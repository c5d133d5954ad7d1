"""The demo itself is run by `make demo`; here, what it may not take away."""

import pytest

from tfcompress.training import TrainConfig
from tfcompress_cli.demo import EMBEDDINGS, SETTINGS


@pytest.fixture
def demos(tmp_path, monkeypatch):
    """What an earlier demo of the other model left; no training follows."""

    def run_training(config, out):
        raise KeyboardInterrupt

    monkeypatch.setattr("tfcompress_cli.train.run_training", run_training)
    model = "text-classifier"
    for name, choice in EMBEDDINGS.items():
        write(tmp_path / name, {"model": model, "seed": 3, **SETTINGS[model], **choice})
    return tmp_path


def write(path, values):
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text(TrainConfig.parse(values).model_dump_json())


def test_an_earlier_demo_is_replaced(tfcompress, demos):
    assert tfcompress("demo", "--out", demos).code == 2
    assert tfcompress("demo", "--out", demos, "--overwrite").code == 130
    assert not any((demos / name).exists() for name in EMBEDDINGS)


@pytest.mark.parametrize(
    "other",
    [{"dim": 32}, {"epochs": 30}, {"data": {"source": "synthetic", "min_count": 2}}, None],
)
def test_runs_that_are_no_demo_stay(tfcompress, demos, other):
    place = demos / "memcom"
    if other is None:
        (place / "config.json").write_text("precious")
    else:
        choice = {**SETTINGS["sequence-ranker"], **EMBEDDINGS["memcom"], **other}
        write(place, choice)
    done = tfcompress("demo", "--out", demos, "--overwrite")
    assert (done.code, f"{place}: is not a run of an earlier demo" in done.err) == (2, True)
    assert all((demos / name).exists() for name in EMBEDDINGS)
