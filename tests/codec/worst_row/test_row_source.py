"""Rows cost the same however they are held, to the bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfcompress.codec.worst_row import row_source
from tfcompress.codec.worst_row.row_source import (
    HistogramRows,
    TableRows,
    byte_histograms,
    byte_rows,
)
from tfcompress.errors import ConfigError

TABLES = hnp.arrays(
    st.sampled_from([np.int8, np.uint8]), st.tuples(st.integers(0, 40), st.integers(0, 12))
)


@settings(max_examples=60)
@given(TABLES, st.integers(0, 2**32))
def test_table_and_histograms_agree(table, seed):
    data = table.view(np.uint8)
    rows = TableRows(table)
    histograms = HistogramRows(byte_histograms(data))
    lengths = np.random.default_rng(seed).integers(0, 17, 256)
    expected = lengths[data].sum(axis=1)
    assert (rows.costs(lengths) == expected).all()
    assert (histograms.costs(lengths) == expected).all()
    assert (rows.totals == np.bincount(data.ravel(), minlength=256)).all()
    assert (histograms.totals == rows.totals).all()
    chosen = np.arange(len(table))[::-2]
    assert (rows.counts(chosen) == histograms.counts(chosen)).all()


def test_many_blocks(monkeypatch):
    table = np.random.default_rng(0).integers(-5, 5, (999, 7)).astype(np.int8)
    whole = TableRows(table)
    monkeypatch.setattr(row_source, "_BLOCK_VALUES", 600)
    blocks = TableRows(table)
    lengths = np.arange(256)
    assert (blocks.totals == whole.totals).all()
    assert (blocks.costs(lengths) == whole.costs(lengths)).all()
    assert (blocks.counts(np.arange(999)) == whole.counts(np.arange(999))).all()


def test_values_are_bytes_in_place():
    table = np.array([[-1, 0, 1]], np.int8)
    assert byte_rows(table).tolist() == [[255, 0, 1]]
    assert np.shares_memory(byte_rows(table), table)


@pytest.mark.parametrize("table", [np.zeros((2, 2), np.int16), np.zeros(4, np.int8)])
def test_other_tables_are_refused(table):
    with pytest.raises(ConfigError, match=f"table: got {table.dtype}"):
        TableRows(table)
