import pytest

from tfcompress.search import Settings
from tfcompress.search import ways as neighbours

AT = Settings(0.8, 0.625, 0.15, rotation=True, rare_shrinkage=3.0)


@pytest.mark.parametrize(
    ("ways", "field", "expected"),
    [
        (neighbours.other_exponents, "row_step_exponent", [0.75, 0.5]),
        (neighbours.other_weights, "rate_weight", [0.225, 0.1]),
        (neighbours.other_shrinkages, "rare_shrinkage", [6.0, 1.5]),
        (neighbours.other_rotation, "rotation", [False]),
    ],
)
def test_neighbours_differ_in_one_setting(ways, field, expected):
    found = ways(AT)
    assert [getattr(way, field) for way in found] == expected
    assert all({**vars(way), field: 0} == {**vars(AT), field: 0} for way in found)


def test_neighbours_end_where_settings_do():
    edge = Settings(0.8, 0.0, 1.0, rotation=False, rare_shrinkage=24.0)
    assert [way.row_step_exponent for way in neighbours.other_exponents(edge)] == [0.125]
    assert [way.rate_weight for way in neighbours.other_weights(edge)] == [0.6667]
    assert [way.rare_shrinkage for way in neighbours.other_shrinkages(edge)] == [12.0]


def test_a_way_is_all_but_the_step():
    finer = Settings(0.1, 0.625, 0.15, rotation=True, rare_shrinkage=3.0)
    assert neighbours.way_of(AT) == neighbours.way_of(finer) != AT
