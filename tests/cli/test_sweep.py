"""`tfcompress sweep` and `tfcompress report`, and the unit of work on a run that is there."""

import json
from pathlib import Path

import pytest

from tfcompress.memory import KEPT
from tfcompress.sweep import Grid, expand, read_rows
from tfcompress.sweep.artefact import Measured
from tfcompress.sweep.train_once import TrainingError, train_once
from tfcompress.sweep.unit import answer, run_one

TRAINING = {"dim": 16, "epochs": 2, "history_length": 6, "hidden_units": [16]}
FAKES = Path(__file__).parents[1] / "sweep"


def artefacts(data, **axes):
    values = {"data": str(data), "embedding": "full", "training": TRAINING, **axes}
    return expand(Grid.parse(values | {"measure": {"memory": False, "runs": 50}})).artefacts


@pytest.fixture
def fake(monkeypatch):
    """Sweeps whose runs take no time."""
    monkeypatch.setenv("PYTHONPATH", str(FAKES))

    def set_function(name):
        monkeypatch.setattr("tfcompress.sweep.runner.RUN_ONE", f"fake_unit:{name}")

    return set_function


def test_one_artefact_is_converted_and_measured(interactions, runs, tmp_path):
    ours, peer = artefacts(interactions, method=["edge-int8", "ours"], table_dtype="int8")[::-1]
    rows = [run_one(artefact, tmp_path, [runs]) for artefact in (ours, peer)]
    for artefact, row in zip((ours, peer), rows, strict=True):
        assert (row["status"], row["error"], row["key"]) == ("done", None, artefact.key)
        measured = row["measurement"]
        assert (tmp_path / row["file"]).stat().st_size == measured["file_bytes"]
        assert 0 < measured["quality"]["ndcg@10"] <= 1
        assert set(measured["latency_us"]) == {"1", "32"}
        assert row["valid"]["ndcg@10"] > 0
        assert set(row["seconds"]) == {"training", "conversion", "measuring"}
        assert row["reused"]
        assert json.loads(json.dumps(row)) == row
    # A scale a row, and in the peer's file a zero point of 8 bytes.
    rows_of_table = rows[0]["measurement"]["tables"][0]["rows"]
    ours_bytes, peer_bytes = (row["measurement"]["bytes"]["tables"] for row in rows)
    assert peer_bytes - ours_bytes == 8 * rows_of_table
    assert not (tmp_path / "runs").exists()  # The one that was there fitted.
    # Memory was not asked for; now it is.
    whole = ours.model_copy(update={"measured": Measured(runs=50)})
    job = {"config": whole.to_json(), "folder": str(tmp_path), "earlier": [], "before": rows[0]}
    again = answer(job)
    assert (again["status"], again["error"], again["key"]) == ("done", None, whole.key)
    assert again["measurement"]["memory_bytes"]["after_load"] > 0
    assert set(again["measurement"]["notes"]) == {"data"}
    same = ("file", "sha256", "valid")
    assert [again[name] for name in same] == [rows[0][name] for name in same]
    old, new = rows[0]["measurement"], again["measurement"]
    changed = {name for name in old if new.get(name) != old[name]}
    assert changed == {"memory_bytes", "notes"}


def test_an_artefact_that_fails_says_where(runs, tmp_path, interactions):
    # On JAX, whose process is ready sooner.
    (broken,) = artefacts(tmp_path / "no.csv", method="float32", backend="jax")
    row = run_one(broken, tmp_path, [])
    assert (row["status"], row["stage"]) == ("failed", "training")
    assert "no.csv" in row["error"]
    assert "\n" not in row["error"]
    blocks, *_ = artefacts(interactions, method="edge-int4-blocks")
    row = run_one(blocks, tmp_path, [runs])
    assert (row["status"], row["stage"]) == ("failed", "conversion")
    assert "16 columns" in row["error"]


def test_a_training_is_made_once(interactions, tmp_path, monkeypatch):
    (artefact,) = artefacts(interactions, method="float32", seed=1)
    calls = []

    def call(function, job, environment):
        calls.append((function, environment))
        path = Path(job["path"])
        path.mkdir()
        (path / "metrics.json").write_text("{}")
        return {"error": None}

    monkeypatch.setattr("tfcompress.sweep.train_once.call", call)
    first = train_once(artefact.training, tmp_path)
    assert train_once(artefact.training, tmp_path) == first
    environment = {"KERAS_BACKEND": "tensorflow", **KEPT}
    assert calls == [("tfcompress.sweep.train_once:train_job", environment)]
    (other,) = artefacts(interactions, method="float32", seed=2)
    monkeypatch.setattr("tfcompress.sweep.train_once.call", lambda *_, **__: {"error": "too wide"})
    with pytest.raises(TrainingError, match="too wide"):
        train_once(other.training, tmp_path)


