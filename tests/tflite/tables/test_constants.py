import warnings

import numpy as np
import pytest

from tfcompress.tflite.graph.fields import text
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.tables.constants import ModelEmbedding, ModelTable, in_file, name_tables


def names(file):
    return [text(tensor.name) for tensor in file.subgraphs[0].tensors]


def test_model_embeddings_of_a_model(lookups):
    found = {e.name: [t.name for t in e.tables] for e in lookups.embeddings}
    assert found == {
        "hash": ["hash/U"],
        "keras": ["keras/embeddings"],
        "memcom": ["memcom/U", "memcom/v", "memcom/w"],
        "narrow": ["narrow/embeddings"],
        "wide": ["wide/embeddings"],
    }
    table = next(e for e in lookups.embeddings if e.name == "memcom").tables[0]
    assert (table.rows, table.columns) == (7, 16)
    assert np.array_equal(table.value, lookups.model.get_layer("memcom").U.numpy())


def test_tables_of_a_converted_model_are_found_by_their_bytes(lookups):
    file = read(lookups.content)
    constants = name_tables(file, lookups.embeddings)
    assert set(constants) == {t.name for e in lookups.embeddings for t in e.tables}
    for name, constant in constants.items():
        (place,) = constant.places(file.subgraphs[0])
        assert names(file)[place] == name
        value = file.array(file.subgraphs[0].tensors[place])
        assert np.array_equal(value.ravel(), constant.table.value.ravel())


def test_tables_of_equal_bytes_are_one(lookup_file):
    table = np.arange(40, dtype=np.float32).reshape(5, 8)
    file, embeddings = lookup_file(table)
    twin = ModelEmbedding("twin", None, (ModelTable("twin/t", table.copy()),))
    constants = name_tables(file, [*embeddings, twin])
    assert [c.table.name for c in constants.values()] == ["e/t", "e/t"]
    assert constants["twin/t"].tensors == ("e/t",)


def test_a_wide_table_that_is_not_there_is_warned_of(lookup_file):
    file, embeddings = lookup_file(np.ones((5, 8), np.float32))
    wide = ModelEmbedding("gone", None, (ModelTable("gone/t", np.zeros((5, 8), np.float32)),))
    narrow = ModelEmbedding("one", None, (ModelTable("one/v", np.zeros((5, 1), np.float32)),))
    with pytest.warns(UserWarning, match="gone/t: the converted model does not hold this table"):
        assert set(name_tables(file, [*embeddings, wide])) == {"e/t"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        name_tables(file, [*embeddings, narrow])


def test_the_same_bytes_of_another_type_are_no_table(lookup_file):
    table = np.arange(40, dtype=np.float32).reshape(5, 8)
    file, _ = lookup_file(table.view(np.int8).reshape(5, 32))
    _, embeddings = lookup_file(table[:, :1])
    narrow = ModelEmbedding("e", None, (ModelTable("e/v", table.reshape(40, 1)),))
    assert name_tables(file, [narrow]) == {}
    assert name_tables(file, embeddings) == {}


def test_an_embedding_that_only_takes_scores_is_not_in_the_file(untied):
    file = read(untied.content)
    constants = name_tables(file, untied.embeddings)
    assert "output_items/embeddings" in constants
    assert [e.name for e in in_file(file, untied.embeddings, constants)] == ["item_embedding"]
