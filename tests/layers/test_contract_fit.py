"""What every layer promises of `fit_table`."""

import numpy as np
import pytest

from tests.layers.contract import INPUT_DIM, OUTPUT_DIM, once
from tfcompress.errors import ConfigError


@once
@pytest.mark.parametrize("with_ranks", [False, True])
def test_fit_table_finds_a_table_of_its_own_kind(case, rng, with_ranks, read_table):
    ranks = rng.permutation(INPUT_DIM) if with_ranks else None
    table = read_table(case.make(ranks=ranks))
    layer = case.make(ranks=ranks)
    layer.fit_table(table)
    error = np.linalg.norm(read_table(layer) - table) / np.linalg.norm(table)
    assert error < case.fit_error


@once
def test_fit_table_helps(case, rng, read_table):
    table = rng.standard_normal((INPUT_DIM, OUTPUT_DIM)) + rng.standard_normal(OUTPUT_DIM)
    layer = case.make()
    layer.fit_table(table)
    assert np.linalg.norm(read_table(layer) - table) < np.linalg.norm(table)


@once
def test_fit_table_refuses(case):
    layer = case.make()
    with pytest.raises(ConfigError, match="matrix must have shape"):
        layer.fit_table(np.zeros((INPUT_DIM, OUTPUT_DIM + 1)))
    table = np.zeros((INPUT_DIM, OUTPUT_DIM))
    table[17, 3] = np.nan
    with pytest.raises(ConfigError, match="row 17"):
        layer.fit_table(table)


@once
def test_fit_table_refuses_what_the_dtype_cannot_hold(case, rng):
    table = 1e30 * rng.standard_normal((INPUT_DIM, OUTPUT_DIM))
    with pytest.raises(ConfigError, match=r"table \S+ row \d+ is beyond float16"):
        case.make(dtype="float16").fit_table(table)


@once
def test_fit_table_of_zeros(case, read_table):
    layer = case.make()
    layer.fit_table(np.zeros((INPUT_DIM, OUTPUT_DIM)))
    assert not np.any(read_table(layer))
