import signal
import weakref

import pytest

from tfcompress_cli import interrupts

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _not_ignored():
    """As in a terminal; jobs in the background of a shell's script ignore interrupts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class _Thing:
    pass


def lose_an_interrupt() -> None:
    """One that comes while a weak reference calls back, where Python can only drop it."""
    thing = _Thing()
    reference = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
    del thing
    assert reference() is None


def test_a_lost_interrupt_ends_a_training_at_its_next_step(
    tfcompress, interactions, small, tmp_path
):
    words = ["train", interactions, "--out", tmp_path / "run", *small, "--embedding", "full"]
    with interrupts.noting():
        lose_an_interrupt()
        done = tfcompress(*words)
    assert done.code == 130
    assert "--resume" in done.err
    assert not (tmp_path / "run" / "model.keras").exists()
    assert tfcompress(*words, "--resume").code == 0


def test_a_lost_interrupt_ends_a_search_at_its_next_trial(tfcompress, runs, tmp_path):
    out = tmp_path / "m.tflite"
    with interrupts.noting():
        lose_an_interrupt()
        done = tfcompress("convert", runs / "full", "--out", out, "--snr", 9)
    assert done.code == 130
    assert not out.exists()


def test_interrupts_that_are_ignored_stay_so():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts.noting():
            lose_an_interrupt()
            interrupts.check()
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
