"""Lines and numbers are printed whole: a terminal wraps them itself, and files keep them."""

import pytest
from rich.table import Table

from tfcompress_cli import console


@pytest.mark.parametrize(("printed", "stream"), [(console.say, "out"), (console.remark, "err")])
def test_lines_stay_whole(printed, stream, capsys, monkeypatch):
    monkeypatch.setattr(getattr(console, stream), "_width", 20)
    line = "runs/[bold]one.tflite: 1,234 bytes, as 100 examples say"
    printed(line)
    assert getattr(capsys.readouterr(), stream) == line + "\n"


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (40, ["table                rows    stored", "item_embedding/one  3,002  42.7 KiB"]),
        (30, ["table           rows    stored", "item_embeddin  3,002  42.7 KiB", "g/one"]),
        (20, ["table      rows    stored", "item_emb  3,002  42.7 KiB", "edding/o", "ne"]),
    ],
)
def test_tables_fold_names_and_never_numbers(width, expected, capsys, monkeypatch):
    monkeypatch.setattr(console.out, "_width", width)
    table = Table(box=None, pad_edge=False)
    table.add_column("table", overflow="fold")
    for name in ("rows", "stored"):
        table.add_column(name, justify="right", overflow="fold", no_wrap=True)
    table.add_row("item_embedding/one", "3,002", "42.7 KiB")
    console.show(table)
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == expected
