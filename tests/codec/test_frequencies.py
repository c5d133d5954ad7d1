"""Levels make the same shares in C and NumPy, close to the counts they came from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfcompress.codec.frequencies import MAX_LEVEL, levels_for, pack_bytes, shares
from tfcompress.codec.reference import _Reader
from tfcompress.errors import CorruptTableError
from tfcompress.native import _native

COUNTS = hnp.arrays(np.int64, 256, elements=st.sampled_from([0, 0, 1, 2, 30, 999, 10**6, 10**12]))


def slots_of(levels, bits):
    """The symbol (counted from -128) of every slot, from the C core's table."""
    table = _native.fill_slots(levels[None], bits)
    return table[: 1 << bits].astype(np.int64) ^ 128


@given(COUNTS, st.integers(10, 14))
def test_shares_are_the_slots_of_the_c_core(counts, bits):
    counts[7] += 1
    levels = levels_for(counts, bits)
    own = shares(levels, bits)
    assert own.sum() == 1 << bits
    assert ((own > 0) == (counts > 0)).all()
    assert np.array_equal(np.bincount(slots_of(levels, bits), minlength=256), own)


def test_contexts_together_have_the_shares_of_each():
    counts = np.random.default_rng(0).poisson(3, (5, 7, 256)) * (np.arange(256) % 7 > 2)
    levels = levels_for(counts, 12)
    together = shares(levels, 12)
    for own, level in zip(together.reshape(-1, 256), levels.reshape(-1, 256), strict=True):
        assert np.array_equal(own, shares(level, 12))
    levels[3, 3] = 0
    with pytest.raises(CorruptTableError):
        shares(levels, 12)


def test_shares_follow_the_counts():
    counts = np.rint(1e6 * np.exp(-np.abs(np.arange(256) - 128) / 4)).astype(np.int64)
    counts[counts < 1000] = 0  # what is rarer than a slot costs more, whatever the levels
    own = shares(levels_for(counts, 14), 14) / 2**14
    true = counts / counts.sum()
    seen = counts > 0
    redundancy = (true[seen] * np.log2(true[seen] / own[seen])).sum()
    assert 0 <= redundancy < 0.002


def test_a_lone_symbol_has_all_slots():
    levels = np.zeros(256, np.uint8)
    levels[200] = 5
    assert shares(levels, 12)[200] == 4096


@pytest.mark.parametrize("levels", [np.zeros(256, np.uint8), np.full(256, MAX_LEVEL + 1, np.uint8)])
def test_no_probabilities(levels):
    with pytest.raises(CorruptTableError):
        shares(levels, 12)
    with pytest.raises(ValueError, match="levels"):
        _native.fill_slots(levels[None], 12)


@given(hnp.arrays(np.uint8, st.integers(0, 400), elements=st.sampled_from([0, 0, 0, 1, 255, 9])))
def test_packed_bytes_come_back(values):
    stored = pack_bytes(values)
    reader = _Reader(stored + b"more")
    assert np.array_equal(reader.packed(len(values)), values)
    assert reader.at == len(stored)
    assert len(stored) <= len(values) + 1


def test_packed_bytes_get_smaller():
    values = np.random.default_rng(0).binomial(20, 0.5, 5000).astype(np.uint8)
    assert len(pack_bytes(values)) < 5000 * 3.4 / 8
    assert len(pack_bytes(np.full(5000, 9, np.uint8))) < 20
