import numpy as np
import pytest

from tfcompress.quantization import snr_db
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.tables.constants import name_tables
from tfcompress.tflite.tables.embedding_snr import embedding_snr_db
from tfcompress.tflite.tables.table_dtype import store_tables


@pytest.fixture(params=["int8", "int4"])
def stored(request, lookups):
    file = read(lookups.content)
    return store_tables(file, name_tables(file, lookups.embeddings), request.param)


def embedding(lookups, name):
    return next(entry for entry in lookups.embeddings if entry.name == name)


def test_of_a_table_that_is_the_embedding(lookups, stored):
    entry = embedding(lookups, "wide")
    assert embedding_snr_db(entry, stored) == stored["wide/embeddings"].snr_db


def test_of_an_embedding_made_of_tables(lookups, stored, monkeypatch):
    layer = lookups.model.get_layer("memcom")
    ids = np.arange(50)
    U, v, w = (stored[f"memcom/{key}"].value for key in "Uvw")
    expected = snr_db(layer(ids).numpy(), U[ids % 7] * v + w)
    monkeypatch.setattr("tfcompress.tflite.tables.embedding_snr._CHUNK_VALUES", 16 * 7)
    before = [weight.numpy() for weight in layer.weights]
    found = embedding_snr_db(embedding(lookups, "memcom"), stored)
    assert found == pytest.approx(expected, abs=1e-3)
    assert all(np.array_equal(a, b) for a, b in zip(before, layer.get_weights(), strict=True))


def test_rows_count_as_often_as_ids_read_them(lookups, stored):
    layer = lookups.model.get_layer("hash")
    ids = np.arange(50)
    expected = snr_db(layer(ids).numpy(), stored["hash/U"].value[ids % 7])
    found = embedding_snr_db(embedding(lookups, "hash"), stored)
    assert found == pytest.approx(expected, abs=1e-6)
    assert found != stored["hash/U"].snr_db


def test_nothing_rounded(lookups):
    file = read(lookups.content)
    stored = store_tables(file, name_tables(file, lookups.embeddings), "float32")
    assert embedding_snr_db(embedding(lookups, "memcom"), stored) is None