def test_a_sweep_goes_on_and_is_reported(tfcompress, fake, tmp_path):
    fake("answer")
    out = tmp_path / "out"
    words = ["sweep", "--data", "synthetic", "--embedding", "full", "--method", "ours"]
    words += ["--table-dtype", "int8", "--out", out]
    done = tfcompress(*words, "--seed", 0, "--training", "epochs=2")
    assert done.code == 0, done.err
    assert "1 file of 1 training, 0 of them finished; 1 to run" in done.err
    assert "[1/1] synthetic full int8 seed 0" in done.err
    assert "1 measured, 0 failed" in done.out
    settings = tmp_path / "grid.toml"
    settings.write_text('data = "other"\nseed = [0, 1, 2]\n[training]\nepochs = 2\n')
    words[1:1] = [settings]
    more = tfcompress(*words, "--jobs", 2)
    assert "3 files of 3 trainings, 1 of them finished; 2 to run" in more.err
    assert len(read_rows(out)) == 3
    assert tfcompress(*words, "--dry-run").out.count("synthetic full int8 seed") == 3


def test_failures_are_counted_and_can_be_run_again(tfcompress, fake, tmp_path):
    fake("some_fail")
    words = ["sweep", "--data", "synthetic", "--embedding", "qr", "--table-dtype", "int8"]
    words += ["--seed", 0, "--seed", 3, "--out", tmp_path / "out"]
    done = tfcompress(*words)
    assert done.code == 0
    assert "failed: too wide" in done.err
    assert "1 measured, 1 failed (--retry-failed runs them once more)" in done.out
    fake("answer")
    assert "0 to run" in tfcompress(*words).err
    assert "2 measured, 0 failed" in tfcompress(*words, "--retry-failed").out


def test_only_failures_of_the_settings_given_run_again(tfcompress, fake, tmp_path):
    fake("some_fail")
    data = tmp_path / "data.txt"
    data.write_text("1 2\n")
    words = ["sweep", "--embedding", "qr", "--method", "ours", "--table-dtype", "int8"]
    words += ["--out", tmp_path / "out", "--seed", 0]
    for source in (data, "synthetic"):
        assert "every run failed" in tfcompress(*words, "--data", source).err
    fake("answer")
    assert tfcompress(*words, "--data", "synthetic", "--retry-failed", "--skip", "memory").code == 0
    data.unlink()
    assert tfcompress(*words, "--data", data, "--retry-failed").code == 2
    rows = read_rows(tmp_path / "out")
    assert len(rows) == 2
    states = {row["config"]["training"]["config"]["data"]["source"]: row["status"] for row in rows}
    assert states == {str(data): "failed", "synthetic": "done"}


@pytest.mark.parametrize(("name", "count"), [("reused", 1), ("answer", 0)])
def test_how_many_trainings_were_reused_is_said(tfcompress, fake, tmp_path, name, count):
    fake(name)
    words = ["sweep", "--data", "synthetic", "--embedding", "qr", "--method", "ours"]
    done = tfcompress(
        *words, "--out", tmp_path / "out", "--reuse", tmp_path, "--table-dtype", "int8"
    )
    assert f"--reuse: {count} of 1 trainings were there already" in done.err


def test_what_is_finished_needs_no_data(tfcompress, fake, tmp_path):
    fake("answer")
    data = tmp_path / "data.txt"
    data.write_text("1 2\n")
    words = ["sweep", "--data", data, "--embedding", "qr", "--method", "ours", "--codec", "none"]
    words += ["--table-dtype", "int8", "--out", tmp_path / "out"]
    assert tfcompress(*words).code == 0
    data.unlink()
    assert "1 measured, 0 failed" in tfcompress(*words).out
    more = tfcompress(*words, "--seed", 0, "--seed", 1)
    assert (more.code, "data.txt: no such file or directory" in more.err) == (2, True)


