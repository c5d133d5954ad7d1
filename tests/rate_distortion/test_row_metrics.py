"""Metrics of rows: a shared matrix by weights, and matrices of their own."""

import numpy as np
import pytest

from tfcompress.errors import ConfigError
from tfcompress.rate_distortion.row_metrics import RowMetrics

RNG = np.random.default_rng(0)
SHARED = np.eye(3, dtype=np.float32)
WEIGHTS = np.array([0.0, 1.0, 2.0, 0.5])
ROWS = np.array([1, 3])
OWN = np.stack([part.T @ part for part in RNG.normal(size=(2, 5, 3))]).astype(np.float32)
METRICS = RowMetrics(SHARED, WEIGHTS, ROWS, OWN)


def test_rows_get_their_matrices_whatever_part_is_asked_for():
    whole = METRICS.between(0, 4)
    np.testing.assert_allclose(whole[2], 2 * SHARED)
    np.testing.assert_allclose(whole[3], 0.5 * SHARED + OWN[1], rtol=1e-6)
    for start, end in [(0, 0), (0, 1), (1, 4), (2, 3), (3, 4)]:
        np.testing.assert_array_equal(METRICS.between(start, end), whole[start:end])


def test_traces_are_those_in_the_other_basis():
    basis = RNG.normal(size=(3, 3))
    expected = np.trace(basis @ METRICS.between(0, 4) @ basis.T, axis1=1, axis2=2)
    np.testing.assert_allclose(METRICS.traces(basis), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"shared": np.ones((3, 2), np.float32)}, "shared: got shape (3, 2), expected (D, D)"),
        ({"own": OWN[:1]}, "own: got shape (1, 3, 3), expected (2, 3, 3)"),
        ({"rows": np.array([3, 1])}, "rows: got [3 1], expected ascending, all < 4"),
        ({"rows": np.array([1, 4])}, "rows: got [1 4], expected ascending, all < 4"),
        ({"weights": WEIGHTS * np.nan}, "row metrics: got NaN or infinity"),
    ],
)
def test_parts_that_do_not_go_together_are_refused(part, message):
    parts = {"shared": SHARED, "weights": WEIGHTS, "rows": ROWS, "own": OWN} | part
    with pytest.raises(ConfigError) as error:
        RowMetrics(**parts)
    assert message in str(error.value)
