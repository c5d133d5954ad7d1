"""`tfcompress train --from RUN --quantize`, and `convert` of what it makes."""

import json

import pytest

from tfcompress.errors import ConfigError
from tfcompress.search import START
from tfcompress.tflite import inspect_model
from tfcompress_cli.fine_tune import parse


@pytest.fixture(scope="module")
def coarse(runs, tmp_path_factory):
    """The run `full` fine-tuned to 1,500 bytes."""
    from tfcompress_cli.main import run

    out = tmp_path_factory.mktemp("coarse") / "run"
    words = ["train", "--from", runs / "full", "--quantize", "1500", "--out", out]
    assert run([str(word) for word in words]) == 0
    return out


def test_convert_stores_the_tables_as_they_were_trained(tfcompress, coarse, tmp_path):
    out = tmp_path / "m.tflite"
    done = tfcompress("convert", coarse, "--out", out, "--target", "delegate")
    assert done.code == 0, done.err
    assert "the .tflite against the trained model: validation ndcg@10" in done.out
    about = json.loads((coarse / "metrics.json").read_text())["fine_tuning"]
    table = inspect_model(out.read_bytes()).tables[0]
    assert table.codec == "rate"
    assert table.stored_bytes <= about["table_bytes"] <= 1500
    # Not the default of plain runs, but the same to the bit.
    assert "(relative" in done.out
    assert float(done.out.split("(relative ")[1].split(")")[0]) < 1e-4
    measured = tfcompress("measure", out, "--skip", "latency", "--skip", "memory")
    assert measured.code == 0, measured.err


def test_a_search_on_coded_tables_is_refused(tfcompress, coarse, runs, tmp_path):
    done = tfcompress("convert", coarse, "--out", tmp_path / "m.tflite", "--max-loss", "2%")
    assert done.code == 2
    assert "are coded already, in at most 1,500 bytes; leave the budget out, or search" in done.err
    assert str(runs / "full") in done.err


def test_without_its_data_the_file_is_not_compared(tfcompress, coarse, tmp_path, monkeypatch):
    from tfcompress.data import LOADERS
    from tfcompress.errors import DataError

    def gone(source, **options):
        raise DataError(f"{source}: not there")

    monkeypatch.setitem(LOADERS, "sequence-ranker", gone)
    done = tfcompress("convert", coarse, "--out", tmp_path / "m.tflite", "--dry-run")
    assert done.code == 0, done.err
    assert "its data are not here any more" in done.out


def test_how_coarse_is_read_as_people_write_it(tmp_path):
    assert parse("85x").times_smaller == 85
    assert parse("60KB").max_bytes == 60_000
    curve = tmp_path / "curve.json"
    curve.write_text(json.dumps({"chosen": {**vars(START), "table_bytes": 7, "tuned": False}}))
    assert parse(str(curve)).settings == START
    for wrong in ("much", "x", "1.2.3x", "85X", "5 XB"):
        with pytest.raises(ConfigError, match="--quantize: got"):
            parse(wrong)
    with pytest.raises(ConfigError, match="no such file"):
        parse(str(tmp_path / "absent.json"))
    curve.write_text('{"trials": []}')
    with pytest.raises(ConfigError, match="not written by convert --curve"):
        parse(str(curve))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--from", "RUN"], "--from: needs --quantize"),
        (["--quantize", "10x"], "--quantize: needs --from"),
        ([], "DATA: name a data set"),
        (["--from", "RUN", "--quantize", "10x", "--dim", 8], "--dim: a fine-tuning takes it from"),
        (["--from", "RUN", "--quantize", "10x", "--resume"], "--resume: a fine-tuning keeps no"),
        (["synthetic", "--from", "RUN", "--quantize", "10x"], "synthetic: is not what"),
        (["--from", "absent", "--quantize", "10x"], "is absent a finished run"),
    ],
)
def test_flags_that_do_not_go_together_are_told(tfcompress, runs, tmp_path, options, message):
    words = [runs / "full" if word == "RUN" else word for word in options]
    done = tfcompress("train", *words, "--out", tmp_path / "run")
    assert done.code == 2
    assert message in done.err
    assert not (tmp_path / "run").exists()
