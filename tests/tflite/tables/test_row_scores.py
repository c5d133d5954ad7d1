"""Scores against a transformed table: by blocks of rows, and by one operator of the delegate."""

import numpy as np
import pytest

from tests.tflite.transformed_tables import close, random_transformed
from tfcompress.tflite import inspect_model, pack
from tfcompress.tflite.convert import assemble
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.tables import row_scores

TABLE = "item_embedding/embeddings"


@pytest.fixture
def small_blocks(monkeypatch, pack_whatever_it_costs):
    """Tables of 50 rows are packed, and scored by blocks of 20."""
    monkeypatch.setattr(row_scores, "BLOCK_VALUES", 20 * 16)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("codec", ["rate", "indexed", "raw"])
@pytest.mark.parametrize(
    ("classes", "shrink", "offset"), [(1, 0.0, False), (1, 0.25, True), (9, 0.0, True)]
)
def test_scores_by_one_operator(tied_full, histories, run, codec, classes, shrink, offset):
    table = random_transformed(50, 16, classes=classes, shrink=shrink, offset=offset)
    content = assemble(tied_full.content, tied_full.embeddings, transformed={TABLE: table})
    packed = pack(content, codec=codec, target="delegate")
    assert inspect_model(packed).operators["tfcompress.scores"] == 1
    many = np.tile(histories, (6, 1))  # more than one pass takes
    for ids in (histories[:0], histories[:1], histories, many):
        (found,), (expected,) = run(packed, ids), run(content, ids)
        assert found.shape == expected.shape == (len(ids), 50)
        close(found, expected)


def reading_a_block(file):
    """Lets something else read what a block of rows is multiplied to."""
    (graph,) = file.subgraphs
    join = [o for o in graph.operators if file.operator_name(o) == "CONCATENATION"][-1]
    graph.outputs = [*graph.outputs, join.inputs[0]]


def activating(file):
    """Ends the last block in RELU."""
    (graph,) = file.subgraphs
    products = [o for o in graph.operators if file.operator_name(o) == "FULLY_CONNECTED"]
    products[-1].builtinOptions.fusedActivationFunction = 1


def swapping_blocks(file):
    """Joins the blocks in another order."""
    (graph,) = file.subgraphs
    join = [o for o in graph.operators if file.operator_name(o) == "CONCATENATION"][-1]
    join.inputs = [join.inputs[1], join.inputs[0], *join.inputs[2:]]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("change", [reading_a_block, activating, swapping_blocks])
def test_other_products_stay_what_they_are(tied_full, histories, run, change):
    made = random_transformed(50, 16)
    file = read(assemble(tied_full.content, tied_full.embeddings, transformed={TABLE: made}))
    change(file)
    content = file.to_bytes()
    packed = pack(content, codec="rate", target="delegate")
    assert "tfcompress.scores" not in inspect_model(packed).operators
    for found, expected in zip(run(packed, histories), run(content, histories), strict=True):
        close(found, expected)


@pytest.mark.parametrize("rotated", [True, False])
def test_scores_by_blocks_are_those_of_all_rows_at_once(
    tied_full, histories, run, rotated, monkeypatch
):
    made = {TABLE: random_transformed(50, 16, rotated=rotated)}
    whole = assemble(tied_full.content, tied_full.embeddings, transformed=made)
    monkeypatch.setattr(row_scores, "BLOCK_VALUES", 20 * 16)
    blocks = assemble(tied_full.content, tied_full.embeddings, transformed=made)
    operators = inspect_model(blocks).operators
    assert operators["RANGE"] == 3 + 1  # and that of the steps
    assert operators["FULLY_CONNECTED"] == inspect_model(whole).operators["FULLY_CONNECTED"] + 2
    close(run(blocks, histories)[0], run(whole, histories)[0])
