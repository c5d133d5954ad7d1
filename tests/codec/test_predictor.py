"""Predictions are the integers that the format says, and worth their weights."""

import numpy as np
import pytest

from tests.codec.tables import gaussian
from tfcompress.codec import pack, predictive
from tfcompress.codec.predictive import fit_predictor
from tfcompress.codec.predictor import MAX_SHIFT, PredictorFit, nothing_predicted
from tfcompress.codec.source import as_source


def residuals_by_hand(predictor, symbols):
    """The formula of FORMAT.md, column by column, in Python's own integers."""
    values = symbols.view(np.int8)[:, predictor.order].astype(int)
    result = np.empty_like(values)
    for j in range(values.shape[1]):
        shift, known = int(predictor.shift[j]), min(j, predictor.pivots)
        total = (int(predictor.stored_bias[j]) << shift >> 3) + (1 << shift >> 1)
        total = total + values[:, :known] @ predictor.weights[j, :known].astype(int)
        prediction = np.clip(total >> shift, -predictor.limit, predictor.limit - 1)
        result[:, j] = values[:, j] - prediction
    return (result & 255).astype(np.uint8)


@pytest.mark.parametrize("columns", [1, 2, 7, 8, 9, 40])
@pytest.mark.parametrize("pivots", [0, 1, 8, 13, 40])
def test_residuals_are_the_formula(columns, pivots):
    symbols = gaussian(61, columns, scale=20).view(np.uint8)
    pivots = min(pivots, columns)
    predictor = PredictorFit(symbols, 128, 1000, max(1, pivots)).predictor(pivots)
    assert predictor.pivots == pivots
    assert sorted(predictor.order) == list(range(columns))
    assert predictor.shift.max() <= MAX_SHIFT
    assert np.array_equal(predictor.residuals(symbols), residuals_by_hand(predictor, symbols))


def test_large_tables_get_finer_weights():
    symbols = gaussian(4000, 16).view(np.uint8)
    few = PredictorFit(symbols, 128, 4_000, 16).predictor(16)
    many = PredictorFit(symbols, 128, 4_000_000, 16).predictor(16)
    assert many.shift.mean() > few.shift.mean() + 1


def test_loud_rows_do_not_decide_alone():
    """Half of the rows are loud and follow their left neighbour, the quiet half its opposite."""
    generator = np.random.default_rng(0)
    noise = generator.normal(size=(6000, 8))
    values = noise.copy()
    sign = np.where(np.arange(6000) % 4 == 0, 1, -1)
    for j in range(1, 8):
        values[:, j] += 0.9 * sign * values[:, j - 1]
    values *= np.where(sign > 0, 30, 4)[:, None] / np.abs(values).max()
    values *= np.where(sign > 0, 4, 1)[:, None]
    table = np.rint(values * 2).astype(np.int8)
    predictor = PredictorFit(table.view(np.uint8), 128, 6000, 8).predictor(8)
    assert predictor.weights[7, 6] < 0


def test_pivots_are_chosen_by_bytes():
    generator = np.random.default_rng(0)
    factors = generator.normal(size=(500, 3)) @ generator.normal(size=(3, 100))
    table = np.clip(np.rint(10 * factors), -127, 127).astype(np.int8)
    source = as_source(table)
    assert 3 <= fit_predictor(table.view(np.uint8), source, 100).pivots <= 16
    noise = generator.integers(-9, 10, (300, 64)).astype(np.int8)
    assert fit_predictor(noise.view(np.uint8), as_source(noise), 64).pivots == 0
    assert fit_predictor(table.view(np.uint8), source, 2).pivots <= 2


def test_nothing_to_predict():
    predictor = nothing_predicted(5, 128)
    symbols = gaussian(9, 5).view(np.uint8)
    assert np.array_equal(predictor.residuals(symbols), symbols)
    constant = np.full((50, 6), 9, np.int8)
    predictor = PredictorFit(constant.view(np.uint8), 128, 50, 6).predictor(6)
    assert not predictor.residuals(constant.view(np.uint8)).any()


def test_few_wide_rows_are_not_fitted_to(monkeypatch):
    monkeypatch.setattr(predictive, "PredictorFit", None)
    table = gaussian(15, 300)
    packed = pack(table, "predictive")
    assert np.array_equal(packed.unpack(), table)
    assert packed.nbytes < pack(table, "context").nbytes + 64
