import json

import numpy as np
import pytest

from tests.tflite.lookup_models import lookup_model, table
from tfcompress.tflite import inspect_model


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


def test_a_dry_run_writes_nothing(tfcompress, tmp_path, plain):
    out = tmp_path / "packed.tflite"
    done = tfcompress("pack", plain, "--out", out, "--codec", "indexed", "--dry-run")
    assert done.code == 0
    assert "Dry run" in done.out
    assert not out.exists()


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
