import numpy as np

from tfcompress.data import Examples, LabelledTexts, Ragged
from tfcompress.data.sample import padded, spread_rows


def test_rows_are_spread_over_all_of_them():
    assert spread_rows(1000, 4).tolist() == [0, 333, 666, 999]
    assert spread_rows(3, 10).tolist() == [0, 1, 2]
    assert spread_rows(0, 10).tolist() == []
    rows = spread_rows(10_000, 4096)
    assert (np.diff(rows) > 0).all()


def test_only_the_rows_of_the_sample_are_padded(monkeypatch):
    rows = Ragged.from_rows([[k, k] for k in range(1, 12)])
    expected = [[0, 1, 1], [0, 6, 6], [0, 11, 11]]
    assert padded(rows, 3, 20).tolist() == padded(rows, 3, None).tolist() == rows.last(3).tolist()
    last = Ragged.last
    sizes = []
    monkeypatch.setattr(Ragged, "last", lambda self, n: sizes.append(len(self)) or last(self, n))
    labels = np.zeros(11, np.int32)
    for examples in (Examples(rows, rows), LabelledTexts(rows, labels)):
        assert examples.inputs(3, 3).tolist() == expected
    assert sizes == [3, 3]
