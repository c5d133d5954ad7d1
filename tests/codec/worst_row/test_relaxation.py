"""Cutting planes find what a simplex method finds on all rows."""

import numpy as np
import pytest

from tests.codec.worst_row.simplex import by_simplex
from tfcompress.codec.worst_row import relaxation
from tfcompress.codec.worst_row.relaxation import relax, worst_rows
from tfcompress.codec.worst_row.row_source import HistogramRows


def test_rows_are_added_until_none_is_violated():
    # Each row is hard for a code of its own; a start on 160 of them leaves others out.
    generator = np.random.default_rng(1)
    histograms = np.stack([np.bincount(generator.integers(0, 24, 60), minlength=24)] * 900)
    for row in histograms:
        generator.shuffle(row)
    source = HistogramRows(histograms)
    result = relax(source, 10)
    assert result.value == pytest.approx(float(source.costs(result.lengths).max()))
    everything = by_simplex(histograms.astype(np.float64), np.ones(24, int), np.full(24, 10))
    assert result.value == pytest.approx(everything, abs=0.05)


@pytest.mark.parametrize("block", [2, 3, 1 << 20])
def test_worst_rows(block, monkeypatch):
    monkeypatch.setattr(relaxation, "_BLOCK_ROWS", block)
    costs = np.array([3.0, 9, 1, 7, 5])
    assert sorted(worst_rows(costs, 2)) == [1, 3]
    assert sorted(worst_rows(costs, 9)) == [0, 1, 2, 3, 4]
    assert worst_rows(costs[:0], 2).shape == (0,)
