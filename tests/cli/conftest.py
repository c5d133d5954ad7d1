"""Runs command lines in this process, so that TensorFlow is imported once for all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tfcompress_cli import console
from tfcompress_cli.main import run


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture
def tfcompress(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Call it with the words of a command line."""
    # A wide terminal, so that what is looked for stands on one line.
    monkeypatch.setattr(console.out, "_width", 200)
    monkeypatch.setattr(console.err, "_width", 200)

    def call(*words: object) -> Done:
        capsys.readouterr()
        code = run([str(word) for word in words])
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def interactions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small CSV of interactions with the planted clusters of the synthetic set."""
    from tfcompress.data.synthetic import sequences

    rows = sequences(num_items=200, num_users=150, mean_length=10, num_clusters=5, seed=0)
    lines = ["user,item,time"]
    lines += [
        f"u{user},app-{item},{time}"
        for user, row in enumerate(rows)
        for time, item in enumerate(row)
    ]
    path = tmp_path_factory.mktemp("data") / "interactions.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


SMALL = ("--dim", 16, "--epochs", 2, "--history-length", 6, "--hidden-units", "16")


@pytest.fixture(scope="session")
def small() -> tuple[object, ...]:
    """Options of a training that takes a second."""
    return SMALL


@pytest.fixture(scope="session")
def runs(interactions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the finished runs `full`, `memcom` and `tied`."""
    folder = tmp_path_factory.mktemp("runs")
    chosen = {
        "full": ("--embedding", "full"),
        "memcom": ("--embedding", "memcom", "--ratio", 4),
        "tied": ("--embedding", "memcom", "--ratio", 4, "--tie"),
    }
    for name, options in chosen.items():
        words = ["train", interactions, "--out", folder / name, *SMALL, *options]
        assert run([str(word) for word in words]) == 0
    return folder
