"""The code for the worst row: as good as any where all can be tried, and near the bound."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfcompress.codec.baselines import annealed_8bit
from tfcompress.codec.worst_row.branching import reach
from tfcompress.codec.worst_row.certify import certify
from tfcompress.codec.worst_row.fixed_code import search_fixed_code
from tfcompress.codec.worst_row.relaxation import relax
from tfcompress.codec.worst_row.row_source import HistogramRows, TableRows
from tfcompress.errors import ConfigError
from tfcompress.prefix_codes import kraft_sum, length_limited_lengths
from tfcompress.quantization import quantize

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "tables"


def worst(histograms, lengths):
    return int((np.asarray(histograms, np.int64) @ lengths.astype(np.int64)).max(initial=0))


def best_stride(histograms, max_length):
    counts = histograms[:, histograms.any(axis=0)]
    return min(
        int((counts @ lengths).max())
        for lengths in itertools.product(range(1, max_length + 1), repeat=counts.shape[1])
        if sum(2 ** (max_length - length) for length in lengths) <= 2**max_length
    )


def gaussian_rows(rows, columns, seed=0):
    generator = np.random.default_rng(seed)
    scale = np.exp(generator.uniform(0, 3, (rows, 1)))
    return np.clip(np.rint(generator.normal(0, scale, (rows, columns))), -127, 127).astype(np.int8)


@settings(max_examples=60)
@given(
    hnp.arrays(
        np.uint16, st.tuples(st.integers(1, 9), st.integers(2, 5)), elements=st.integers(0, 20)
    )
)
def test_reaches_the_optimum_of_few_symbols(histograms):
    lengths = search_fixed_code(histograms, 4)
    occurs = histograms.any(axis=0)
    assert ((lengths > 0) == (occurs & (occurs.sum() > 1))).all()
    if occurs.sum() > 1:
        assert kraft_sum(lengths) == 1
        assert worst(histograms, lengths) == best_stride(histograms.astype(np.int64), 4)


@pytest.mark.parametrize("max_length", [6, 12])
def test_is_near_the_certified_limit(max_length):
    rows = TableRows(np.clip(gaussian_rows(1000, 48), -31, 31))
    lengths = search_fixed_code(rows, max_length)
    assert 0 < lengths.max() <= max_length
    assert kraft_sum(lengths) == 1
    assert int(rows.costs(lengths).max()) - certify(rows, max_length).stride in (0, 1, 2)


def test_is_no_worse_than_annealing():
    table = np.clip(gaussian_rows(300, 48, seed=1), -40, 40)
    stride = int(TableRows(table).costs(search_fixed_code(TableRows(table), 15)).max())
    for start in ("balanced", "huffman"):
        assert stride <= annealed_8bit(table, start, moves=2000).stride


@pytest.mark.parametrize(
    ("name", "max_length", "limit"),
    [
        ("gpt2_wpe", 12, 0),
        ("gpt2_wpe", 15, 0),
        ("mf_movielens_V", 15, 1),
        ("mf_movielens_U", 13, 0),
    ],
)
def test_real_tables(name, max_length, limit):
    path = SHARED / f"{name}.npy"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    rows = TableRows(quantize(np.load(path), 8, "per_table").integers)
    stride = int(rows.costs(search_fixed_code(rows, max_length)).max())
    assert 0 <= stride - certify(rows, max_length).stride <= limit


def test_histograms_and_table_give_the_same_code():
    table = gaussian_rows(500, 32)
    histograms = TableRows(table).counts(np.arange(500))
    expected = search_fixed_code(TableRows(table))
    for dtype in (np.uint8, np.int16, np.int64):
        assert (search_fixed_code(histograms.astype(dtype)) == expected).all()


def test_the_same_seed_gives_the_same_code():
    histograms = TableRows(gaussian_rows(300, 64)).counts(np.arange(300))
    assert (search_fixed_code(histograms, 10) == search_fixed_code(histograms, 10)).all()


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (3, 0), (3, 5)])
def test_nothing_to_code(shape):
    lengths = search_fixed_code(np.zeros(shape, np.int64))
    assert lengths.shape == shape[1:]
    assert not lengths.any()


def test_one_and_two_symbols():
    assert search_fixed_code(np.array([[0, 9, 0]])).tolist() == [0, 0, 0]
    assert search_fixed_code(np.array([[3, 0, 1], [0, 0, 4]]), 1).tolist() == [1, 0, 1]


def test_words_that_must_all_be_as_long_as_they_may():
    histograms = np.random.default_rng(0).integers(0, 9, (20, 16))
    assert (search_fixed_code(histograms, 4) == 4).all()


def test_fibonacci_counts_keep_the_limit():
    counts = [1, 1]
    while len(counts) < 24:
        counts.append(counts[-1] + counts[-2])
    lengths = search_fixed_code(np.array([counts, counts[::-1]]), 9)
    assert lengths.max() <= 9
    assert kraft_sum(lengths) == 1


def test_very_different_row_totals():
    histograms = np.random.default_rng(0).integers(0, 5, (50, 20))
    histograms[7] *= 100_000
    # That row decides alone; symbols it lacks take words all the same.
    best = length_limited_lengths(histograms[7], 12)
    assert worst(histograms, search_fixed_code(histograms)) == int(histograms[7] @ best)


def test_branching_finds_or_excludes():
    rows = TableRows(gaussian_rows(300, 40, seed=3))
    relaxation = relax(rows, 12)
    below = reach(rows, relaxation, 12, int(relaxation.value) - 1, 50)
    assert below.lengths is None
    assert below.exhausted
    above = reach(rows, relaxation, 12, int(relaxation.value) + 6, 50)
    full = np.zeros(256)
    full[relaxation.symbols] = above.lengths
    assert rows.costs(full).max() <= int(relaxation.value) + 6
    assert reach(rows, relaxation, 12, int(relaxation.value) + 6, 0) == (None, False)


@pytest.mark.parametrize(
    ("histograms", "message"),
    [
        (np.zeros((2, 3)), r"histograms: got float64 \(2, 3\)"),
        (np.zeros(3, np.int64), r"histograms: got int64 \(3,\)"),
        (np.array([[1, -1]]), "histograms: got -1"),
    ],
)
def test_what_is_no_histogram_is_refused(histograms, message):
    with pytest.raises(ConfigError, match=message):
        search_fixed_code(histograms)


def test_words_too_short_for_the_symbols():
    with pytest.raises(ConfigError, match="words of 2 bits cannot tell 5 symbols apart"):
        search_fixed_code(np.ones((1, 5), np.int64), 2)


def test_costs_of_wide_rows_are_exact():
    # In float32 the sum of a row this long would be off.
    histograms = np.full((1, 3), 2**26 + 1)
    assert HistogramRows(histograms).costs(np.array([1, 2, 2]))[0] == 5 * (2**26 + 1)
