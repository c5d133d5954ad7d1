import math
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from tfcompress.errors import ConfigError
from tfcompress.layers import HuffmanEmbedding
from tfcompress.layers.code_tree import CodeTree, longest_allowed
from tfcompress.layers.huffman_tree import fewest_rows, leaves_of_counts
from tfcompress.prefix_codes import canonical_codes

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="one layer's own arithmetic, the same on every backend: tested once",
)

SHARED = Path(__file__).resolve().parents[3] / "shared"


def zipf(n, power=1.0):
    return np.concatenate([[0, 0], 1_000_000 // np.arange(1, n - 1) ** power]).astype("int64")


def codes_of(layer):
    """Digits of every id's code, from the canonical codes of the lengths by rank."""
    lengths = np.repeat(np.arange(layer.max_length) + 1, layer.leaves_per_length)
    codes = canonical_codes(lengths, layer.arity)
    by_rank = []
    for code, length in zip(codes.tolist(), lengths.tolist(), strict=True):
        powers = [layer.arity**place for place in reversed(range(length))]
        by_rank.append([code // power % layer.arity for power in powers])
    return [by_rank[(i - 2) % layer.input_dim] for i in range(layer.input_dim)]


@pytest.mark.parametrize("pooling", ["sum", "mean", "max"])
@pytest.mark.parametrize("arity", [2, 3, 7, 500])
def test_formula(arity, pooling, rng, read_table):
    """Against a walk along the digits of codes made by another module."""
    layer = HuffmanEmbedding.from_counts(zipf(300), 8, arity=arity, pooling=pooling)
    T = rng.standard_normal((layer.max_length, arity, 8)).astype("float32")
    layer.tables()["T"].assign(T.reshape(-1, 8))
    pool = {"sum": np.sum, "mean": np.mean, "max": np.max}[pooling]
    expected = [
        pool([T[j, digit] for j, digit in enumerate(code)], axis=0) for code in codes_of(layer)
    ]
    np.testing.assert_allclose(read_table(layer), expected, rtol=1e-5, atol=1e-6)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=80), st.integers(2, 9))
def test_codes_of_a_tree(falling, arity):
    counts = np.sort(np.array(falling))[::-1].astype("int64")
    counts = np.concatenate([[0, 0], counts])
    tree = CodeTree(leaves_of_counts(counts, arity), arity)
    assert tree.num_leaves == len(counts)
    rows = tree.rows()
    used = tree.weights_by_rank(mean=False) > 0
    codes = [tuple(row[own]) for row, own in zip(rows, used, strict=True)]
    assert len(set(codes)) == len(codes)
    for code in codes:
        for length in range(1, len(code)):
            assert code[:length] not in codes  # prefix-free
    assert [len(code) for code in codes] == sorted(len(code) for code in codes)
    assert rows.max() < tree.num_rows


def test_golden_lengths_of_movielens():
    """ML-1M as it lies in ml1m_seq: every occurrence of an item in the training inputs counts.

    The longest binary code has 18 digits for the items alone and 20 with the two specials of count
    zero: those two join the rarest item one and two levels further down.
    """
    path = SHARED / "data" / "ml1m_seq" / "train_input.txt"
    if not path.is_file():
        pytest.skip(f"{path.parent} is not there")
    items = np.array(path.read_text().split(), dtype=np.int64)
    _, counts = np.unique(items, return_counts=True)
    counts = np.sort(counts)[::-1]
    alone = leaves_of_counts(counts, 2)
    assert len(alone) == 18
    layer = HuffmanEmbedding.from_counts(np.concatenate([[0, 0], counts]), 8, arity=2)
    assert layer.max_length == 20


def test_frequent_ids_have_short_codes():
    counts = zipf(1000)
    layer = HuffmanEmbedding.from_counts(counts, 8, arity=4)
    entropy = -sum(p * math.log(p, 4) for p in counts[counts > 0] / counts.sum())
    assert entropy <= layer.mean_length(counts) < entropy + 1
    ranks = np.random.default_rng(0).permutation(1000)
    by_id = counts[ranks]
    ranked = HuffmanEmbedding.from_counts(by_id, 8, arity=4, ranks=ranks)
    ranked.build()
    assert ranked.leaves_per_length == layer.leaves_per_length
    assert ranked.mean_length(by_id) == pytest.approx(layer.mean_length(counts))


def test_nothing_is_stored_per_id():
    layer = HuffmanEmbedding.from_counts(zipf(5000), 8, arity=8)
    assert sum(int(np.prod(table.shape)) for table in layer.tables().values()) == (
        8 * layer.max_length * 8
    )


@pytest.mark.parametrize("ratio", [1, 2, 5, 12.5, 13.4])
def test_from_ratio_finds_the_most_rows(ratio):
    """Against every arity and every limit of the length there is."""
    n, counts = 200, zipf(200, 1.3)
    rows = math.floor(n / ratio + 1e-9)
    shapes = [(a, length) for length in range(1, 9) for a in range(2, n + 1) if a**length >= n]
    sizes = [
        a * len(leaves_of_counts(counts, a, max_length=length))
        for a, length in shapes
        if a * length <= rows
    ]
    if sizes:
        layer = HuffmanEmbedding.from_ratio(n, 4, ratio, counts=counts)
        assert layer.num_parameters == max(sizes) * 4
    else:
        with pytest.raises(ConfigError, match=r"highest ratio it can reach is 13\.3333 "):
            HuffmanEmbedding.from_ratio(n, 4, ratio, counts=counts)


@pytest.mark.parametrize("n", [1, 2, 3, 200, 4096, 10**6])
@pytest.mark.parametrize("arity", [None, 2, 5])
def test_fewest_rows(n, arity):
    every = [
        a * length
        for length in range(1, 32)
        for a in (range(2, 2000) if arity is None else [arity])
        if a**length >= n and length <= longest_allowed(a, n)
    ]
    assert fewest_rows(n, arity) == min(every)


def test_from_ratio_with_an_arity():
    counts = zipf(2000)
    natural = len(leaves_of_counts(counts, 8))
    layer = HuffmanEmbedding.from_ratio(2000, 8, 10, counts=counts, arity=8)
    assert (layer.arity, layer.max_length) == (8, natural)
    shorter = HuffmanEmbedding.from_ratio(2000, 8, 2000 / (4 * 8), counts=counts, arity=8)
    assert (shorter.arity, shorter.max_length) == (8, 4)  # 8 ** 4 >= 2000
    with pytest.raises(ConfigError, match=r"highest ratio it can reach is 62\.5 "):
        HuffmanEmbedding.from_ratio(2000, 8, 63, counts=counts, arity=8)


def test_from_ratio_needs_counts():
    with pytest.raises(ConfigError, match="counts are needed"):
        HuffmanEmbedding.from_ratio(200, 8, 2)
    with pytest.raises(ConfigError, match=r"counts must have shape \(200,\)"):
        HuffmanEmbedding.from_ratio(200, 8, 2, counts=np.ones(199))


def test_codes_stay_inside_int32():
    # Fibonacci counts make the longest codes there are: 60 digits without a limit.
    counts = [1, 1]
    while len(counts) < 60:
        counts.append(counts[-1] + counts[-2])
    layer = HuffmanEmbedding.from_counts([0, 0, *counts[::-1]], 4, arity=2)
    assert layer.max_length == 31 == longest_allowed(2, 62)
    assert longest_allowed(32, 10**6) == 7
    assert longest_allowed(2**31 - 2, 10) == 1
    with pytest.raises(ConfigError, match="at most 31 fit int32"):
        HuffmanEmbedding(34, 4, (*[1] * 32, 2), 2)


def test_two_digits_of_a_large_arity(read_table):
    """60,000 ** 2 is past int32; the arithmetic is not."""
    leaves = leaves_of_counts(zipf(70_000), 60_000)
    layer = HuffmanEmbedding(70_000, 2, leaves, 60_000)
    assert len(leaves) == 2
    T = np.arange(2 * 60_000 * 2, dtype="float32").reshape(-1, 2)
    layer.tables()["T"].assign(T)
    ids = np.array([2, 3, 59_990, 69_999, 0, 1])
    place = (ids - 2) % 70_000
    deep = place >= leaves[0]
    below = np.maximum(place - leaves[0], 0)
    first = np.where(deep, leaves[0] + below // 60_000, place)
    expected = T[first] + np.where(deep, 1, 0)[:, None] * T[60_000 + below % 60_000]
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(ids.astype("int32"))), expected)


@pytest.mark.parametrize("pooling", ["sum", "mean"])
def test_fit_is_least_squares(rng, read_table, pooling):
    layer = HuffmanEmbedding.from_counts(zipf(60), 4, arity=3, pooling=pooling)
    table = rng.standard_normal((60, 4))
    layer.fit_table(table)
    design = np.zeros((60, layer.max_length * 3))
    for i, code in enumerate(codes_of(layer)):
        for j, digit in enumerate(code):
            design[i, j * 3 + digit] += 1 if pooling == "sum" else 1 / len(code)
    best = design @ np.linalg.lstsq(design, table, rcond=None)[0]
    np.testing.assert_allclose(read_table(layer), best, atol=1e-5)


def test_sums_of_different_codes_differ_and_maxima_may_not(read_table):
    counts = zipf(2000)
    summed = HuffmanEmbedding.from_counts(counts, 4, arity=2)
    assert len(np.unique(read_table(summed).round(7), axis=0)) == 2000
    largest = HuffmanEmbedding.from_counts(counts, 4, arity=2, pooling="max")
    assert len(np.unique(read_table(largest), axis=0)) < 2000


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("pooling", ["sum", "mean", "max"])
def test_a_handful_of_ids(n, pooling, rng, read_table):
    layer = HuffmanEmbedding.from_counts(np.arange(n)[::-1] * 0 + 1, 4, arity=2, pooling=pooling)
    h = rng.standard_normal((2, 4)).astype("float32")
    scores = ops.convert_to_numpy(layer(h, reverse=True))
    np.testing.assert_allclose(scores, h @ read_table(layer).T, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("leaves", "arity", "message"),
    [
        ((), 2, "must end in a positive"),
        ((2, 0), 2, "must end in a positive"),
        ((-1, 3), 2, "must end in a positive"),
        ((1, 3), 2, "no prefix code"),
        ((1, 1), 2, "must sum to input_dim=10"),
        ((10,), 1, "arity"),
    ],
)
def test_invalid_codes(leaves, arity, message):
    with pytest.raises(ConfigError, match=message):
        HuffmanEmbedding(10, 4, leaves, arity)


def test_counts_that_do_not_fall():
    with pytest.raises(ConfigError, match="rank 4 has 9 after 5"):
        HuffmanEmbedding.from_counts([0, 0, 7, 5, 9], 4)
    with pytest.raises(ConfigError, match="pooling must be one of"):
        HuffmanEmbedding(4, 4, (4,), 4, "median")
