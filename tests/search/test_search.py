"""The search finds the best of known landscapes, in few measurements of quality."""

import math
from dataclasses import replace

import pytest

from tfcompress.errors import ConfigError
from tfcompress.search import Coded, Search, Settings

BEST = Settings(step=0.0, row_step_exponent=0.75, rate_weight=0.2, rotation=True)


def waste(at: Settings) -> float:
    """How many times more bytes than the best way of coding takes."""
    return math.exp(
        (at.row_step_exponent - BEST.row_step_exponent) ** 2
        + 0.1 * math.log(at.rate_weight / BEST.rate_weight) ** 2
        + 0.1 * (not at.rotation)
    )


def encode(at: Settings) -> Coded:
    return Coded(at, {}, round(100_000 * waste(at) / (1 + at.step)))


def quality(coded: Coded) -> float:
    return 0.05 * (1 - 0.01 * coded.settings.step**2)


def test_the_smallest_that_suffices_is_near_the_best_there_is():
    search = Search(encode, quality)
    found = search.smallest(0.05 * 0.99)
    assert found.quality >= 0.05 * 0.99
    assert found.nbytes < 1.05 * 100_000 / 2
    assert found in search.trials
    assert len(search.trials) < 40
    assert abs(found.settings.row_step_exponent - 0.75) <= 0.125


def test_the_best_within_bytes():
    search = Search(encode, quality)
    found = search.best(50_000)
    assert 0.98 * 50_000 < found.nbytes <= 50_000
    ideal = quality(Coded(replace(BEST, step=1.0), {}, 0))
    assert ideal * 0.998 < found.quality <= ideal


def test_without_row_steps_the_exponent_stays():
    start = Settings(1.0, 0.0, 0.15, rotation=True)
    search = Search(encode, quality, start=start, row_steps=False)
    search.smallest(0.05 * 0.99)
    assert {trial.settings.row_step_exponent for trial in search.trials} == {0.0}


def test_out_of_reach_is_told():
    with pytest.raises(ConfigError, match="accept more loss"):
        Search(encode, quality).smallest(0.06)
    with pytest.raises(ConfigError, match="max_bytes: 100 bytes are asked for"):
        Search(encode, quality).best(100)


def test_every_trial_is_told_once():
    told = []
    search = Search(encode, quality, tell=told.append)
    search.smallest(0.0499)
    assert told == search.trials
    assert len({trial.settings for trial in told}) == len(told)
    assert told[0].to_json()["table_bytes"] == told[0].nbytes


def test_a_tuned_model_takes_coarser_steps():
    def tuned_quality(coded: Coded) -> float:
        return quality(coded) * 1.01

    search = Search(encode, quality)
    chosen = search.smallest(0.05 * 0.99)
    found = search.tuned(chosen, tuned_quality, 0.05 * 0.99)
    assert found.tuned
    assert found.quality >= 0.05 * 0.99
    assert found.nbytes < 0.92 * chosen.nbytes
    kept = search.tuned(chosen, tuned_quality, None)
    assert kept.tuned
    assert kept.nbytes == chosen.nbytes
    assert search.tuned(chosen, lambda coded: 0.0, 0.05 * 0.99) == chosen
