import pytest

from tests.report.sweep_rows import failed_row, plan, row
from tfcompress.errors import DataError
from tfcompress.report.points import panels
from tfcompress.report.winners import best_at_each_size, pareto_front, smallest_at_each_loss


def made(artefacts, qualities=None, tables=None, **measured):
    """Rows with the qualities and table bytes given, by label."""
    rows = []
    for artefact in artefacts:
        one = row(artefact)
        if qualities is not None:
            value = qualities[artefact.label]
            seed = artefact.training.config.seed
            one["measurement"]["quality"]["ndcg@10"] = value[seed]
            one["measurement"]["bytes"]["tables"] = tables[artefact.label]
        one["measurement"] |= measured
        rows.append(one)
    return rows


QUALITIES = {
    "full float32": [0.50, 0.60],
    "full int8": [0.50, 0.59],
    "full edge-int8": [0.51, 0.60],
    "qr 16x int8": [0.40, 0.42],
    "hash 16x int8": [0.30, 0.30],
}
TABLES = {
    "full float32": 1_200_000,
    "full int8": 300_000,
    "full edge-int8": 400_000,
    "qr 16x int8": 20_000,
    "hash 16x int8": 20_000,
}
CHOICE = {
    "data": "shop",
    "method": ["ours", "float32", "edge-int8"],
    "embedding": ["full", "qr", "hash"],
    "table_dtype": "int8",
    "seed": [0, 1],
}


@pytest.fixture
def panel():
    (panel,) = panels(made(plan(**CHOICE), QUALITIES, TABLES))
    return panel


def test_seeds_of_a_way_are_one_point(panel):
    points = {point.label: point for point in panel.points}
    assert set(points) == set(QUALITIES)
    full = points["full int8"]
    assert (full.seeds, full.ours, full.is_reference) == ((0, 1), True, False)
    assert full.quality == pytest.approx(0.545)
    assert full.quality_sd == pytest.approx(0.09 / 2**0.5)
    assert full.change == pytest.approx(0.545 / 0.55 - 1)
    assert full.memory == pytest.approx(1_500_000 + row_peak_file(full))
    assert set(full.latency) == {1, 32}
    assert points["full float32"].is_reference
    assert not points["full edge-int8"].ours
    assert [point.table_bytes for point in panel.points] == sorted(TABLES.values())


def row_peak_file(point):
    return next(
        row(a)["measurement"]["memory_bytes"]["peak_file"]
        for a in plan(**CHOICE)
        if a.label == point.label
    )


def test_the_change_is_over_the_seeds_that_both_have():
    rows = made(plan(**CHOICE), QUALITIES, TABLES)
    kept = [r for r in rows if r["measurement"]["quality"]["ndcg@10"] != 0.60]
    (panel,) = panels(kept)
    points = {point.label: point for point in panel.points}
    assert points["full float32"].seeds == (0,)
    assert points["full float32"].quality_sd is None
    assert points["qr 16x int8"].change == pytest.approx(0.40 / 0.50 - 1)


def test_the_front_leaves_out_what_is_beaten(panel):
    front = [point.label for point in pareto_front(panel.points)]
    assert front == ["qr 16x int8", "full int8", "full edge-int8"]


def test_a_single_lucky_seed_wins_nothing():
    rows = made(plan(**CHOICE), QUALITIES | {"full edge-int8": [0.50, 0.58]}, TABLES)
    # Of the peer only the seed that is better whatever is made of it.
    lucky = [row for row in rows if row["config"]["method"] != "edge-int8" or seed_of(row) == 1]
    (panel,) = panels(lucky)
    points = {point.label: point for point in panel.points}
    assert points["full edge-int8"].quality > points["full int8"].quality
    assert [point.label for point in pareto_front(panel.points)] == [
        "qr 16x int8",
        "full int8",
        "full float32",
    ]
    large = next(w for w in best_at_each_size(panel) if w.condition == "at most 1 MB")
    assert large.ours.comparable > large.peer.comparable
    # Without a reference there is nothing better than the mean.
    (panel,) = panels([row for row in lucky if row["config"]["method"] != "float32"])
    assert [point.comparable for point in panel.points] == [p.quality for p in panel.points]


def seed_of(row):
    return row["config"]["training"]["config"]["seed"]


