"""Rows that cannot be used, and data sets by name, on the command line."""

import hashlib
import json
import zipfile

import pytest

from tfcompress.data import archives


@pytest.fixture
def dirty(interactions, tmp_path):
    path = tmp_path / "dirty.csv"
    path.write_bytes(interactions.read_bytes() + b"u1,app-2\nu1,app-2,soon\n")
    return path


def test_bad_rows_stop_a_training_or_are_counted(tfcompress, dirty, small, tmp_path):
    words = ["train", dirty, "--out", tmp_path / "run", *small, "--epochs", 1, "--ratio", 4]
    stopped = tfcompress(*words)
    line = len(dirty.read_text().splitlines()) - 1
    assert stopped.code == 2
    assert stopped.err.startswith(
        f"error: {dirty}, line {line}: expected 3 fields as in the header"
    )
    assert stopped.err.count("\n") == 1
    done = tfcompress(*words, "--bad-rows", "skip")
    assert done.code == 0, done.err
    assert f"dirty.csv: 2 bad rows skipped, such as line {line}: expected 3 fields" in done.err
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["data"]["skipped_rows"] == 2
    assert "2 bad rows skipped" in metrics["data"]["notes"][-1]
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["data"]["bad_rows"] == "skip"


def test_measure_counts_bad_rows(tfcompress, runs, dirty, tmp_path):
    model, out = tmp_path / "full.tflite", tmp_path / "full.json"
    assert tfcompress("convert", runs / "full", "--out", model).code == 0
    words = ["measure", model, "--data", dirty, "--remap", "--skip", "latency", "--skip", "memory"]
    words += ["--vocabulary", runs / "full" / "vocabulary.parquet", "--json", out]
    stopped = tfcompress(*words)
    assert (stopped.code, stopped.err.count("\n")) == (2, 1)
    done = tfcompress(*words, "--bad-rows", "skip")
    assert done.code == 0, done.err
    assert "time column 'time'; dirty.csv: 2 bad rows skipped, such as line" in done.out
    assert "dirty.csv: 2 bad rows skipped" in json.loads(out.read_text())[0]["notes"]["data"]


@pytest.fixture
def named(tmp_path, monkeypatch):
    """A data set by name, whose archive lies in the cache folder."""
    cache = tmp_path / "cache"
    cache.mkdir()
    rows = "".join(f"{user}::{(user + k) % 9}::5::{k}\n" for user in range(40) for k in range(6))
    with zipfile.ZipFile(cache / "ml.zip", "w") as content:
        content.writestr("ml/ratings.dat", rows)
    digest = hashlib.md5((cache / "ml.zip").read_bytes()).hexdigest()
    archive = archives.Archive("http://127.0.0.1:9/ml.zip", digest, ("ml/ratings.dat",))
    monkeypatch.setitem(archives.ARCHIVES, "movielens-test", archive)
    monkeypatch.setenv("TFCOMPRESS_CACHE", str(cache))
    monkeypatch.setenv("no_proxy", "*")
    return cache


def test_a_data_set_by_name(tfcompress, named, small, tmp_path):
    words = ["train", "movielens-test", "--out", tmp_path / "run", *small, "--embedding", "full"]
    done = tfcompress(*words)
    assert done.code == 0, done.err
    assert f"movielens-test: downloaded to {named}" in done.err
    assert "movielens-test: user column 'UserID', item column 'MovieID'" in done.err


def test_offline_is_one_line(tfcompress, named, small, tmp_path):
    (named / "ml.zip").unlink()
    done = tfcompress("train", "movielens-test", "--out", tmp_path / "run", *small)
    assert done.code == 2
    assert "http://127.0.0.1:9/ml.zip: cannot be downloaded" in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "run").exists()
