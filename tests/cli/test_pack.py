import json
import re
import sys

import numpy as np
import pytest

from tests.tflite.lookup_models import lookup_model, table
from tfcompress.peers import convert_peer
from tfcompress.tflite import inspect_model
from tfcompress.training import Run
from tfcompress_cli import console
from tfcompress_cli.main import run


@pytest.fixture
def plain(tmp_path):
    path = tmp_path / "plain.tflite"
    path.write_bytes(lookup_model(table("int8", 4000)))
    return path


@pytest.mark.parametrize("target", ["builtin", "delegate"])
def test_there_and_back(tfcompress, tmp_path, plain, target):
    packed, back = tmp_path / "packed.tflite", tmp_path / "back.tflite"
    done = tfcompress("pack", plain, "--out", packed, "--target", target, "--codec", "indexed")
    assert done.code == 0, done.err
    assert "packed table" in done.out
    assert f"{packed.stat().st_size:,} bytes" in done.out
    assert packed.stat().st_size < plain.stat().st_size
    assert inspect_model(packed.read_bytes()).tables[0].codec == "indexed"
    done = tfcompress("unpack", packed, "--out", back)
    assert done.code == 0, done.err
    (table_info,) = inspect_model(back.read_bytes()).tables
    assert (table_info.codec, table_info.stored_bytes) == ("none", 4000 * 16)
    assert "no table is packed" not in done.out
    done = tfcompress("unpack", back, "--out", packed, "--overwrite")
    assert (done.code, "no table is packed" in done.out) == (0, True)
    assert packed.read_bytes() == back.read_bytes()


def test_a_file_that_grows_for_it_was_packed_before_is_told_of(tfcompress, tmp_path, plain):
    delegate, builtin = tmp_path / "delegate.tflite", tmp_path / "builtin.tflite"
    done = tfcompress("pack", plain, "--out", delegate, "--target", "delegate")
    assert (done.code, "packed already" in done.out) == (0, False)
    done = tfcompress("pack", delegate, "--out", builtin)
    assert done.code == 0, done.err
    assert builtin.stat().st_size > delegate.stat().st_size
    assert "packed already are packed anew, for target builtin and codec auto" in done.out
    done = tfcompress("pack", builtin, "--out", delegate, "--target", "delegate", "--overwrite")
    assert (done.code, "packed already" in done.out) == (0, False)


def test_a_file_is_there_whoever_reads_what_is_shown(tfcompress, tmp_path, plain, monkeypatch):
    def gone(*args, **options):
        raise BrokenPipeError

    packed, back, told = (tmp_path / name for name in ("packed.tflite", "back.tflite", "it.json"))
    monkeypatch.setattr(console.out, "print", gone)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", sys.stdout)  # What a broken pipe replaces.
        assert tfcompress("pack", plain, "--out", packed, "--codec", "indexed").code == 0
        assert tfcompress("unpack", packed, "--out", back).code == 0
        assert tfcompress("inspect", packed, "--json", told).code == 0
    assert inspect_model(packed.read_bytes()).tables[0].codec == "indexed"
    assert inspect_model(back.read_bytes()).tables[0].codec == "none"
    assert json.loads(told.read_text())[0]["file"] == packed.name


def test_a_dry_run_writes_nothing(tfcompress, tmp_path, plain):
    out = tmp_path / "packed.tflite"
    done = tfcompress("pack", plain, "--out", out, "--codec", "indexed", "--dry-run")
    assert done.code == 0
    assert "Dry run" in done.out
    assert not out.exists()


@pytest.fixture(scope="module")
def ranker(runs, tmp_path_factory):
    """An int8 .tflite of a run, without the run."""
    path = tmp_path_factory.mktemp("ranker") / "int8.tflite"
    words = ["convert", runs / "full", "--out", path, "--table-dtype", "int8"]
    assert run([str(word) for word in words]) == 0
    return path


@pytest.fixture(scope="module")
def edge_ranker(runs, tmp_path_factory):
    """The same run as ai-edge-quantizer makes a file of it: int8 rows read by EMBEDDING_LOOKUP."""
    trained = Run(runs / "full")
    path = tmp_path_factory.mktemp("edge") / "edge.tflite"
    metadata = trained.tflite_metadata()
    path.write_bytes(convert_peer("edge-int8", trained.model(), metadata=metadata))
    return path


@pytest.mark.parametrize("maker", ["ranker", "edge_ranker"])
def test_a_stated_loss_is_kept_by_a_file_alone(tfcompress, interactions, maker, tmp_path, request):
    source = request.getfixturevalue(maker)
    out, curve, plot = (tmp_path / name for name in ("m.tflite", "curve.json", "curve.png"))
    words = ["pack", source, "--out", out, "--max-loss", "10%", "--data", interactions]
    options = ["--metric", "hr@10", "--target", "delegate", "--curve", curve, "--plot", plot]
    done = tfcompress(*words, *options)
    assert done.code == 0, done.err
    assert f"rows count as often as {interactions} reads them" in done.out
    assert re.search(r"validation hr@10 \S+ \([-+.\d]+%\), test hr@10", done.out)
    # The loss is kept by what was measured, which here is more than validation.
    assert re.search(r"validation has \d+ targets, .* counts \d+ of the training in", done.out)
    walked = json.loads(curve.read_text())
    assert walked["chosen"] in walked["trials"]
    assert walked["chosen"]["measured"] >= 0.9 * walked["reference"]
    assert plot.read_bytes()[:4] == b"\x89PNG"
    table = inspect_model(out.read_bytes()).tables[0]
    assert table.name.endswith("item_embedding/embeddings")
    assert table.codec != "none"
    assert table.stored_bytes < walked["float_bytes"] / 4
    measured = tfcompress("measure", out, "--data", interactions, "--skip", "latency")
    assert measured.code == 0, measured.err


