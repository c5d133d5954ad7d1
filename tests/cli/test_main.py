import os
import subprocess
import sys
from pathlib import Path

import pytest

from tfcompress_cli import console, main

COMMANDS = (
    *("demo", "train", "convert", "pack", "unpack", "inspect", "measure", "codec"),
    *("sweep", "report"),
)


def test_help_names_every_command(tfcompress):
    done = tfcompress("--help")
    assert done.code == 0
    for command in COMMANDS:
        assert command in done.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(tfcompress, command):
    done = tfcompress(command, "--help")
    assert done.code == 0
    assert "--" in done.out


@pytest.mark.parametrize(
    ("command", "default"),
    [
        ("train", "16; full: 1"),
        ("convert", "float32; int8 beside coded tables"),
        ("measure", "as in the training"),
        ("codec", "per-table"),
    ],
)
def test_help_tells_defaults_that_depend(tfcompress, monkeypatch, command, default):
    # In the text of a help brackets are taken for a style, and vanish.
    monkeypatch.setenv("COLUMNS", "250")
    assert f"[default: ({default})]" in tfcompress(command, "--help").out


def test_help_starts_without_heavy_imports():
    script = (
        "import sys; from tfcompress_cli.main import run; run(['--help']);"
        "print([m for m in ('tensorflow', 'keras', 'jax', 'numpy', 'pyarrow', 'pydantic')"
        " if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version_is_that_of_the_package(tfcompress):
    import tfcompress as package

    assert tfcompress("--version").out == f"tfcompress {package.__version__}\n"


def test_the_package_of_the_commands_runs_as_a_module():
    words = [sys.executable, "-m", "tfcompress_cli"]
    done = subprocess.run([*words, "--help"], capture_output=True, text=True, check=True)
    assert "Small embedding tables" in done.stdout
    done = subprocess.run([*words, "nonsense"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_a_user_error_is_one_line_and_exit_code_2(tfcompress, tmp_path):
    done = tfcompress("inspect", tmp_path / "nothing.tflite")
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert done.err.startswith("error: ")
    assert "nothing.tflite" in done.err


def test_debug_shows_the_traceback(tfcompress, tmp_path):
    from tfcompress.errors import ModelError

    with pytest.raises(ModelError):
        tfcompress("inspect", tmp_path / "nothing.tflite", "--debug")


def test_a_fault_of_ours_is_one_line_and_exit_code_1(tfcompress, tmp_path, monkeypatch):
    from tfcompress_cli import inspect

    def broken(*args, **kwargs):
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr(inspect, "show_model", broken)
    path = tmp_path / "model.tflite"
    path.write_bytes(b"")
    monkeypatch.setattr("tfcompress.tflite.inspect_model", lambda content: None)
    done = tfcompress("inspect", path)
    assert done.code == 1
    assert done.err == (
        "error: RuntimeError: first line second line (a fault of tfcompress; see --debug)\n"
    )


@pytest.mark.parametrize(
    "words",
    [
        ("train",),
        ("nonsense",),
        ("convert", "x", "--out", "y", "--table-dtype", "int2"),
        ("measure", "x.tflite", "--skip", "colour"),
    ],
)
def test_wrong_usage_has_exit_code_2(tfcompress, words):
    assert tfcompress(*words).code == 2


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("train", "synthetic", "--out", ""), "--out"),
        (("train", "synthetic", "--out="), "--out"),
        (("train", "", "--out", "run"), "train"),
        (("sweep", "--data", "synthetic", "--out", ""), "--out"),
        (("sweep", "--data", "", "--dry-run"), "--data"),
        (("demo", "--out", "", "--overwrite"), "--out"),
        (("pack", "", "--out", "small.tflite"), "pack"),
        (("report", ""), "report"),
        (("inspect", "model.tflite", "--json", ""), "--json"),
    ],
)
def test_an_empty_word_is_not_the_current_folder(tfcompress, tmp_path, monkeypatch, words, name):
    monkeypatch.chdir(tmp_path)
    done = tfcompress(*words)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"error: {name}: got an empty word; say what is meant, or leave it out\n"
    assert not list(tmp_path.iterdir())


def test_no_hidden_units_may_be_said_by_an_empty_word(tfcompress, tmp_path):
    for words in (("--hidden-units", ""), ("--hidden-units=",)):
        done = tfcompress("train", tmp_path / "nothing.csv", "--out", tmp_path / "run", *words)
        assert "nothing.csv: no such file" in done.err


