"""Codes are optimal (against brute force and a plain heap), decodable, and what the goldens say."""

import heapq
import itertools
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfcompress.errors import ConfigError
from tfcompress.prefix_codes import (
    canonical_codes,
    fill_code,
    huffman_lengths,
    kraft_sum,
    length_limited_lengths,
)

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
COUNTS = st.lists(st.one_of(st.integers(0, 12), st.integers(0, 10**15)), min_size=2, max_size=60)


def heap_cost(counts, arity):
    """Total digits of a Huffman code, merged one node at a time."""
    heap = [*counts, *[0] * (-(len(counts) - 1) % (arity - 1))]
    heapq.heapify(heap)
    cost = 0
    while len(heap) > 1:
        node = sum(heapq.heappop(heap) for _ in range(arity))
        cost += node
        heapq.heappush(heap, node)
    return cost


def cost(counts, lengths):
    return sum(int(c) * int(n) for c, n in zip(counts, lengths, strict=True))


@given(COUNTS, st.integers(2, 9))
def test_huffman_costs_what_merging_one_by_one_costs(counts, arity):
    lengths = huffman_lengths(counts, arity)
    assert cost(counts, lengths) == heap_cost(counts, arity)
    # Only leaves added to fill up a node are missing from the sum.
    missing = (1 - kraft_sum(lengths, arity)) * arity ** int(lengths.max())
    assert 0 <= missing < arity - 1 or missing == 0


@given(st.lists(st.integers(0, 40), min_size=2, max_size=6), st.integers(2, 3), st.integers(0, 2))
def test_length_limited_is_best_of_all_codes(counts, arity, extra):
    max_length = next(k for k in range(9) if arity**k >= len(counts)) + extra
    codes = 1 + np.indices([max_length] * len(counts)).reshape(len(counts), -1)
    codes = codes[:, (arity ** (max_length - codes)).sum(axis=0) <= arity**max_length]
    best = (np.array(counts) @ codes).min()
    lengths = length_limited_lengths(counts, max_length, arity)
    assert lengths.max() <= max_length
    assert kraft_sum(lengths, arity) <= 1
    assert cost(counts, lengths) == best


@given(COUNTS, st.integers(2, 5))
def test_unlimited_package_merge_equals_huffman(counts, arity):
    free = huffman_lengths(counts, arity)
    loose = length_limited_lengths(counts, int(free.max()), arity)
    assert cost(counts, loose) == cost(counts, free)


@given(st.lists(st.floats(0, 1e6, allow_subnormal=False), min_size=2, max_size=40))
def test_float_counts_order_like_integers(counts):
    lengths = huffman_lengths(counts)
    assert kraft_sum(lengths) == 1
    for a, b in itertools.combinations(range(len(counts)), 2):
        if counts[a] > counts[b]:
            assert lengths[a] <= lengths[b]


@given(COUNTS, st.integers(2, 6))
def test_canonical_words_are_prefix_free_and_ordered(counts, arity):
    lengths = huffman_lengths(counts, arity)
    longest = int(lengths.max())
    if arity**longest > 2**62:
        return
    codes = canonical_codes(lengths, arity)
    words = [
        "".join(chr(48 + code // arity**k % arity) for k in reversed(range(length)))
        for code, length in zip(codes.tolist(), lengths.tolist(), strict=True)
    ]
    in_order = [words[s] for s in np.argsort(lengths, kind="stable")]
    assert in_order == sorted(words)
    assert not any(b.startswith(a) for a, b in itertools.pairwise(sorted(words)))


def test_known_codes():
    assert huffman_lengths([5, 1, 1, 2]).tolist() == [1, 3, 3, 2]
    assert canonical_codes([1, 3, 3, 2]).tolist() == [0b0, 0b110, 0b111, 0b10]
    assert canonical_codes([2, 0, 1, 2]).tolist() == [0b10, 0, 0b0, 0b11]
    assert huffman_lengths([9, 1, 1, 1, 1], 3).tolist() == [1, 2, 2, 2, 1]
    assert canonical_codes([1, 2, 2, 2, 1], 3).tolist() == [0, 6, 7, 8, 1]
    assert huffman_lengths([7]).tolist() == [0]
    assert huffman_lengths([]).tolist() == []
    assert length_limited_lengths([7], 5).tolist() == [0]


def test_ties_keep_the_longest_word_short():
    assert huffman_lengths([1, 1, 2, 2]).tolist() == [2, 2, 2, 2]
    assert huffman_lengths([0, 0, 0, 0]).tolist() == [2, 2, 2, 2]


def test_fibonacci_counts_make_the_longest_words():
    counts = [1, 1]
    while len(counts) < 86:
        counts.append(counts[-1] + counts[-2])
    assert huffman_lengths(counts).max() == 85
    limited = length_limited_lengths(counts, 12)
    assert limited.max() == 12
    assert kraft_sum(limited) == 1


def test_millions_of_symbols():
    counts = (1e9 / (np.arange(2_000_000) + 1) ** 1.05).astype(np.int64)
    assert kraft_sum(huffman_lengths(counts)) == 1
    assert length_limited_lengths(counts[:100_000], 18).max() == 18


def test_movielens_item_counts():
    path = SHARED / "data" / "ml1m_seq" / "train_input.txt"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    counts = Counter(path.read_text().split())
    items = np.array(sorted(counts.values(), reverse=True))
    assert huffman_lengths(items).max() == 18
    assert huffman_lengths(np.concatenate([[0, 0], items])).max() == 20


@given(st.lists(st.integers(0, 9), min_size=2, max_size=40))
def test_fill_code_completes_without_lengthening(lengths):
    sizes = np.array(lengths)
    if np.count_nonzero(sizes) < 2 or kraft_sum(sizes) > 1:
        with pytest.raises(ConfigError):
            fill_code(sizes)
        return
    filled = fill_code(sizes)
    assert kraft_sum(filled) == 1
    assert (filled <= sizes).all()
    assert ((filled > 0) == (sizes > 0)).all()


def test_kraft_sum_is_exact():
    assert kraft_sum([1, 2, 60, 60]) == Fraction(3, 4) + Fraction(1, 2**59)
    assert kraft_sum([]) == 0
    assert kraft_sum([0, 0]) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: huffman_lengths([1, -2]), "symbol 1 has -2"),
        (lambda: huffman_lengths([1.0, np.nan]), "symbol 1 has nan"),
        (lambda: huffman_lengths([[1, 2]]), r"shape \(1, 2\)"),
        (lambda: huffman_lengths([1, 2], arity=1), "arity: got 1"),
        (lambda: huffman_lengths([2**62, 2**62]), "scale the counts down"),
        (lambda: length_limited_lengths([1] * 5, 2), "cannot tell 5 symbols apart"),
        (lambda: canonical_codes([1, 1, 1]), "Kraft"),
        (lambda: canonical_codes([63]), "int64"),
        (lambda: canonical_codes([-1]), "got -1"),
        (lambda: canonical_codes([0.5]), "float64"),
        (lambda: kraft_sum([1], 1), "arity"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ConfigError, match=message):
        call()
