import pytest

from tests.sweep.conftest import artefacts
from tfcompress.sweep.results import new_row
from tfcompress.sweep.time_left import TimeLeft, duration_text


def test_trainings_and_files_are_counted_apart():
    left = artefacts(method="ours", embedding="qr", table_dtype=["float32", "int8"], seed=[0, 1])
    estimate = TimeLeft(left, [], jobs=2)
    assert estimate.seconds is None
    times = [{"training": 100.0, "conversion": 6.0, "measuring": 4.0}, {"training": 0.0}]
    times[1] |= {"conversion": 8.0, "measuring": 2.0}
    for artefact, seconds in zip(left, times, strict=False):
        estimate.finished(artefact, new_row(artefact) | {"seconds": seconds})
    # One training and two files, in two processes.
    assert estimate.seconds == pytest.approx((100 + 2 * 10) / 2)


def test_what_is_measured_again_trains_nothing():
    new, *again = artefacts(method="ours", embedding="qr", table_dtype="int8", seed=[0, 1, 2])
    estimate = TimeLeft([new], again, jobs=1)
    seconds = {"training": 100.0, "conversion": 6.0, "measuring": 4.0}
    estimate.finished(new, new_row(new) | {"seconds": seconds})
    assert estimate.seconds == pytest.approx(2 * 10)


@pytest.mark.parametrize(
    ("seconds", "text"), [(40, "40 s"), (600, "10 min"), (3 * 3600 + 290, "3 h 05 min")]
)
def test_durations(seconds, text):
    assert duration_text(seconds) == text
