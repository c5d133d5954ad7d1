import numpy as np

from tfcompress.data.sample import spread_rows


def test_rows_are_spread_over_all_of_them():
    assert spread_rows(1000, 4).tolist() == [0, 333, 666, 999]
    assert spread_rows(3, 10).tolist() == [0, 1, 2]
    assert spread_rows(0, 10).tolist() == []
    rows = spread_rows(10_000, 4096)
    assert (np.diff(rows) > 0).all()
