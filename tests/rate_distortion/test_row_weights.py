"""How often rows are read is what changing each of them shows."""

import keras
import numpy as np
import pytest
from keras import ops

from tfcompress import layers
from tfcompress.errors import ConfigError
from tfcompress.layers import layer_tables
from tfcompress.rate_distortion import row_weights

N, D = 23, 4
IDS = np.arange(N, dtype=np.int32)
LAYERS = {
    "full": lambda: layers.FullEmbedding(N, D),
    "ranks": lambda: layers.FullEmbedding(N, D, ranks=np.roll(np.arange(N), 5)),
    "truncated": lambda: layers.TruncatedEmbedding(N, D, num_kept=6),
    "hash": lambda: layers.HashEmbedding(N, D, num_buckets=7),
    "double hash": lambda: layers.HashEmbedding(N, D, num_buckets=7, num_hashes=2),
    "qr": lambda: layers.QuotientRemainderEmbedding(N, D, num_buckets=5),
    "memcom": lambda: layers.MEmComEmbedding(N, D, num_buckets=5, use_bias=True),
    "huffman": lambda: layers.HuffmanEmbedding.from_counts(np.arange(N, 0, -1), D, arity=3),
    "tensor train": lambda: layers.TensorTrainEmbedding(N, D, rank=2),
    "fpd": lambda: layers.FPDEmbedding(N, D, rank=2),
    "low rank": lambda: layers.LowRankEmbedding(N, D, rank=2),
    "mixed width": lambda: layers.MixedWidthEmbedding(N, D, widths=(4, 2), boundaries=(9,)),
    "tiered": lambda: layers.TieredEmbedding(
        N, D, head=5, tail=layers.HashEmbedding(N - 5, D, num_buckets=4)
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_the_ids_that_a_row_changes_are_those_that_read_it(name):
    layer = LAYERS[name]()
    tables = layer_tables(layer)
    generator = np.random.default_rng(0)
    for key, table in tables.items():
        if key != "ranks":
            table.assign(generator.uniform(0.5, 1, table.shape))
    counts = generator.integers(1, 50, N)
    counts[:2] = 0
    before = ops.convert_to_numpy(layer(IDS))
    weights = row_weights(layer, counts)
    assert set(weights) == set(tables) - {"ranks"}
    for key, found in weights.items():
        value = ops.convert_to_numpy(tables[key])
        assert found.shape == (len(value),)
        for row in range(len(value)):
            changed = value.copy()
            changed[row] *= 2
            tables[key].assign(changed)
            is_read = (ops.convert_to_numpy(layer(IDS)) != before).any(axis=1)
            expected = counts[is_read].sum()
            if name == "double hash":  # both hashes of an id may read one row
                assert expected <= found[row] <= 2 * expected
            else:
                assert found[row] == expected
        tables[key].assign(value)


def test_a_class_derived_from_a_known_one():
    layer = type("TokenEmbedding", (keras.layers.Embedding,), {})(N, D)
    counts = np.arange(N)
    np.testing.assert_array_equal(row_weights(layer, counts)["embeddings"], counts)


def test_counts_that_do_not_fit():
    with pytest.raises(ConfigError, match=r"weights: got int64 \(3,\) for items"):
        row_weights(layers.FullEmbedding(N, D, name="items"), np.ones(3, np.int64))
    with pytest.raises(ConfigError, match="layer: got a Unknown, whose rows are not known"):
        row_weights(type("Unknown", (), {"input_dim": 2})(), np.ones(2))
