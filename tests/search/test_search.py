"""The search finds the best of known landscapes, in few measurements of quality."""

import math
from dataclasses import replace

import pytest

from tfcompress.errors import ConfigError
from tfcompress.search import Coded, Search, Settings
from tfcompress.search.search import OutOfReachError

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


def examine(coded: Coded) -> tuple[float, float]:
    """What is measured, by luck a little more or less; and a companion in other units."""
    luck = 0.0004 * math.sin(1e4 * coded.settings.step)
    return quality(coded) + luck, 7 * quality(coded) - 2


def search(**options) -> Search:
    return Search(encode, examine, reference=0.05, **options)


def test_the_smallest_that_suffices_is_near_the_best_there_is():
    made = search()
    found = made.smallest(0.05 * 0.98)
    assert found.quality >= 0.05 * 0.98
    assert found.nbytes < 1.1 * 100_000 / (1 + math.sqrt(2))
    assert found in made.trials
    assert len(made.trials) < 30
    assert abs(found.settings.row_step_exponent - 0.75) <= 0.125


def test_of_equal_bytes_the_best_is_chosen():
    def of_shrinkage(coded: Coded) -> tuple[float, float]:
        value = 0.05 - 0.001 * coded.settings.rare_shrinkage
        return value, 7 * value - 2

    made = Search(lambda at: Coded(at, {}, 1000), of_shrinkage, reference=0.05)
    found = made.smallest(0.04)
    assert found.quality == max(trial.quality for trial in made.trials) > made.trials[0].quality


def test_luck_in_the_measure_is_not_taken_for_quality():
    made = search()
    found = made.smallest(0.05 * 0.98)
    assert made.expectation(found) == pytest.approx(quality(encode(found.settings)), abs=2e-4)
    assert made.expectation(found) >= 0.05 * 0.98


def test_where_all_suffice_by_luck_alone_the_most_is_expected_of_the_chosen():
    def lucky(coded: Coded) -> tuple[float, float]:
        value = quality(coded) - 0.0006
        return value + 0.0006 * math.sin(1e4 * coded.settings.step), 7 * value - 2

    made = Search(encode, lucky, reference=0.05)
    enough = 0.05 * 0.99
    found = made.smallest(enough)
    measured = [trial for trial in made.trials if trial.quality >= enough]
    assert max(map(made.expectation, made.trials)) < enough <= found.quality
    assert made.expectation(found) == max(map(made.expectation, measured))
    assert found.nbytes > min(trial.nbytes for trial in measured)


def test_the_best_within_bytes():
    made = search()
    found = made.best(50_000)
    assert 0.97 * 50_000 < found.nbytes <= 50_000
    ideal = quality(Coded(replace(BEST, step=1.0), {}, 0))
    assert ideal * 0.998 < quality(encode(found.settings)) <= ideal


def test_without_row_steps_the_exponent_stays():
    start = Settings(1.0, 0.0, 0.15, rotation=True)
    made = search(start=start, row_steps=False)
    made.smallest(0.05 * 0.99)
    assert {trial.settings.row_step_exponent for trial in made.trials} == {0.0}


def test_out_of_reach_is_told():
    with pytest.raises(OutOfReachError, match="accept more loss") as raised:
        search().smallest(0.06)
    assert raised.value.reached == pytest.approx(0.05, rel=0.01)
    with pytest.raises(ConfigError, match="max_bytes: 100 bytes are asked for"):
        search().best(100)


def test_where_shrunk_rows_lose_too_much_none_are_shrunk():
    def of_rows(coded: Coded) -> tuple[float, float]:
        value = quality(coded) * (0.9 if coded.settings.rare_shrinkage else 1)
        return value, 7 * value - 2

    made = Search(encode, of_rows, reference=0.05)
    found = made.smallest(0.05 * 0.98)
    assert made.trials[0].settings.rare_shrinkage > 0
    assert found.settings.rare_shrinkage == 0
    assert found.nbytes < 1.1 * 100_000 / (1 + math.sqrt(2))


def test_every_trial_is_told_once():
    told = []
    made = search(tell=told.append)
    made.smallest(0.0485)
    assert told == made.trials
    assert len({trial.settings for trial in told}) == len(told)
    assert told[0].to_json()["table_bytes"] == told[0].nbytes


def test_a_tuned_model_takes_coarser_steps():
    def tuned_quality(coded: Coded) -> float:
        return quality(coded) * 1.01

    made = search()
    chosen = made.smallest(0.05 * 0.98)
    found = made.tuned(chosen, tuned_quality, 0.05 * 0.98)
    assert found.tuned
    assert found.quality >= 0.05 * 0.98
    assert found.nbytes < 0.92 * chosen.nbytes
    kept = made.tuned(chosen, tuned_quality, None)
    assert kept.tuned
    assert kept.nbytes == chosen.nbytes
    assert made.tuned(chosen, lambda coded: 0.0, 0.05 * 0.98) == chosen


def test_a_measure_that_does_not_follow_its_companion_is_taken_as_it_is():
    made = Search(encode, lambda coded: (quality(coded), 1.0), reference=0.05)
    found = made.smallest(0.05 * 0.98)
    assert not made.expectation.slope
    assert found.quality >= 0.05 * 0.98
