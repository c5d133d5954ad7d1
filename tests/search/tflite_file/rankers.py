"""A ranker whose files are coded, and what coded files are held against."""

import keras
import numpy as np

from tfcompress import layers, tflite
from tfcompress.models import build_sequence_ranker
from tfcompress.search.tflite_file.tables import FileTables
from tfcompress.tflite.compare import run

N, D, LENGTH = 1500, 16, 6
TABLE = "item_embedding/embeddings"
COUNTS = np.append([0, 0], 20_000 // (np.arange(N - 2) + 1))
METADATA = {
    "model": {"kind": "sequence-ranker", "history_length": LENGTH, "input_dim": N},
    "trained_on": {"sha256": "0" * 64},
}


def ranker(*, tied=False, columns=D):
    keras.utils.set_random_seed(0)
    table = layers.FullEmbedding(N, columns, name="item_embedding")
    output = None if tied else layers.FullEmbedding(N, columns, name="output_items")
    model = build_sequence_ranker(table, history_length=LENGTH, hidden_units=(8,), output=output)
    rng = np.random.default_rng(0)
    # Rows of many lengths, in no order.
    rows = rng.normal(size=(N, columns)) * rng.uniform(0.1, 1, (N, 1))
    table.embeddings.assign(rows * np.linspace(0.2, 2, columns))
    model.get_layer("item_bias").bias.assign(np.log1p(COUNTS))
    return model


IDS = np.random.default_rng(1).integers(0, N, (8, LENGTH)).astype(np.int32)


def outputs(content):
    (scores,) = run(content, {"ids": IDS}).values()
    return scores


def assert_gives_the_coded(made, content, **how):
    """The same as the file with its tables replaced by coded ones, as floats."""
    expected = outputs(FileTables(content, **how).content(made.found.tables))
    for packed in (made.packing.content, tflite.unpack(made.packing.content)):
        found = outputs(packed)
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
