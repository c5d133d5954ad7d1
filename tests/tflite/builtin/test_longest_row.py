"""The code for several values a word under which the longest row is short."""

import numpy as np
import pytest

from tfcompress.codec import pack
from tfcompress.codec.source import as_source
from tfcompress.tflite.builtin import longest_row
from tfcompress.tflite.builtin.code_choice import code_of
from tfcompress.tflite.builtin.longest_row import for_longest_row
from tfcompress.tflite.builtin.row_bits import RowCoder, grouped, groups_of, keys
from tfcompress.tflite.builtin.row_coding import plan_rows


def coarse(rows, columns=24, *, spread=0.0):
    rng = np.random.default_rng(7)
    scales = 0.5 * np.exp(spread * rng.normal(size=(rows, 1)))
    return np.rint(rng.laplace(0, scales, (rows, columns))).astype(np.int8)


def mean_coder(table, group):
    found, counts = np.unique(keys(grouped(table.view(np.uint8), group)), return_counts=True)
    return RowCoder(code_of(groups_of(found, group), counts, is_compact=False))


@pytest.mark.parametrize("group", [2, 3])
@pytest.mark.parametrize("spread", [0, 0.3])
def test_the_longest_row_gets_shorter_and_the_code_stays_complete(group, spread):
    table = coarse(20_000, spread=spread)
    values = table.view(np.uint8)
    mean = mean_coder(table, group)
    found, longest = for_longest_row(mean, values)
    assert found.row_bits(values).max() == longest
    assert longest < 0.94 * mean.row_bits(values).max()
    assert found.row_bits(values).mean() > mean.row_bits(values).mean()
    assert (0.5**found.code.lengths).sum() == 1
    assert 1 <= found.code.lengths.min() <= found.code.bits <= mean.code.bits
    assert np.array_equal(found.code.symbols, mean.code.symbols)


def test_a_kind_of_rows_that_is_rare_counts_as_much():
    kinds = np.array([[0, 0, 0, 0, 0, 0, 1, 1], [2, 2, 2, 2, 3, 3, 0, 0]], np.int8)
    rng = np.random.default_rng(1)
    table = np.concatenate([rng.permuted(np.repeat(kinds[:1], 5000, axis=0), axis=1), kinds[1:]])
    values = table.view(np.uint8)
    mean = mean_coder(table, 1)
    assert mean.row_bits(values).max() == 20
    found, longest = for_longest_row(mean, values)
    assert found.row_bits(values).max() == longest == 16


def test_rows_that_the_first_code_found_makes_longest_join_in(monkeypatch):
    monkeypatch.setattr(longest_row, "_PLAYING_ROWS", 20)
    values = coarse(20_000).view(np.uint8)
    mean = mean_coder(coarse(20_000), 3)
    assert for_longest_row(mean, values)[1] < 0.9 * mean.row_bits(values).max()


@pytest.mark.parametrize(
    "table",
    [
        np.zeros((50, 6), np.int8),
        np.tile(np.array([[0, 0, 1, 1]], np.int8), (50, 1)),
        np.tile(np.arange(6, dtype=np.int8), (50, 1)),
    ],
    ids=["one symbol", "two symbols", "equal rows"],
)
def test_where_there_is_nothing_to_choose(table):
    coder = mean_coder(table, 2)
    values = table.view(np.uint8)
    assert for_longest_row(coder, values) == (coder, coder.row_bits(values).max())


@pytest.mark.parametrize("is_compact", [False, True])
def test_coarse_rows_take_less_than_those_of_the_codec(is_compact):
    table = coarse(30_000, columns=64)
    plan = plan_rows(table.view(np.uint8), as_source(table), "fixed", is_compact=is_compact)
    assert plan.code.group > 1
    assert plan.places.payload_bytes(1) < 0.97 * pack(table, "fixed").nbytes
