import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfcompress.errors import CorruptTableError
from tfcompress.stored_vocabulary.order import Order, ascending_runs, order_bytes


def stored(ids):
    ids = np.array(ids, np.int64)
    starts = ascending_runs(ids)
    return Order(starts.tolist(), order_bytes(ids, starts) + b"what follows")


@given(st.integers(0, 90).flatmap(lambda n: st.permutations(range(n))))
def test_both_directions(ids):
    order = stored(ids)
    assert [order.id_at(position) for position in range(len(ids))] == ids
    assert [order.position_of(id_) for id_ in ids] == list(range(len(ids)))
    assert order.positions().tolist() == np.argsort(ids).tolist()


def test_more_bits_than_one_sample_holds():
    ids = np.random.default_rng(0).permutation(3000)
    order = stored(ids)
    for position in range(0, 3000, 37):
        assert order.id_at(position) == ids[position]
        assert order.position_of(int(ids[position])) == position


def test_a_run_ends_where_tokens_descend():
    assert ascending_runs(np.array([0, 3, 1, 2])).tolist() == [0, 3, 4]
    assert ascending_runs(np.array([], np.int64)).tolist() == [0]


def test_sorted_tokens_take_nothing():
    assert stored(range(1000)).num_bytes == 0


@pytest.mark.parametrize("seed", range(3))
def test_little_more_than_the_entropy_of_the_runs(seed):
    """Ids by a Zipf frequency, ties by token: the order of a vocabulary of counts."""
    counts = np.random.default_rng(seed).zipf(1.4, 20_000)
    ids = np.empty(len(counts), np.int64)
    ids[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    sizes = np.diff(ascending_runs(ids))
    entropy = sum(size * math.log2(len(ids) / size) for size in sizes.tolist())
    assert entropy <= 8 * stored(ids).num_bytes <= 1.08 * entropy


def test_bits_that_are_no_permutation():
    ids = np.random.default_rng(0).permutation(50)
    starts = ascending_runs(ids)
    content = bytearray(order_bytes(ids, starts))
    content[3] ^= 16
    with pytest.raises(CorruptTableError, match="order of its tokens"):
        Order(starts.tolist(), bytes(content))
    with pytest.raises(CorruptTableError, match="cut off"):
        Order(starts.tolist(), bytes(content[:-2]))
