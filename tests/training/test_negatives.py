import numpy as np

from tfcompress.training.negatives import NegativeSampler


def test_draws_follow_the_counts_and_never_hit_the_special_ids():
    counts = np.array([0, 0, 81, 16, 1])
    sampler = NegativeSampler(counts, num_negatives=200_000, seed=0)
    share = np.bincount(sampler.draw(0, 0), minlength=5) / 200_000
    expected = np.array([0, 0, 27, 8, 1]) / 36  # counts^0.75
    np.testing.assert_allclose(share, expected, atol=0.005)
    np.testing.assert_allclose(np.exp(sampler.log_q), expected, atol=1e-6)
    assert np.isfinite(sampler.log_q).all()


def test_a_draw_is_a_function_of_seed_epoch_and_batch():
    counts = np.ones(50, np.int64)

    def draw(seed: int, epoch: int, batch: int) -> bytes:
        return NegativeSampler(counts, num_negatives=20, seed=seed).draw(epoch, batch).tobytes()

    assert draw(1, 2, 3) == draw(1, 2, 3)
    assert len({draw(1, 2, 3), draw(0, 2, 3), draw(1, 0, 3), draw(1, 2, 0)}) == 4
