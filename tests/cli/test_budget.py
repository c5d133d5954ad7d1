"""`tfcompress convert --max-loss`, `--max-bytes` and `--snr`."""

import json
import re
import shutil

import pytest

from tfcompress.errors import ConfigError
from tfcompress.tflite import inspect_model
from tfcompress_cli import run_search
from tfcompress_cli.budget import parse_bytes, parse_share


def test_shares_and_bytes_are_read_as_people_write_them():
    assert parse_share("1%") == parse_share("0.01") == 0.01
    assert parse_bytes("200KB") == parse_bytes("0.2 MB") == parse_bytes("200000") == 200_000
    assert parse_bytes("2KiB") == 2048
    for wrong in ("one", "1%%", "%"):
        with pytest.raises(ConfigError, match="--max-loss: got"):
            parse_share(wrong)
    for wrong in ("much", "3 XB", "1.2.3"):
        with pytest.raises(ConfigError, match="--max-bytes: got"):
            parse_bytes(wrong)


def test_a_stated_loss_is_kept_and_the_curve_is_written(tfcompress, runs, tmp_path):
    out, curve, plot = (tmp_path / name for name in ("m.tflite", "curve.json", "curve.png"))
    words = ["convert", runs / "full", "--out", out, "--max-loss", "10%", "--target", "delegate"]
    done = tfcompress(*words, "--curve", curve, "--plot", plot, "--top-k", 50)
    assert done.code == 0, done.err
    assert "chosen" in done.out
    found = re.search(r"validation ndcg@10 \S+ \(([-+.\d]+)%\), test ndcg@10", done.out)
    assert found is not None
    assert float(found[1]) >= -10.0
    walked = json.loads(curve.read_text())
    assert walked["chosen"] in walked["trials"]
    for kind in ("measured", "expected"):
        assert walked["chosen"][kind] >= 0.9 * walked["reference"]
    assert plot.read_bytes()[:4] == b"\x89PNG"
    table = inspect_model(out.read_bytes()).tables[0]
    assert table.name == "item_embedding/embeddings"
    # The rotation went into the next layer, and the search did not count it.
    assert table.stored_bytes - 16 <= walked["chosen"]["table_bytes"] < table.stored_bytes + 16**2
    assert table.stored_bytes < walked["float_bytes"] / 4
    measured = tfcompress("measure", out, "--skip", "latency", "--skip", "memory")
    assert measured.code == 0, measured.err


def test_lists_that_are_too_long_are_told_before_the_search(
    tfcompress, runs, tmp_path, monkeypatch
):
    monkeypatch.setattr(run_search, "find", lambda *_: pytest.fail("searched"))
    words = ["convert", runs / "full", "--out", tmp_path / "m.tflite", "--max-bytes", "10KB"]
    done = tfcompress(*words, "--target", "delegate", "--top-k", 99_999)
    assert (done.code, "top_k: got 99999, expected 1 to " in done.err) == (2, True)


def test_a_number_of_bytes_is_kept_and_the_output_can_be_coded_too(tfcompress, runs, tmp_path):
    out = tmp_path / "m.tflite"
    words = ["convert", runs / "full", "--out", out, "--max-bytes", "3KB", "--metric", "hr@10"]
    curve = tmp_path / "curve.json"
    options = ["--code-output", "--tune", 1, "--curve", curve]
    done = tfcompress(*words, "--target", "delegate", *options)
    assert done.code == 0, done.err
    assert "test hr@10" in done.out
    assert any(trial["tuned"] for trial in json.loads(curve.read_text())["trials"])
    tables = inspect_model(out.read_bytes()).tables
    assert {table.name for table in tables} == {
        "item_embedding/embeddings",
        "output_items/embeddings",
    }
    assert sum(table.stored_bytes for table in tables) < 4000


def test_a_keras_file_has_no_data_but_an_snr(tfcompress, runs, tmp_path):
    model, out = runs / "full" / "model.keras", tmp_path / "m.tflite"
    done = tfcompress("convert", model, "--out", out, "--max-loss", "1%")
    assert done.code == 2
    assert "convert a run directory" in done.err
    assert not out.exists()
    words = ["convert", model, "--out", out, "--max-bytes", "3KB", "--target", "delegate"]
    done = tfcompress(*words, "--dry-run")
    assert done.code == 0, done.err
    assert "SNR of the coded tables: " in done.out
    done = tfcompress("convert", model, "--out", out, "--snr", 15)
    assert done.code == 0, done.err
    found = re.search(r"SNR of the coded tables: (\S+) dB", done.out)
    assert found is not None
    assert float(found[1]) >= 15
    assert "how often they are read" not in done.out
    words = ["convert", runs / "full", "--out", out, "--snr", 15, "--dry-run", "--overwrite"]
    done = tfcompress(*words)
    assert done.code == 0, done.err
    assert " dB, rows by how often they are read (" in done.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--metric", "hr@10"], "belong to a search"),
        (["--snr", "3", "--no-refit"], "mean nothing with --snr"),
        (["--max-loss", "1%", "--snr", "3"], "got max_loss, snr_db; give one of them"),
        (["--max-loss", "1%", "--metric", "accuracy"], "--metric: got 'accuracy', expected"),
        (["--max-loss", "1%", "--data", "synthetic"], "is not what"),
        (["--snr", "3", "--data", "synthetic"], "mean nothing with --snr"),
        (["--no-refit"], "belong to a search"),
        (["--max-loss", "2"], "--max-loss: got '2', expected a share below 1, or percent: 2%"),
        (["--budget", "2"], "(tfcompress convert --help lists what there is)"),
        (["--snr", "500"], "snr_db: got 500, the finest steps reach "),
    ],
)
def test_flags_that_cannot_be_followed_are_told(tfcompress, runs, tmp_path, options, message):
    out = tmp_path / "m.tflite"
    done = tfcompress("convert", runs / "full", "--out", out, *options)
    assert done.code == 2
    assert message in done.err
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--codec", "none"], "--codec: got 'none'"),
        (["--curve", "m.tflite"], "is a folder or named twice"),
        (["--plot", "there.png"], "there.png"),
    ],
)
def test_what_would_end_a_search_in_vain_is_told_before_it(
    tfcompress, runs, tmp_path, monkeypatch, options, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.png").write_text("precious")
    words = ["convert", runs / "full", "--out", "m.tflite", "--max-loss", "1%"]
    done = tfcompress(*words, *options)
    assert done.code == 2
    assert message in done.err
    assert (tmp_path / "there.png").read_text() == "precious"


def test_a_vocabulary_that_is_not_there_is_told_before_the_search(
    tfcompress, runs, tmp_path, monkeypatch
):
    def searched(*args, **kwargs):
        pytest.fail("nothing that is found could be kept")

    monkeypatch.setattr("tfcompress_cli.run_search.find", searched)
    source = tmp_path / "model.keras"
    shutil.copy(runs / "full" / "model.keras", source)
    words = ["convert", source, "--out", tmp_path / "m.tflite", "--snr", 9, "--vocabulary"]
    done = tfcompress(*words)
    assert (done.code, "vocabulary.parquet is not there" in done.err) == (2, True)


def test_a_run_is_not_written_into(tfcompress, runs, tmp_path):
    config = runs / "full" / "config.json"
    words = ["convert", runs / "full", "--out", tmp_path / "m.tflite", "--max-loss", "1%"]
    done = tfcompress(*words, "--curve", config, "--overwrite")
    assert done.code == 2
    assert "lies in the source" in done.err
