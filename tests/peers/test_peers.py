"""Every peer's file runs, says what it is, and holds what it should."""

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="peers are made by TensorFlow's tools")

from tfcompress import layers, tflite
from tfcompress.errors import ConfigError
from tfcompress.models import build_sequence_ranker
from tfcompress.peers import PEERS, convert_peer
from tfcompress.tflite.compare import run

ROWS, COLS, LENGTH = 1100, 64, 6  # the matrix of the scores is a large one
METADATA = {
    "model": {"kind": "sequence-ranker", "history_length": LENGTH, "input_dim": ROWS},
    "trained_on": {"sha256": "0" * 64},
}
# Bytes of the full table: values, and the scales (and zero points) that stand in the file.
TABLE_BYTES = {
    "float32": 4 * ROWS * COLS,
    "converter-default": ROWS * COLS + 4 + 8,
    "keras-int8": ROWS * COLS + 4 * ROWS,
    "edge-int8": ROWS * COLS + 12 * ROWS,
    "edge-int4": ROWS * COLS // 2 + 12 * ROWS,
    "edge-int4-blocks": ROWS * COLS // 2 + 2 * ROWS * COLS // 32,
    "edge-int2": ROWS * COLS // 4 + 12 * ROWS,
}
# Of matrices that are multiplied by, too, nothing counts as a table's.
TABLE_BYTES |= {
    f"{name}-whole": TABLE_BYTES[name]
    for name in ("edge-int8", "edge-int4", "edge-int4-blocks", "edge-int2")
}
LARGEST_DIFFERENCE = {"float32": 1e-5, "edge-int2": 0.8, "edge-int4": 0.1, "edge-int4-blocks": 0.1}
LARGEST_DIFFERENCE |= {f"{name}-whole": 1.5 * value for name, value in LARGEST_DIFFERENCE.items()}


def ranker(embedding="full", *, tied=False, columns=COLS):
    ratio = 1 if embedding == "full" else 4
    table = layers.create(embedding, ROWS, columns, ratio=ratio, name="item_embedding")
    output = None if tied else layers.FullEmbedding(ROWS, columns, name="output_items")
    model = build_sequence_ranker(table, history_length=LENGTH, hidden_units=(8,), output=output)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.1, w.shape).astype("f") for w in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def full():
    return ranker()


@pytest.fixture(scope="module")
def ids():
    return np.random.default_rng(1).integers(0, ROWS, (5, LENGTH)).astype(np.int32)


def scores(content, ids):
    (output,) = run(content, {"ids": ids}).values()
    return output


def assert_close(model, content, ids, limit):
    expected = np.asarray(model(ids)["scores"])
    assert np.abs(scores(content, ids) - expected).max() < limit * np.abs(expected).max()


@pytest.mark.parametrize("name", PEERS)
def test_a_full_table(full, ids, name):
    content = convert_peer(name, full, METADATA)
    info = tflite.inspect_model(content)
    assert info.table_bytes == TABLE_BYTES[name]
    assert info.full_table_bytes == 4 * ROWS * COLS
    assert info.metadata["model"] == METADATA["model"]
    assert_close(full, content, ids, LARGEST_DIFFERENCE.get(name, 0.03))


@pytest.mark.parametrize(
    ("name", "embedding"),
    [(name, "full") for name in PEERS if name.endswith("-whole")]
    + [("edge-int4-blocks-whole", "truncated")],
)
def test_all_weights_of_a_file(name, embedding):
    """The output matrix has the number type of the table, the dense layers are int8."""
    model = ranker(embedding)
    tables, whole = (
        tflite.inspect_model(convert_peer(which, model, METADATA))
        for which in (name.removesuffix("-whole"), name)
    )
    bits = int(name.removeprefix("edge-int")[0])
    values = ROWS * COLS
    saved = tables.dense_bytes - whole.dense_bytes
    assert saved == pytest.approx(values * (4 - bits / 8), rel=0.1)
    dtypes = {one.dtype for one in whole.constants if list(one.shape) == [ROWS, COLS]}
    assert dtypes == {f"int{bits}"}


def test_a_tied_table_is_one_for_lookups_and_scores(ids):
    model = ranker(tied=True)
    content = convert_peer("edge-int4-blocks", model, METADATA)
    info = tflite.inspect_model(content)
    assert info.table_bytes == TABLE_BYTES["edge-int4-blocks"]
    assert info.dense_bytes < ROWS * COLS
    assert_close(model, content, ids, LARGEST_DIFFERENCE["edge-int4-blocks"])


def test_a_narrower_table_counts_its_projection(ids):
    model = ranker("low-rank")
    rank = model.get_layer("item_embedding").rank
    content = convert_peer("edge-int8", model, METADATA)
    info = tflite.inspect_model(content)
    assert info.table_bytes == ROWS * rank + 12 * ROWS + 4 * COLS * rank
    assert_close(model, content, ids, 0.03)


def test_any_batch_runs(full, ids):
    content = convert_peer("edge-int4", full, METADATA)
    np.testing.assert_array_equal(scores(content, ids)[:1], scores(content, ids[:1]))


def test_what_cannot_be_quantised_is_one_line():
    said = "item_embedding/embeddings has 16 columns; this number type needs a multiple of 32"
    with pytest.raises(ConfigError, match=said):
        convert_peer("edge-int4-blocks", ranker(columns=16), METADATA)


@pytest.mark.parametrize(("name", "columns", "needed"), [("int4", 15, 2), ("int2", 18, 4)])
def test_rows_of_broken_bytes_are_refused(name, columns, needed):
    """EMBEDDING_LOOKUP would read them from wrong places, without a word."""
    model = ranker(columns=columns)
    for peer in (f"edge-{name}", f"edge-{name}-whole"):
        with pytest.raises(ConfigError, match=f"{columns} columns; .* a multiple of {needed}"):
            convert_peer(peer, model, METADATA)
    assert_close(model, convert_peer("edge-int8", model, METADATA), np.ones((2, LENGTH), "i"), 0.05)