def test_finished_files_are_measured_again_and_others_not_made(tfcompress, fake, tmp_path):
    fake("answer")
    words = ["sweep", "--data", "synthetic", "--embedding", "qr", "--table-dtype", "int8"]
    words += ["--method", "ours", "--out", tmp_path / "out", "--seed", 1]
    nothing = tfcompress(*words, "--only-measure")
    assert (nothing.code, "no finished run; is it the --out" in nothing.err) == (2, True)
    assert tfcompress(*words, "--skip", "latency").code == 0
    other = tfcompress(*words[:-1], 5, "--only-measure")
    assert (other.code, "no run of these settings is finished" in other.err) == (2, True)
    words += ["--seed", 0, "--only-measure"]
    fake("only_again")
    done = tfcompress(*words)
    assert "0 of them finished; 1 not made yet, 1 to measure again in" in done.err
    assert "1 measured, 0 failed" in done.out
    assert "1 of them finished; 1 not made yet, 0 to measure again in" in tfcompress(*words).err
    assert tfcompress(*words, "--retry-failed").code == 2


def test_what_cannot_be_measured_again_is_said(tfcompress, fake, tmp_path):
    fake("answer")
    words = ["sweep", "--data", "synthetic", "--embedding", "qr", "--table-dtype", "int8"]
    words += ["--out", tmp_path / "out", "--seed", 0]
    assert tfcompress(*words, "--skip", "latency").code == 0
    fake("only_again")
    done = tfcompress(*words)
    assert done.code == 0
    assert "0 of them finished; 0 to run, 1 to measure again in" in done.err
    assert "qr 16x int8 seed 0: failed: gone" in done.err
    assert "1 measured (1 of them less than asked for), 0 failed;" in done.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "data: none given"),
        (("--data", "x", "--seed", -1), "seed.0 is -1"),
        (("--data", "x", "--tie", "maybe"), "tie.0 is 'maybe'"),
        (("--data", "x", "--training", "epochs"), "--training epochs: expected KEY=VALUE"),
        (("--data", "x", "--skip", "bytes"), "--skip bytes: expected latency or memory"),
        (("--data", "x", "--reuse", "nowhere"), "--reuse nowhere: no such folder"),
        (("nowhere.toml",), "nowhere.toml: no such file"),
        (("--data", "synthetic", "--data", "nowhere"), "nowhere: no such file or directory, and"),
    ],
)
def test_wrong_settings_are_one_line(tfcompress, words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = tfcompress("sweep", *words)
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("toml", "words", "message"),
    [
        ("training = 5", ("--training", "epochs=1"), "grid.toml: training is 5"),
        ("measure = true", ("--runs", 100), "grid.toml: measure is True"),
    ],
)
def test_what_is_no_table_in_the_settings_is_one_line(tfcompress, toml, words, message, tmp_path):
    settings = tmp_path / "grid.toml"
    settings.write_text(f'data = "synthetic"\n{toml}\n')
    done = tfcompress("sweep", settings, *words)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert message in done.err


def test_the_report_command_writes_its_files(tfcompress, tmp_path):
    from tests.report.sweep_rows import plan, row, write

    folder = write(tmp_path / "out", [row(a) for a in plan(data="shop", embedding="full")])
    done = tfcompress("report", folder, "--markdown", tmp_path / "r.md")
    assert done.code == 0, done.err
    assert (folder / "report.html").read_text().startswith("<!doctype html>")
    assert "## shop, untied" in (tmp_path / "r.md").read_text()
    # The files in the folder are the command's own, others anybody's.
    again = tfcompress("report", folder, "--markdown", tmp_path / "r.md")
    assert (again.code, "r.md: exists already; pass --overwrite" in again.err) == (2, True)
    assert tfcompress("report", folder).code == 0
    (tmp_path / "page.png").write_text("precious")
    again = tfcompress("report", folder, "--out", tmp_path / "page.html")
    assert (again.code, "page.png: exists already" in again.err) == (2, True)
    assert (tmp_path / "page.png").read_text() == "precious"
    words = ["report", folder, "--out", tmp_path / "page.html", "--markdown", tmp_path / "r.md"]
    assert tfcompress(*words, "--overwrite").code == 0
    again = tfcompress("report", folder, "--out", folder / "results.jsonl", "--overwrite")
    assert again.code == 2
    assert "name another file" in again.err
    assert tfcompress("report", tmp_path / "nothing").code == 2


def test_budgets_are_written_as_for_convert(tfcompress):
    words = ["sweep", "--data", "synthetic", "--embedding", "full", "--method", "search"]
    budgets = ["--max-loss", "2%", "--max-loss", "0.05", "--max-bytes", "200KB"]
    done = tfcompress(*words, *budgets, "--tie", "true", "--tie", "false", "--dry-run")
    for budget in ("max-loss 2%", "max-loss 5%", "max-bytes 200,000"):
        assert f"synthetic full {budget} builtin seed 0" in done.out
    assert "left out 3: method: 'search' needs target 'delegate'" in done.err
    assert "--max-loss: got 'much'" in tfcompress(*words, "--max-loss", "much").err
