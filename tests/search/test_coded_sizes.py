"""Steps for given bytes are found by few codings."""

from dataclasses import replace

import pytest

from tfcompress.search import Coded, Settings
from tfcompress.search.coded_sizes import COARSEST, FINEST, CodedSizes, fit_step

WAY = Settings(1.0, 0.5, 0.1, rotation=True)
OTHER = Settings(1.0, 0.25, 0.1, rotation=True)


class Coder:
    """Bytes fall with the step, and faster where it is coarse."""

    def __init__(self):
        self.coded = []

    def __call__(self, at):
        self.coded.append(at)
        return Coded(at, {}, round(200_000 * (1 + at.row_step_exponent) / (1 + at.step**1.3)))


@pytest.mark.parametrize("nbytes", [5_000, 50_000, 150_000])
@pytest.mark.parametrize("close", [0.06, 0.012])
def test_a_step_for_bytes_takes_a_few_codings(nbytes, close):
    coder = Coder()
    sizes = CodedSizes(coder)
    found = sizes.step_for(WAY, nbytes, close)
    assert abs(sizes.sizes[found] / nbytes - 1) <= 1.1 * close
    assert len(coder.coded) <= 5
    # What is near enough is not coded once more, and the last coding is kept.
    again = len(coder.coded)
    assert sizes.step_for(WAY, nbytes, close) == found
    assert len(coder.coded) == again
    sizes.coded(coder.coded[-1])
    assert len(coder.coded) == again


def test_another_way_begins_where_the_first_one_ended():
    coder = Coder()
    sizes = CodedSizes(coder)
    first = sizes.step_for(WAY, 20_000, 0.06)
    before = len(coder.coded)
    found = sizes.step_for(Settings(first.step, 0.25, 0.1, rotation=True), 20_000, 0.06)
    assert found.row_step_exponent == OTHER.row_step_exponent
    assert abs(sizes.sizes[found] / 20_000 - 1) <= 0.07
    assert len(coder.coded) - before <= 3


@pytest.mark.parametrize(("nbytes", "step"), [(1, COARSEST), (10**9, FINEST)])
def test_steps_end_somewhere(nbytes, step):
    sizes = CodedSizes(Coder())
    assert sizes.step_for(WAY, nbytes, 0.06).step == step


def test_a_coarser_step_is_found_where_bytes_hardly_fall():
    sizes = CodedSizes(lambda at: Coded(at, {}, round(5_000 + 4_000 / (1 + at.step**0.5))))
    assert sizes.sizes[sizes.step_for(WAY, 5_600, 0.06)] > 5_700
    found = sizes.step_within(WAY, 5_600, 5_700, 0.06)
    assert sizes.sizes[found] <= 5_700
    assert sizes.step_within(WAY, 5_000, 5_100, 0.06) is None
    assert max(at.step for at in sizes.sizes) == COARSEST


@pytest.mark.parametrize("slope", [-0.6, -1.1, -3.0])
@pytest.mark.parametrize("start", [0.1, 1.0, 20.0])
def test_the_step_is_found_however_fast_bytes_fall(slope, start):
    def encode(settings):
        return Coded(settings, {}, int(1e5 * settings.step**slope))

    assert 0.98 * 20_000 < fit_step(encode, replace(WAY, step=start), 20_000).nbytes <= 20_000


@pytest.mark.parametrize("plateau", [0.0, 0.1])
def test_no_step_is_finer_than_what_makes_more_of_the_bytes(plateau):
    steps = []

    def encode(settings):
        steps.append(settings.step)
        return Coded(settings, {}, int(1e5 / max(settings.step, plateau)))

    assert fit_step(encode, WAY, 10**8).nbytes == int(1e5 / max(FINEST, plateau))
    assert min(steps) >= FINEST
    assert len(steps) <= 5
