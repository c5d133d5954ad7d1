"""Tables coded together: wide ones, many ones."""

import numpy as np

from tfcompress.search import Budget
from tfcompress.search.coded_together import CodedTogether
from tfcompress.search.within_budget import search_within


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_a_wide_core_of_a_tensor_train_is_coded_with_the_others():
    tables = {"G1": normal(28, 4, 40), "G2": normal(6, 40, 4, 40)}
    together = CodedTogether(tables, {})
    _, chosen = search_within(together, Budget(snr_db=12))
    assert chosen.quality >= 12
    assert chosen.nbytes < together.float_bytes / 8
