"""A float table to coarse integers and back: what ships is what is counted and what is read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfcompress.errors import ConfigError
from tfcompress.quantization import snr_db
from tfcompress.rate_distortion import TransformCoder, transform_code


@pytest.fixture(scope="module")
def ranked():
    """Rows that differ less the rarer they are, with energy in few directions; and their counts."""
    generator = np.random.default_rng(0)
    counts = np.maximum(2000 / (np.arange(1500) + 4), 1).astype(np.int64)
    counts[:2] = 0
    table = generator.normal(size=(1500, 16)) * np.geomspace(1, 0.05, 16)
    mixing = np.linalg.qr(generator.normal(size=(16, 16)))[0]
    return (table @ mixing * counts[:, None] ** 0.2).astype(np.float32), counts


@settings(max_examples=25)
@given(
    rows=st.integers(0, 40),
    columns=st.integers(1, 9),
    step=st.floats(0.01, 8),
    exponent=st.sampled_from([0.0, 0.5, 1.0]),
    rotation=st.booleans(),
    rate_weight=st.sampled_from([0.0, 0.15]),
    shrinkage=st.sampled_from([0.0, 3.0]),
    spread=st.integers(0, 30),
    seed=st.integers(0, 99),
)
def test_what_ships_gives_the_table_back(
    rows, columns, step, exponent, rotation, rate_weight, shrinkage, spread, seed
):
    generator = np.random.default_rng(seed)
    table = generator.normal(size=(rows, columns)) * 2.0 ** generator.integers(
        -spread, spread + 1, (rows, 1)
    )
    weights = generator.integers(0, 50, rows)
    coder = TransformCoder(table, weights, rotation, exponent, rare_shrinkage=shrinkage)
    coded = coder.encode(step, rate_weight)
    packed = coded.pack()
    np.testing.assert_array_equal(packed.unpack(), coded.integers)
    side = 4 + 8 * len(coded.steps) + (columns**2 + 4) * (coded.rotation is not None)
    side += 4 * columns * (shrinkage > 0)
    assert coded.nbytes == len(packed.to_bytes()) + side

    values = coded.integers - coded.shrink * np.clip(coded.integers, -1, 1)
    values = values * coded.steps[coded.row_classes][:, None]
    if coded.offset is not None:
        values = values + coded.offset
    if coded.rotation is not None:
        values = values @ (coded.rotation * coded.rotation_scale)
    restored = coded.dequantize()
    assert restored.dtype == np.float32
    assert restored.shape == table.shape
    np.testing.assert_allclose(
        restored, values, rtol=1e-4, atol=1e-5 * np.abs(values).max(initial=0)
    )
    assert coded.snr_db == snr_db(table, restored)


def test_the_same_table_gives_the_same_bytes(ranked):
    table, counts = ranked
    first, second = (transform_code(table, step=1.0, weights=counts) for _ in range(2))
    assert first.pack().to_bytes() == second.pack().to_bytes()
    np.testing.assert_array_equal(first.dequantize(), second.dequantize())


def test_a_fine_step_loses_little(ranked):
    assert transform_code(ranked[0], step=0.05, row_step_exponent=0.0).snr_db > 30


def test_a_row_that_cannot_be_coded_is_named(ranked):
    table = ranked[0].copy()
    table[7, 3] = np.nan
    with pytest.raises(ConfigError, match="words row 7, column 3: got nan"):
        transform_code(table, step=1.0, name="words")


@pytest.mark.parametrize("largest", [6e37, 3e38])
@pytest.mark.parametrize("rare_shrinkage", [0.0, 3.0])
def test_values_near_to_the_largest_float_are_refused(ranked, largest, rare_shrinkage):
    table, counts = ranked
    table = (table * (largest / np.abs(table).max())).astype(np.float32)
    options = {"row_step_exponent": 2.0, "rare_shrinkage": rare_shrinkage, "name": "words"}
    with pytest.raises(ConfigError, match="divide the table") as error:
        transform_code(table, step=30.0, weights=counts, **options)
    assert str(error.value).startswith("words: got values up to ")


def test_a_step_too_large_for_any_float_is_refused(ranked):
    with pytest.raises(ConfigError, match=r"values up to .* and a step of 1e\+100, .* a smaller"):
        transform_code(ranked[0], step=1e100, name="words")


def test_small_tables_are_coded_like_others_or_refused(ranked):
    table, counts = ranked
    table = (table / np.abs(table).max()).astype(np.float32)
    plain = transform_code(table, step=0.3, weights=counts)
    small = transform_code(table * np.float32(2.0**-110), step=0.3, weights=counts)
    assert small.snr_db == pytest.approx(plain.snr_db, abs=1e-3)
    for exponent in (-126, -130, -140):
        with pytest.raises(ConfigError, match=r"words: got values up to .*; multiply the table"):
            transform_code(
                table * np.float32(2.0**exponent), step=0.3, weights=counts, name="words"
            )
    assert np.isinf(transform_code(table * 0, step=0.3, weights=counts).snr_db)


def test_a_metric_saves_bytes_at_equal_harm(ranked):
    table, counts = ranked
    generator = np.random.default_rng(1)
    mixing = np.linalg.qr(generator.normal(size=(16, 16)))[0]
    metric = (mixing * np.geomspace(1, 0.01, 16)) @ mixing.T

    def harm(coded):
        error = table - coded.dequantize()
        return float(counts @ np.einsum("rc,cd,rd->r", error, metric, error))

    plain = TransformCoder(table, counts).encode(1.0)
    seen = TransformCoder(table, counts, metric=metric)
    smaller = min(
        (coded for step in (1.0, 1.1, 1.2, 1.3) if harm(coded := seen.encode(step)) < harm(plain)),
        key=lambda coded: coded.nbytes,
    )
    assert smaller.nbytes < 0.9 * plain.nbytes


def test_a_metric_needs_the_rotation():
    with pytest.raises(ConfigError, match="metric: needs rotation"):
        TransformCoder(np.eye(4), rotation="none", metric=np.eye(4))


@pytest.mark.parametrize("metric", [np.eye(3), np.full((4, 4), np.nan)])
def test_a_metric_that_does_not_fit(metric):
    with pytest.raises(
        ConfigError, match=r"metric: got float64 \(., .\), expected finite \(4, 4\)"
    ):
        TransformCoder(np.eye(4), metric=metric)


def test_shrinkage_makes_rare_rows_cheaper_and_needs_counts(ranked):
    table, counts = ranked
    plain = transform_code(table, step=1.0, weights=counts)
    shrunk = transform_code(table, step=1.0, weights=counts, rare_shrinkage=3.0)
    assert plain.offset is None
    assert shrunk.offset.shape == (16,)
    size = {coded.offset is None: np.abs(coded.integers[-500:]).sum() for coded in (plain, shrunk)}
    assert size[False] < size[True]
    with pytest.raises(ConfigError, match="rare_shrinkage: needs weights"):
        transform_code(table, step=1.0, rare_shrinkage=3.0)
