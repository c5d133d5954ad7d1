import re

import pytest

from tests.report.sweep_rows import plan
from tests.report.test_points import CHOICE, made
from tfcompress.report.points import panels
from tfcompress.report.scatter import HEIGHT, Axis, long_enough, scatter


@pytest.fixture
def points():
    """Two files that are as good and as quick as each other, but for noise."""
    choice = CHOICE | {"embedding": "full", "method": ["ours", "float32"], "seed": 0}
    qualities = {"full float32": [0.085886], "full int8": [0.085899]}
    tables = {"full float32": 1_279_744, "full int8": 339_932}
    (panel,) = panels(made(plan(**choice), qualities, tables))
    return panel.points


def _heights(svg):
    circle, diamond = (
        re.search(r'cy="([\d.]+)"', svg),
        re.search(r'<path d="M[\d.]+ ([\d.]+)l', svg),
    )
    return float(circle[1]), float(diamond[1]) + 7


def test_differences_of_no_account_look_like_none(points):
    svg = scatter(points, Axis("nDCG@10", lambda point: point.quality, "{:g}".format), {})
    ours, reference = _heights(svg)
    assert 0 < abs(ours - reference) < HEIGHT / 100


def test_a_logarithmic_axis_of_like_values_has_ticks(points):
    values = dict(zip((point.label for point in points), (20.50, 20.56), strict=True))
    axis = Axis("us", lambda point: values[point.label], "{:g} us".format, logarithmic=True)
    svg = scatter(points, axis, {})
    assert ">20 us<" in svg
    ours, reference = _heights(svg)
    assert abs(ours - reference) < HEIGHT / 100


@pytest.mark.parametrize(("logarithmic", "marks"), [(False, 2), (True, 1)])
def test_a_value_of_zero_is_shown_but_by_logarithms(points, logarithmic, marks):
    values = dict(zip((point.label for point in points), (0.0, 0.5), strict=True))
    axis = Axis("", lambda point: values[point.label], "{:g}".format, logarithmic=logarithmic)
    svg = scatter(points, axis, {"ours": points})
    assert svg.count("data-point=") == marks


def test_an_axis_of_different_values_ends_where_they_do():
    assert long_enough(0.05, 0.10, logarithmic=False) == (0.05, 0.10)
    assert long_enough(1.0, 3.0, logarithmic=True) == (1.0, 3.0)
    low, high = long_enough(1.0, 1.0, logarithmic=False)
    assert (low, high) == pytest.approx((0.975, 1.025))
