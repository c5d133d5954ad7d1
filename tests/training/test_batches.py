import threading

import numpy as np
import pytest

from tfcompress.training.batches import PrefetchedBatches


class Counted(PrefetchedBatches):
    """Batches of their own number; notes which are made, and by which thread."""

    def __init__(self, count, broken=None):
        super().__init__()
        self.count, self.broken, self.made = count, broken, {}

    def __len__(self):
        return self.count

    def make(self, index):
        if index == self.broken:
            raise ValueError(f"batch {index}")
        self.made[index] = threading.current_thread()
        return np.array([index]), np.array([-index], np.int32)


def test_batches_come_in_order_and_once():
    batches = Counted(9)
    assert [int(batches[k][0][0]) for k in range(9)] == list(range(9))
    assert sorted(batches.made) == list(range(9))


def test_the_next_batches_are_made_in_the_background():
    batches = Counted(9)
    batches[0]
    following = [batches[k] for k in (1, 2)]
    assert {int(ids[0]) for ids, _ in following} == {1, 2}
    assert threading.current_thread() not in batches.made.values()
    assert max(batches.made) <= 5  # Never the whole epoch at once.


def test_any_batch_can_be_asked_for_again():
    batches = Counted(9)
    assert [int(batches[k][0][0]) for k in (0, 1, 0, 8, 3, 3)] == [0, 1, 0, 8, 3, 3]


def test_an_error_comes_with_its_batch():
    batches = Counted(9, broken=2)
    assert [int(batches[k][0][0]) for k in (0, 1)] == [0, 1]
    with pytest.raises(ValueError, match="batch 2"):
        batches[2]
