import json

import pytest

from tests.sweep.conftest import artefacts
from tfcompress.data import load
from tfcompress.sweep import train_once
from tfcompress.sweep.train_once import TrainingError
from tfcompress.training.run import Run


@pytest.fixture
def trained(monkeypatch):
    """Jobs of trainings that were started; none of them trains."""
    started = []

    def call(function, job, environment):
        started.append(job)
        return {"error": "not trained in a test"}

    monkeypatch.setattr(train_once, "call", call)
    return started


def clicks(folder, seed):
    folder.mkdir()
    path = folder / "clicks.csv"
    rows = [f"{user},{(user * seed + step) % 7},{step}" for user in range(9) for step in range(5)]
    path.write_text("\n".join(["user,item,time", *rows]) + "\n")
    return path


def finished_run(path, training):
    """What training leaves, as far as it is looked at."""
    run = Run(path)
    path.mkdir(parents=True)
    run.config_file.write_text(training.config.model_dump_json())
    identity = {"sha256": load(training.config.data.source).sha256}
    run.metrics_file.write_text(
        json.dumps({"backend": training.backend, "data": {"identity": identity}})
    )
    run.model_file.touch()
    return path


def test_a_run_of_the_same_content_is_taken_wherever_it_lies(tmp_path, trained):
    first, second = (clicks(tmp_path / name, seed=3) for name in ("first", "second"))
    first, second = (
        artefacts(data=str(path), method="ours", embedding="qr", table_dtype="int8")[0].training
        for path in (first, second)
    )
    made = finished_run(tmp_path / "runs" / "made", first)
    for place in (tmp_path / "runs", made):
        taken = train_once.train_once(second, tmp_path / "out", [place])
        assert (taken.path, trained) == (made, [])


def test_a_run_of_other_content_is_not_taken_for_its_name(tmp_path, trained):
    first, second = (clicks(tmp_path / name, seed) for name, seed in (("first", 3), ("second", 4)))
    first, second = (
        artefacts(data=str(path), method="ours", embedding="qr", table_dtype="int8")[0].training
        for path in (first, second)
    )
    finished_run(tmp_path / "runs" / "made", first)
    with pytest.raises(TrainingError, match="not trained in a test"):
        train_once.train_once(second, tmp_path / "out", [tmp_path / "runs"])
    assert len(trained) == 1
