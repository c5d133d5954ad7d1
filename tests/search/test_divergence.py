import numpy as np
import pytest

from tfcompress.search import divergence
from tfcompress.search.divergence import answers_moved, mean_divergence, mean_square

RNG = np.random.default_rng(0)
EXACT = RNG.normal(size=(50, 7)).astype(np.float32)
FOUND = EXACT + RNG.normal(0, 0.1, EXACT.shape).astype(np.float32)


def test_it_is_the_divergence_of_the_softmax():
    p, q = (np.exp(x, dtype=np.float64) for x in (EXACT, FOUND))
    p, q = (x / x.sum(axis=1, keepdims=True) for x in (p, q))
    expected = (p * np.log(p / q)).sum(axis=1).mean()
    assert mean_divergence(EXACT, FOUND) == pytest.approx(expected, rel=1e-9)
    assert mean_divergence(EXACT, EXACT) == 0


def test_what_all_answers_have_in_common_is_no_harm():
    assert mean_divergence(EXACT, EXACT + np.float32(100)) == pytest.approx(0, abs=1e-9)
    assert mean_square(EXACT, EXACT + np.float32(2)) == pytest.approx(4, rel=1e-5)


def test_answers_that_never_come_do_not_count():
    unlikely = EXACT.copy()
    unlikely[:, 0] = -50
    changed = unlikely.copy()
    changed[:, 0] = -40
    assert mean_divergence(unlikely, changed) < 1e-12


def test_chunks_change_nothing(monkeypatch):
    whole = mean_divergence(EXACT, FOUND)
    monkeypatch.setattr(divergence, "_CHUNK_SCORES", 3 * EXACT.shape[1])
    assert mean_divergence(EXACT, FOUND) == pytest.approx(whole, rel=1e-12)


def test_what_is_no_answer_is_no_harm():
    exact, found = EXACT.copy(), FOUND.copy()
    exact[:, 0] = found[:, 0] = -np.inf
    assert mean_divergence(exact, found) == pytest.approx(
        mean_divergence(exact[:, 1:], found[:, 1:]), rel=1e-9
    )


def test_one_number_is_no_choice():
    assert answers_moved(EXACT[:, :1], FOUND[:, :1]) == mean_square(EXACT[:, :1], FOUND[:, :1]) > 0
    assert answers_moved(EXACT, FOUND) == mean_divergence(EXACT, FOUND)
