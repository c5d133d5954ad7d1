"""The table of a search in a terminal of the usual width."""

from dataclasses import replace

from tfcompress.search import Found, Settings, Trial
from tfcompress_cli import console, curve


def test_the_curve_fits_into_80_columns(capsys, monkeypatch):
    monkeypatch.setattr(console.out, "_width", 80)
    trial = Trial(Settings(22.5, 0.625, 0.15, rotation=True), 1_234_567, 0.0519, 0.6)
    better = replace(trial, nbytes=1_434_567, quality=0.0523, soft=0.61, tuned=True)
    curve.show(Found(better, {}, 0.0521, 150_000_000, (trial, better)))
    shown = capsys.readouterr().out
    assert "…" not in shown
    for word in (
        "tables",
        "expected",
        "measured",
        "weight",
        "rotate",
        "tuned",
        "chosen",
        "1,434,567",
        "121.5x",
    ):
        assert word in shown
    assert max(map(len, shown.splitlines())) <= 80
