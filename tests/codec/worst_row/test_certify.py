"""Bounds are below the best code there is, and checked by arithmetic that cannot round."""

import itertools
import json
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linprog

from tfcompress.codec.worst_row.certify import Certificate, certify
from tfcompress.codec.worst_row.row_source import TableRows
from tfcompress.errors import ConfigError, DataError

SMALL_TABLES = hnp.arrays(
    np.int8, st.tuples(st.integers(1, 8), st.integers(1, 12)), elements=st.integers(-3, 2)
)


def best_stride(table, max_length):
    """The worst row under the best of all prefix codes, by trying every one."""
    symbols = np.unique(table)
    if len(symbols) < 2:
        return 0
    counts = np.stack([(table == symbol).sum(axis=1) for symbol in symbols], axis=1)
    codes = [
        lengths
        for lengths in itertools.product(range(1, max_length + 1), repeat=len(symbols))
        if sum(2 ** (max_length - length) for length in lengths) <= 2**max_length
    ]
    return int((np.array(codes) @ counts.T).max(axis=1).min())


def skewed_table(rows=40, columns=64, spread=6.0, seed=0):
    generator = np.random.default_rng(seed)
    scale = generator.uniform(0.3, 1, (rows, 1)) * spread
    return np.clip(np.rint(generator.normal(0, scale, (rows, columns))), -127, 127).astype(np.int8)


@settings(max_examples=60)
@given(SMALL_TABLES, st.integers(3, 5))
def test_bound_is_at_most_the_optimum(table, max_length):
    certificate = certify(table, max_length)
    assert certificate.check(table)
    assert certificate.bound <= certificate.code_bound
    assert certificate.stride <= best_stride(table, max_length)


def test_bound_meets_the_optimum_of_one_row():
    # Counts 8, 4, 2, 1, 1 have an optimal code of whole lengths: 8 + 8 + 6 + 4 + 4 bits.
    table = np.repeat(np.arange(5, dtype=np.int8), [8, 4, 2, 1, 1])[None]
    certificate = certify(table)
    assert certificate.bound == certificate.code_bound == certificate.stride == 30


def test_a_shorter_longest_word_can_only_cost_more():
    table = skewed_table()
    strides = [certify(table, max_length).code_bound for max_length in (6, 7, 8, 12, 16)]
    assert strides == sorted(strides, reverse=True)
    assert strides[0] > strides[-1]


def test_bound_is_the_optimum_of_the_linear_programme():
    table, max_length = skewed_table(12, 48), 7
    symbols = np.unique(table)
    counts = np.stack([(table == symbol).sum(axis=1) for symbol in symbols], axis=1)
    # Variables: share of each (symbol, length), then the worst row's cost.
    owner = np.repeat(np.arange(len(symbols)), max_length)
    length = np.tile(np.arange(1, max_length + 1), len(symbols))
    cost_rows = np.hstack([counts[:, owner] * length, -np.ones((len(table), 1))])
    kraft = np.append(2.0**-length, 0)
    one_length = np.hstack([owner == np.arange(len(symbols))[:, None], np.zeros((len(symbols), 1))])
    solution = linprog(
        np.append(np.zeros(len(owner)), 1),
        A_ub=np.vstack([cost_rows, kraft]),
        b_ub=np.append(np.zeros(len(table)), 1),
        A_eq=one_length,
        b_eq=np.ones(len(symbols)),
    )
    assert float(certify(table, max_length).bound) == pytest.approx(solution.fun, abs=1e-3)


def test_check_refuses_more_than_the_weights_prove():
    table = skewed_table()
    certificate = certify(table)
    assert len(certificate.rows) > 1
    assert certificate.check(table)
    step = Fraction(1, 10**9)
    assert not replace(certificate, bound=certificate.bound + step).check(table)
    assert not replace(certificate, code_bound=certificate.code_bound + step).check(table)
    assert replace(certificate, bound=certificate.bound - step).check(table)


@pytest.mark.parametrize(
    "change",
    [
        {"mu": Fraction(-1)},
        {"rows": (0, 0)},
        {"rows": (0, 40)},
        {"rows": (-1, 0)},
        {"rows": (0,)},
        {"weights": (1, 0)},
        {"weights": (3, -1)},
        {"max_length": 1},
        {"rows": (), "weights": ()},
    ],
)
def test_check_refuses_what_is_no_certificate(change):
    table = skewed_table()
    sound = Certificate(12, (0, 1), (1, 2), Fraction(1), Fraction(0), Fraction(1))
    assert sound.check(table)
    assert not replace(sound, **change).check(table)


def test_check_refuses_another_table():
    certificate = certify(skewed_table())
    assert not certificate.check(np.zeros((40, 64), np.int8))
    assert not certificate.check(skewed_table(20))


@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (5, 4), (1, 1)])
def test_a_table_of_one_symbol_takes_no_bits(shape):
    table = np.full(shape, -7, np.int8)
    certificate = certify(table)
    assert certificate.stride == 0
    assert certificate.check(table)


def test_two_symbols_take_a_bit_each():
    table = np.array([[1, 1, 1], [1, 2, 1]], np.uint8)
    certificate = certify(table, 1)
    assert (certificate.stride, certificate.saved(3)) == (3, 1 - 3 / 24)
    assert certificate.check(table)


def test_a_full_tree_leaves_no_choice():
    table = np.arange(8, dtype=np.int8)[None].repeat(3, axis=0)
    table[0, 1] = 0
    certificate = certify(table, 3)
    assert certificate.stride == 24
    assert certificate.check(table)


def test_rows_read_once_serve_the_bound(tmp_path):
    table = skewed_table(300)
    np.save(tmp_path / "table.npy", table)
    mapped = np.load(tmp_path / "table.npy", mmap_mode="r")
    certificate = certify(TableRows(mapped))
    assert certificate == certify(table)
    assert certificate.check(mapped)


@settings(max_examples=20)
@given(SMALL_TABLES)
def test_json_round_trip(table):
    certificate = certify(table, 4)
    text = certificate.to_json()
    assert Certificate.from_json(text) == certificate
    assert set(json.loads(text)) == {
        "max_length", "rows", "weights", "mu", "bound", "code_bound"
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"rows": 1}', "null"])
def test_other_json_is_refused(text):
    with pytest.raises(DataError, match="not the JSON that to_json writes"):
        Certificate.from_json(text)


def test_a_broken_fraction_is_refused():
    values = json.loads(certify(skewed_table()).to_json())
    for broken in ("1/0", "a", [1]):
        with pytest.raises(DataError, match="certificate"):
            Certificate.from_json(json.dumps({**values, "mu": broken}))


@pytest.mark.parametrize("max_length", [0, 49])
def test_longest_word_out_of_range(max_length):
    with pytest.raises(ConfigError, match=f"max_length: got {max_length}"):
        certify(skewed_table(), max_length)


def test_too_many_symbols_for_the_longest_word():
    table = np.arange(9, dtype=np.int8)[None]
    with pytest.raises(ConfigError, match="cannot tell 9 symbols apart; use 4 or more"):
        certify(table, 3)


def test_a_float_table_is_refused():
    with pytest.raises(ConfigError, match=r"table: got float32 \(2, 2\)"):
        certify(np.zeros((2, 2), np.float32))


def test_stride_is_whole():
    certificate = Certificate(12, (0,), (1,), Fraction(0), Fraction(7, 2), Fraction(15, 4))
    assert certificate.stride == math.ceil(3.75)
