from pathlib import Path

import pytest

from tests.sweep import fake_unit
from tests.sweep.conftest import artefacts
from tfcompress.errors import ConfigError
from tfcompress.sweep import Results, run_sweep
from tfcompress.sweep.runner import Watcher


def run(folder: Path, planned, function: str = "fake_unit:answer", **options):
    told = []
    watcher = Watcher(
        started=lambda artefact: told.append(("started", artefact.key)),
        finished=lambda artefact, row: told.append((row["status"], artefact.key)),
    )
    with Results.opened(folder) as results:
        run_sweep(planned, results, watcher=watcher, function=function, **options)
    return results.rows, told


def test_finished_ones_are_skipped_and_other_settings_do_not_collide(tmp_path: Path):
    first = artefacts(method="ours", embedding="full", table_dtype=["float32", "int8"])
    both = artefacts(method="ours", embedding=["full", "qr"], table_dtype=["float32", "int8"])
    rows, told = run(tmp_path, first, jobs=2)
    assert set(rows) == {artefact.key for artefact in first}
    rows, told = run(tmp_path, both, jobs=2)
    assert {key for kind, key in told if kind == "started"} == {
        artefact.key for artefact in both if artefact.training.config.embedding == "qr"
    }
    assert set(rows) == {artefact.key for artefact in both}
    assert all(row["jobs"] == 2 for row in rows.values())
    assert run(tmp_path, both) == (rows, [])
    # The rows keep their artefact, word for word.
    assert [rows[artefact.key]["config"] for artefact in both] == [a.to_json() for a in both]
    assert all(fake_unit.key(row["config"]) == key for key, row in rows.items())


def test_parts_of_files_that_a_killed_sweep_left_are_removed(tmp_path: Path):
    files = tmp_path / "files"
    (files / ".m.tflite.x" / "new").mkdir(parents=True)
    (files / "m.tflite").write_text("whole")
    run(tmp_path, artefacts(method="ours", embedding="full", table_dtype="int8"))
    assert [path.name for path in files.iterdir()] == ["m.tflite"]


def test_one_of_a_training_goes_first(tmp_path: Path):
    planned = artefacts(method="ours", embedding="full", table_dtype=["float32", "int8", "int4"])
    _, told = run(tmp_path, planned, jobs=3)
    assert told[:2] == [("started", planned[0].key), ("done", planned[0].key)]
    assert [kind for kind, _ in told[2:4]] == ["started", "started"]


def test_a_failure_is_a_row(tmp_path: Path):
    planned = artefacts(
        method="ours", embedding="qr", table_dtype=["float32", "int8"], seed=[0, 1, 2, 3]
    )
    rows, told = run(tmp_path, planned, "fake_unit:some_fail", jobs=2)
    assert len(rows) == 8
    by_seed = {
        seed: [rows[a.key] for a in planned if a.training.config.seed == seed] for seed in range(4)
    }
    # A training that failed is not tried again for the next file of it.
    assert sum(kind == "started" for kind, _ in told) == 7
    assert {(row["status"], row["error"], row["stage"]) for row in by_seed[0]} == {
        ("failed", "too wide", "training")
    }
    assert all("ended by signal 9" in row["error"] for row in by_seed[1])
    assert all("ended with code 1" in row["error"] for row in by_seed[2])
    assert all(row["status"] == "done" for row in by_seed[3])
    # What went wrong can be read; nothing is kept where nothing did.
    logs = {path.stem for path in (tmp_path / "logs").iterdir()}
    assert {row["key"] for row in by_seed[2]} <= logs
    assert not {row["key"] for row in by_seed[3]} & logs

    with Results.opened(tmp_path) as results:
        results.forget_failed(planned)
        assert set(results.rows) == {row["key"] for row in by_seed[3]}
    assert len(run(tmp_path, planned)[0]) == 8


def test_finished_files_are_measured_again(tmp_path: Path):
    axes = {"method": "ours", "embedding": "qr", "table_dtype": ["float32", "int8"], "seed": [0, 1]}
    less, whole = artefacts(measure={"latency": False}, **axes), artefacts(**axes)
    before, _ = run(tmp_path, less, jobs=2)
    rows, told = run(tmp_path, whole, "fake_unit:only_again")
    assert [kind for kind, _ in told].count("failed") == 2
    assert {key for kind, key in told if kind == "started"} == {one.key for one in whole}
    # What cannot be measured again leaves the row that was there, and is tried another time.
    done = [one for one in whole if one.training.config.seed == 1]
    assert rows == before | {one.key: rows[one.key] for one in done}
    assert all(rows[one.key]["measurement"]["latency_us"] for one in done)
    assert {rows[one.key]["jobs"] for one in done} == {1}
    _, told = run(tmp_path, whole)
    assert [kind for kind, _ in told] == ["started", "done"] * 2
    assert run(tmp_path, whole)[1] == run(tmp_path, less)[1] == []


def test_one_sweep_at_a_time(tmp_path: Path):
    with (
        Results.opened(tmp_path),
        pytest.raises(ConfigError, match="another sweep"),
        Results.opened(tmp_path),
    ):
        pass


def test_the_folder_of_a_training_is_none_of_a_sweep(tmp_path: Path):
    (tmp_path / "config.json").write_text("{}")
    with (
        pytest.raises(ConfigError, match="holds a training; choose a folder of its own"),
        Results.opened(tmp_path),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]