def test_bytes_and_decibels_need_no_data(tfcompress, runs, ranker, tmp_path):
    out = tmp_path / "m.tflite"
    words = ["pack", ranker, "--out", out, "--max-bytes", "4KB", "--ranked-rows"]
    done = tfcompress(*words, "--target", "delegate")
    assert done.code == 0, done.err
    assert "rows count by their rank" in done.out
    assert " dB, rows by how often they are read (" in done.out
    assert inspect_model(out.read_bytes()).tables[0].stored_bytes <= 4000
    words = ["pack", ranker, "--out", out, "--snr", 9, "--target", "delegate"]
    done = tfcompress(*words, "--overwrite", "--dry-run")
    assert done.code == 0, done.err
    assert "rows count all alike" in done.out
    assert done.out.endswith(" dB\n")
    # Beside the vocabulary of its training it is known how often rows are read.
    (tmp_path / "vocabulary.parquet").write_bytes((runs / "full/vocabulary.parquet").read_bytes())
    (tmp_path / "in.tflite").write_bytes(ranker.read_bytes())
    done = tfcompress("pack", tmp_path / "in.tflite", "--out", tmp_path / "o.tflite", "--snr", 9)
    assert "vocabulary.parquet beside the file" in done.out
    back = tmp_path / "back.tflite"
    assert tfcompress("unpack", tmp_path / "o.tflite", "--out", back).code == 0
    shown = tfcompress("inspect", back)
    assert "row classes" in shown.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--ranked-rows"], "belong to a search"),
        (["--code-output"], "belong to a search"),
        (["--code-output", "--snr", "9"], "use target 'delegate'"),
        (["--data", "synthetic"], "belong to a search"),
        (["--max-loss", "1%"], "give them with --data, or give --snr"),
        (["--snr", "9", "--metric", "hr@10"], "--metric: needs --data to measure on"),
        (["--snr", "9", "--max-bytes", "9KB"], "got max_bytes, snr_db; give one of them"),
        (["--snr", "9", "--codec", "fixed"], "--codec: got 'fixed'"),
        (["--max-loss", "1%", "--data", "synthetic"], "trained on data"),
        (["--max-bytes", "100"], "100 bytes are asked for, the coarsest step tried takes"),
        (["--snr", "300"], "snr_db: got 300, the finest steps reach "),
    ],
)
def test_budgets_that_cannot_be_kept_are_told(tfcompress, ranker, tmp_path, options, message):
    out = tmp_path / "m.tflite"
    done = tfcompress("pack", ranker, "--out", out, *options)
    assert done.code == 2
    assert message in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert not out.exists()


def test_what_cannot_be_measured_or_coded_is_told(tfcompress, interactions, plain, tmp_path):
    words = ["pack", plain, "--out", tmp_path / "m.tflite"]
    done = tfcompress(*words, "--max-loss", "1%", "--data", interactions)
    assert (done.code, "use --snr" in done.err) == (2, True)
    done = tfcompress(*words, "--snr", 9)
    assert (done.code, "the file has none of floats" in done.err) == (2, True)


def test_what_is_left_is_listed_first_with_the_reason(tfcompress, tmp_path):
    path, out = tmp_path / "noise.tflite", tmp_path / "packed.tflite"
    noise = np.random.default_rng(0).integers(-128, 128, (2000, 16)).astype(np.int8)
    path.write_bytes(lookup_model(noise))
    done = tfcompress("pack", path, "--out", out, "--codec", "indexed")
    assert done.code == 0
    assert done.out.startswith("left as it is")
    assert "no table was packed" in done.out


def test_inspect_names_first_what_packing_cannot_help(tfcompress, tmp_path):
    path = tmp_path / "numbers.tflite"
    path.write_bytes(lookup_model(np.arange(8000, dtype=np.int32).reshape(-1, 8)))
    done = tfcompress("inspect", path, "--json", tmp_path / "i.json")
    assert done.out.startswith("Packing cannot help: table (1000 x 8 int32, 31.2 KiB), because")
    (written,) = json.loads((tmp_path / "i.json").read_text())
    assert written["unpackable"][0]["reason"] == "int32 values are not packed"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--codec", "context"], "codec: 'context' needs target 'delegate'"),
        (["--codec", "zip"], "zip"),
        (["--target", "gpu"], "gpu"),
    ],
)
def test_errors_are_one_line(tfcompress, tmp_path, plain, words, message):
    done = tfcompress("pack", plain, "--out", tmp_path / "p.tflite", *words)
    assert done.code == 2
    assert message in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_files_that_cannot_be_used(tfcompress, tmp_path, plain):
    out = tmp_path / "out.tflite"
    for source, message in ((tmp_path / "none", "No such file"), (tmp_path, "Is a directory")):
        done = tfcompress("pack", source, "--out", out)
        assert (done.code, message in done.err) == (2, True)
    done = tfcompress("unpack", plain, "--out", plain)
    assert "name another file" in done.err
    out.write_text("precious")
    for command in ("pack", "unpack"):
        assert "--overwrite" in tfcompress(command, plain, "--out", out).err
    assert out.read_text() == "precious"
    bad = tmp_path / "bad.tflite"
    bad.write_text("this is no model at all, but long enough")
    assert f"{bad}: not a .tflite file" in tfcompress("unpack", bad, "--out", tmp_path / "o").err
