"""The README's commands and its Python run as they stand there."""

import re
import shlex
from pathlib import Path

import pytest

from tfcompress_cli.main import run

README = (Path(__file__).parent.parent / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[str]:
    lines = "".join(blocks("console")).splitlines()
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


def test_the_tour_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert len(commands()) >= 6
    for command in commands():
        program, *words = shlex.split(command)
        assert program == "tfcompress"
        assert run(words) == 0, command
    assert (tmp_path / "sizes.json").exists()


@pytest.mark.parametrize("block", blocks("python"))
def test_the_python_runs(block: str):
    exec(compile(block, "README.md", "exec"), {})


def test_make_targets_and_files_that_are_named_exist():
    root = Path(__file__).parent.parent
    makefile = (root / "Makefile").read_text()
    for target in re.findall(r"^    make (\w+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for name in re.findall(r"\]\(([\w./]+)\)", README):
        assert (root / name).exists(), name


def test_every_command_is_in_the_table():
    from tfcompress_cli.main import app

    for command in app.registered_commands:
        name = command.callback.__name__
        assert re.search(rf"^\| `tfcompress {name}\b", README, re.MULTILINE), name