def test_what_won_at_each_size(panel):
    winners = {winner.condition: winner for winner in best_at_each_size(panel)}
    assert list(winners) == ["at most 1 MB", "at most 300 KB", "at most 100 KB", "at most 30 KB"]
    large, small = winners["at most 1 MB"], winners["at most 100 KB"]
    assert (large.ours.label, large.peer.label) == ("full int8", "full edge-int8")
    # The difference is less than a standard deviation: nobody won.
    assert large.best is None
    assert (small.ours.label, small.peer) == ("qr 16x int8", None)
    assert small.best is small.ours


def test_how_small_at_each_loss(panel):
    winners = smallest_at_each_loss(panel)
    assert [winner.condition for winner in winners] == [
        "loses at most 0.5 %",
        "loses at most 2 %",
        "loses at most 5 %",
    ]
    # It loses 0.9 %.
    assert winners[0].ours is None
    assert winners[0].best.label == "full edge-int8"
    assert winners[1].best.label == "full int8"
    assert winners[1].smaller_text == "1.3x"


def test_how_small_a_whole_file_at_each_loss():
    rows = made(plan(**CHOICE), QUALITIES, TABLES)
    for one in rows:
        own = one["config"]["method"] == "ours"
        one["measurement"]["file_bytes"] = 5_000_000 if own else 2_000_000
    (panel,) = panels(rows)
    winner = smallest_at_each_loss(panel, size="file_bytes")[1]
    assert (winner.ours.label, winner.peer.label) == ("full int8", "full edge-int8")
    assert winner.best is winner.peer
    assert winner.smaller_text == "0.4x"


def test_without_a_full_table_nothing_has_a_change():
    (panel,) = panels(made(plan(**CHOICE | {"embedding": ["qr", "hash"]}), QUALITIES, TABLES))
    assert all(point.change is None for point in panel.points)
    assert smallest_at_each_loss(panel) == []


def test_what_cannot_be_compared_has_panels_of_its_own():
    choice = {"method": "ours", "embedding": "qr", "table_dtype": "int8"}
    rows = made(plan(**choice, tie=[False, True]))
    rows += made(plan(**choice, data="shop", training={"dim": 32}))
    assert [panel.title for panel in panels(rows)] == [
        "shop, untied, dim 64",
        "shop, tied, dim 64",
        "films, untied",
        "films, tied",
        "shop, untied, dim 32",
    ]


def test_data_of_one_name_are_told_apart_by_their_folders():
    choice = {"method": "ours", "embedding": "qr", "table_dtype": "int8"}
    rows = made(plan(**choice, data=["new/clicks.csv", "old/clicks.csv"]))
    assert [panel.title for panel in panels(rows)] == [
        "new/clicks.csv, untied",
        "old/clicks.csv, untied",
    ]


def test_the_learning_rate_that_validates_best_counts():
    rows = []
    artefacts = plan(
        data="shop", method="ours", embedding="qr", table_dtype="int8", learning_rate=[0.1, 0.2]
    )
    for artefact in artefacts:
        one = row(artefact)
        rate = artefact.training.config.learning_rate
        one["valid"] = {"ndcg@10": rate}
        one["measurement"]["quality"]["ndcg@10"] = 1 - rate
        rows.append(one)
    (panel,) = panels(rows)
    (point,) = panel.points
    assert (point.learning_rate, point.quality) == (0.2, 0.8)


def test_a_point_that_was_measured_twice_counts_once():
    both = [
        *plan(data="shop", method="float32", embedding="full", measure={"latency": False}),
        *plan(data="shop", method="float32", embedding="full"),
    ]
    (panel,) = panels([row(artefact) for artefact in both])
    assert [point.seeds for point in panel.points] == [(0,)]


def test_failed_rows_are_no_points():
    assert panels([failed_row(artefact, "no") for artefact in plan(embedding="full")]) == []


def test_a_row_of_another_version_is_one_line():
    one = row(plan(embedding="full")[0])
    one["config"]["colour"] = "red"
    with pytest.raises(DataError, match=f"row {one['key']}: colour: .*another version"):
        panels([one])


def test_with_one_seed_a_small_difference_is_a_draw():
    rows = made(plan(**CHOICE | {"seed": 0}), QUALITIES, TABLES)
    (panel,) = panels(rows)
    large = next(w for w in best_at_each_size(panel) if w.condition == "at most 1 MB")
    assert (large.ours.quality, large.peer.quality) == (0.50, 0.51)
    assert large.best is None
