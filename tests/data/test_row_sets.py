import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tfcompress.data.ragged import Ragged
from tfcompress.data.row_sets import from_keys, row_keys, sorted_keys

rows_of_ids = st.lists(st.lists(st.integers(0, 9) | st.just(2**31 - 1), max_size=6), max_size=8)


@given(rows_of_ids, rows_of_ids)
def test_differences_row_by_row(rows, others):
    others = (others + [[]] * len(rows))[: len(rows)]
    left, right = (sorted_keys(Ragged.from_rows(part)) for part in (rows, others))
    found = from_keys(np.setdiff1d(left, right), len(rows))
    # Ids 0 and 1 are no items.
    expected = [sorted({*a} - {*b, 0, 1}) for a, b in zip(rows, others, strict=True)]
    assert [row.tolist() for row in found] == expected


def test_keys_keep_the_order_of_the_values():
    keys = row_keys(Ragged.from_rows([[7, 1], [], [7]]))
    assert keys.tolist() == [7, 1, (2 << 32) + 7]
