"""Tables coded together: wide ones, many ones, those of which no row was read."""

import weakref

import numpy as np
import pytest

from tfcompress.search import Budget, Settings
from tfcompress.search.coded_together import CodedTogether
from tfcompress.search.within_budget import search_within


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_a_wide_core_of_a_tensor_train_is_coded_with_the_others():
    tables = {"G1": normal(28, 4, 8), "G2": normal(3, 8, 65, 8)}
    together = CodedTogether(tables, {})
    _, chosen = search_within(together, Budget(snr_db=12))
    assert chosen.quality >= 12
    assert chosen.nbytes < together.float_bytes / 6


@pytest.fixture
def made(monkeypatch):
    """Coders that were made, as weak references."""
    coders = []
    make = CodedTogether._make_coder

    def noted(self, *arguments):
        coder = make(self, *arguments)
        coders.append(weakref.ref(coder))
        return coder

    monkeypatch.setattr(CodedTogether, "_make_coder", noted)
    return coders


def test_of_many_tables_each_is_made_ready_once_a_way(made):
    together = CodedTogether({f"t{k}": normal(64, 2) for k in range(9)}, {})
    for step in (1.0, 2.0):
        together.encode(Settings(step, 0.0, 0.0, rotation=True))
    assert len(made) == 9


def test_of_ways_tried_only_the_last_are_kept(made):
    counts = {"t": np.arange(64.0, 0, -1)}
    together = CodedTogether({"t": normal(64, 2)}, counts)
    for exponent in (0.25, 0.5, 0.75, 1.0):
        together.encode(Settings(1.0, exponent, 0.1, rotation=True))
    assert [coder() is not None for coder in made] == [False, False, True, True]


@pytest.mark.parametrize("read", [0, 100], ids=["no row was read", "those read are zeros"])
def test_counts_that_leave_nothing_to_weigh_are_none(read):
    table = normal(400, 8)
    table[:read] = 0
    together = CodedTogether({"t": table}, {"t": np.repeat([3.0, 0.0], [read, 400 - read])})
    assert together.counted == ()
    _, chosen = search_within(together, Budget(snr_db=20))
    assert 20 <= chosen.quality < 24
