from pathlib import Path

import pytest

from tests.sweep.conftest import artefacts
from tfcompress.errors import ConfigError
from tfcompress.peers import EMBEDDINGS, PEERS
from tfcompress.sweep import Artefact, Grid, expand
from tfcompress.sweep.grid import read_toml


def names(planned: list[Artefact]) -> list[str]:
    return [artefact.title for artefact in planned]


def test_the_grid_crosses_its_axes():
    planned = artefacts(
        method="ours",
        embedding=["full", "qr"],
        ratio=[4, 16.0],
        table_dtype=["int8", "int4"],
        tie=[False, True],
        seed=[0, 1],
    )
    # The full table has no ratio.
    assert len(planned) == (1 + 2) * 2 * 2 * 2
    assert len({artefact.key for artefact in planned}) == len(planned)
    assert len({artefact.file_name for artefact in planned}) == len(planned)
    assert len({artefact.training.name for artefact in planned}) == len(planned) // 2
    assert "synthetic qr 4x int4 tied seed 1" in names(planned)


def test_equal_files_are_one_artefact():
    planned = artefacts(
        embedding="full",
        table_dtype=["float32", "int8"],
        granularity=["per-row", "per-table"],
        target=["builtin", "delegate"],
    )
    ours = [artefact for artefact in planned if artefact.method == "ours"]
    assert names(ours) == [
        "synthetic full int8 seed 0",
        "synthetic full int8 per-table seed 0",
    ]
    # The plain tables of what people train today are the peer "float32", with and without peers.
    assert [artefact.method for artefact in planned if artefact.method != "ours"] == [*PEERS]
    alone = artefacts(embedding="full", method="ours", table_dtype="float32")
    assert [artefact.key for artefact in alone] == [planned[0].key]


def test_searches_are_files_of_ours():
    values = {"method": "search", "embedding": "qr", "target": "delegate", "tie": True}
    planned = artefacts(**values, max_loss=[0.01, 0.02], max_bytes=100_000)
    assert names(planned) == [
        "synthetic qr 16x max-loss 1% delegate tied seed 0",
        "synthetic qr 16x max-loss 2% delegate tied seed 0",
        "synthetic qr 16x max-bytes 100,000 delegate tied seed 0",
    ]
    assert not any(artefact.method == "search" for artefact in artefacts(embedding="qr"))


def test_an_output_matrix_is_searched_where_there_is_one():
    values = {"method": "search", "embedding": "qr", "target": "delegate", "max_loss": 0.01}
    planned = artefacts(**values, tie=[False, True], code_output=[False, True])
    assert names(planned) == [
        "synthetic qr 16x max-loss 1% delegate seed 0",
        "synthetic qr 16x max-loss 1% delegate output too seed 0",
        "synthetic qr 16x max-loss 1% delegate tied seed 0",
    ]
    texts = artefacts(**values, model="text-classifier", code_output=[False, True])
    assert names(texts) == ["synthetic qr 16x max-loss 1% delegate seed 0"]
    # The field came later: a sweep without it has the files that it had.
    assert planned[0].key == artefacts(**values)[0].key
    with pytest.raises(ConfigError, match="nothing to run: code_output: needs target 'delegate'"):
        expand(
            Grid.parse({**values, "data": "synthetic", "target": "builtin", "code_output": True})
        )


def test_peers_go_with_what_people_train_today():
    planned = artefacts(embedding=["full", "truncated", "low-rank", "memcom"])
    found = {
        embedding: [a.method for a in planned if a.training.config.embedding == embedding]
        for embedding in ("full", "low-rank", "memcom")
    }
    assert set(PEERS) < {*found["full"]}
    assert "keras-int8" not in found["low-rank"]
    assert "edge-int4" in found["low-rank"]
    assert {*found["memcom"]} == {"ours"}
    assert all(set(peer.embeddings) <= set(EMBEDDINGS) for peer in PEERS.values())


def test_what_cannot_be_is_left_out_and_said():
    values = {"data": "synthetic", "method": "ours", "embedding": "qr", "table_dtype": "int8"}
    plan = expand(Grid.parse({**values, "codec": ["none", "fixed", "context"]}))
    assert [artefact.codec for artefact in plan.artefacts] == [None, "fixed"]
    assert [(count, "needs target 'delegate'" in why) for why, count in plan.left_out.items()] == [
        (1, True)
    ]
    with pytest.raises(ConfigError, match="nothing to run: method: 'search' needs target 'deleg"):
        expand(Grid.parse({**values, "method": "search", "max_loss": 0.01, "tie": True}))


def test_a_data_set_has_settings_of_its_own(tmp_path: Path):
    path = tmp_path / "grid.toml"
    path.write_text(
        """
        data = [
            "synthetic",
            { source = "d/ml1m", min_count = 2, learning_rate = 0.004, training = { epochs = 7 } },
        ]
        method = "ours"
        embedding = "full"
        table_dtype = "int8"
        [training]
        epochs = 30
        patience = 2
        """
    )
    first, second = (a.training.config for a in expand(Grid.parse(read_toml(path))).artefacts)
    assert (first.epochs, first.patience, first.learning_rate) == (30, 2, 0.002)
    assert (second.epochs, second.patience, second.learning_rate) == (7, 2, 0.004)
    assert (second.data.source, second.data.min_count) == ("d/ml1m", 2)
