"""Lines are printed whole: a terminal wraps them itself, and files keep them."""

import pytest

from tfcompress_cli import console


@pytest.mark.parametrize(("printed", "stream"), [(console.say, "out"), (console.remark, "err")])
def test_lines_stay_whole(printed, stream, capsys, monkeypatch):
    monkeypatch.setattr(getattr(console, stream), "_width", 20)
    line = "runs/[bold]one.tflite: 1,234 bytes, as 100 examples say"
    printed(line)
    assert getattr(capsys.readouterr(), stream) == line + "\n"
