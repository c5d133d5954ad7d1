"""The table of a search in a terminal of the usual width."""

import json
import math
from dataclasses import replace

import pytest

from tfcompress.search import Budget, Found, Settings, Trial
from tfcompress_cli import console, curve
from tfcompress_cli.budget import Wanted


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


def test_tables_that_lose_nothing_have_a_curve_too():
    trial = Trial(Settings(0.8, 0.0, 0.15, rotation=False), 63, math.inf, math.inf)
    found = Found(trial, {}, math.inf, 128_000, (trial,))

    def no_number(text):
        raise AssertionError(text)

    told = json.loads(curve.to_json(found), parse_constant=no_number)
    assert told["chosen"]["measured"] is None
    assert curve.to_png(found).startswith(b"\x89PNG")


@pytest.mark.parametrize(("max_loss", "is_said"), [(0.014, True), (0.016, False)])
def test_a_loss_expected_beyond_that_asked_for_is_said(capsys, max_loss, is_said):
    settings = Settings(0.8, 0.625, 0.15, rotation=True)
    trial = Trial(settings, 1000, 0.0499, 0.6, expected=0.04925)
    wanted = Wanted(Budget(max_loss=max_loss), None, None, "delegate")
    wanted.show_curve(Found(trial, {}, 0.05, 16_000, (trial,)))
    assert ("expected to lose 1.50%" in " ".join(capsys.readouterr().out.split())) is is_said