def test_completion_is_offered():
    script = "from tfcompress_cli.main import main; main()"
    environment = {**os.environ, "_TFCOMPRESS_COMPLETE": "complete_bash"}
    environment |= {"COMP_WORDS": "tfcompress co", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.argv[0] = 'tfcompress'; {script}"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert "convert" in done.stdout


def test_native_logs_are_dropped_and_pythons_are_kept():
    script = (
        "import os, sys; from tfcompress_cli.console import silence_native_logs;"
        "silence_native_logs(); os.write(2, b'native'); print('python', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stderr == b"python\n"


def test_the_console_follows_stderr(capsys):
    console.err.print("here")
    assert capsys.readouterr().err == "here\n"
    assert main.app.info.name == "tfcompress"


@pytest.mark.parametrize(
    "words",
    [
        ("inspect", "input", "--json", "input"),
        ("inspect", "input", "--json", "folder/../input"),
        ("codec", "input", "--json", "link"),
        ("measure", "input", "--csv", "./input"),
        ("measure", "other", "--data", "input", "--markdown", "input"),
        ("pack", "input", "--out", "link", "--overwrite"),
        ("convert", "input", "--out", "link", "--overwrite"),
        ("inspect", "input", "--json", "folder"),
    ],
)
def test_no_output_takes_the_place_of_an_input(tfcompress, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    Path("input").write_text("precious")
    Path("link").symlink_to("input")
    Path("folder").mkdir()
    done = tfcompress(*words)
    assert done.code == 2
    assert "name another file" in done.err
    assert Path("input").read_text() == "precious"


@pytest.mark.parametrize(
    "words",
    [
        ("inspect", "input", "--json", "there"),
        ("codec", "input", "--json", "there"),
        ("codec", "input", "--plot", "there.png"),
        ("measure", "input", "--csv", "there"),
        ("pack", "input", "--out", "there"),
        ("unpack", "input", "--out", "there"),
        ("convert", "input", "--out", "there"),
        ("convert", "input", "--out", "m.tflite", "--snr", "9", "--curve", "there"),
        ("pack", "input", "--out", "m.tflite", "--snr", "9", "--curve", "there"),
    ],
)
def test_what_is_there_is_replaced_only_where_that_was_asked_for(
    tfcompress, tmp_path, monkeypatch, words
):
    monkeypatch.chdir(tmp_path)
    Path("input").write_text("no model")
    for name in ("there", "there.png"):
        Path(name).write_text("precious")
    done = tfcompress(*words)
    assert done.code == 2
    assert "exists already; pass --overwrite to replace it" in done.err
    assert Path("there").read_text() == Path("there.png").read_text() == "precious"
    # With the flag it goes on to the input, which is none.
    done = tfcompress(*words, "--overwrite")
    assert done.code == 2
    assert "exists already" not in done.err


def test_an_interrupt_is_one_line_and_exit_code_130(tfcompress, tmp_path, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    path = tmp_path / "model.tflite"
    path.write_bytes(b"")
    monkeypatch.setattr("tfcompress.tflite.inspect_model", interrupted)
    done = tfcompress("inspect", path)
    assert done.code == 130
    assert done.err.strip().startswith("error: interrupted; a training goes on with --resume")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("convert", "run", "--out", "run/model.keras", "--overwrite"), "is a part of an input"),
        (("convert", "run", "--out", "input/m.tflite"), "input is no folder"),
        (("inspect", "input", "--json", "input/m.json"), "input is no folder"),
        (("codec", "other", "--json", "locked/new/m.json"), "no file can be made in"),
        (("pack", "input", "--out", "locked/there", "--overwrite"), "no file can be made in"),
    ],
)
def test_a_place_that_cannot_be_written_to_is_told_first(
    tfcompress, tmp_path, monkeypatch, words, message
):
    monkeypatch.chdir(tmp_path)
    Path("input").write_text("precious")
    Path("run").mkdir()
    Path("run/model.keras").write_text("trained")
    # Whoever runs the tests may write everywhere.
    monkeypatch.setattr(os, "access", lambda folder, mode: Path(folder).name != "locked")
    Path("locked").mkdir()
    Path("locked/there").write_text("")
    done = tfcompress(*words)
    assert done.code == 2
    assert message in done.err
    assert Path("run/model.keras").read_text() == "trained"


def test_what_the_system_refuses_is_told_with_the_file(tfcompress, tmp_path, monkeypatch):
    from tfcompress_cli import inspect

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device", "file.json")

    monkeypatch.setattr(inspect, "show_model", full)
    monkeypatch.setattr("tfcompress.tflite.inspect_model", lambda content: None)
    path = tmp_path / "model.tflite"
    path.write_bytes(b"")
    done = tfcompress("inspect", path)
    assert (done.code, done.err) == (2, "error: file.json: No space left on device\n")
