import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tfcompress.data.ragged import Ragged
from tfcompress.data.windows import TrainingWindows

rows = st.lists(st.lists(st.integers(1, 9), max_size=6), min_size=1, max_size=8)


def samples(windows: TrainingWindows, epoch: int) -> list[tuple[tuple[int, ...], int]]:
    batches = windows.epoch(epoch)
    result = []
    for index in range(len(batches)):
        ids, targets = batches.batch(index)
        assert ids.dtype == targets.dtype == np.int32
        result += [(tuple(row), int(target)) for row, target in zip(ids, targets, strict=True)]
    return result


@given(rows, st.integers(1, 4), st.integers(0, 3))
def test_one_epoch_has_every_known_item_with_the_items_before_it(values, length, seed):
    windows = TrainingWindows(
        Ragged.from_rows(values), length=length, batch_size=1, ordered=True, seed=seed
    )
    expected = [
        (tuple(([0] * length + row[:k])[-length:]), row[k])
        for row in values
        for k in range(1, len(row))
        if row[k] >= 2
    ]
    assert sorted(samples(windows, 0)) == sorted(expected)


def test_an_epoch_is_a_function_of_seed_and_number():
    ragged = Ragged.from_rows([list(range(2, 30)), list(range(5, 20))])

    def epochs(seed: int) -> list[list]:
        windows = TrainingWindows(ragged, length=3, batch_size=4, ordered=True, seed=seed)
        return [samples(windows, 0), samples(windows, 1)]

    assert epochs(1) == epochs(1)
    first, second = epochs(1)
    assert first != second
    assert first != epochs(2)[0]


def test_unordered_rows_are_read_in_a_new_order_each_epoch_and_stay_within_the_row():
    ragged = Ragged.from_rows([[2, 3, 4, 5, 6], [12, 13, 14, 15]])
    windows = TrainingWindows(ragged, length=8, batch_size=1, ordered=False, seed=0)
    histories = []
    for epoch in range(4):
        for ids, target in samples(windows, epoch):
            seen = {i for i in ids if i}
            assert target not in seen
            assert all((i > 10) == (target > 10) for i in seen)
        histories.append(sorted(samples(windows, epoch)))
    assert len({str(h) for h in histories}) > 1


def test_unknown_items_are_never_targets_whatever_the_order():
    ragged = Ragged.from_rows([[1, 2, 1, 3, 4, 1], [1, 1], [5, 1, 6]])
    for ordered in (True, False):
        windows = TrainingWindows(ragged, length=4, batch_size=1, ordered=ordered, seed=0)
        for epoch in range(3):
            assert {target for _, target in samples(windows, epoch)} <= {2, 3, 4, 5, 6}
            assert len(samples(windows, epoch)) == windows.num_samples > 0


def test_batches_keep_one_shape():
    ragged = Ragged.from_rows([list(range(2, 25))])
    windows = TrainingWindows(ragged, length=2, batch_size=5, ordered=True, seed=0)
    assert windows.num_samples == 22
    assert len(windows.epoch(0)) == windows.num_batches == 4
    assert {windows.epoch(0).batch(k)[0].shape for k in range(4)} == {(5, 2)}


def test_few_samples_make_one_small_batch():
    windows = TrainingWindows(
        Ragged.from_rows([[2, 3, 4]]), length=2, batch_size=512, ordered=True, seed=0
    )
    assert windows.epoch(0).batch(0)[0].shape == (2, 2)
