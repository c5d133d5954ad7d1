import keras
import pytest

from tfcompress import layers

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="one layer's own arithmetic, the same on every backend: tested once",
)


class Tower(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.words = keras.layers.Embedding(10, 4, name="table")
        self.head = keras.layers.Dense(2)

    def call(self, ids):
        return self.head(self.words(ids))


def test_finds_each_embedding_once():
    items = layers.HashEmbedding(50, 4, 7, name="items")
    inner_inputs = keras.Input((3,), dtype="int32")
    users = keras.layers.ReversibleEmbedding(20, 4, name="users", tie_weights=False)
    inner = keras.Model(inner_inputs, users(inner_inputs), name="inner")
    a, b = keras.Input((3,), dtype="int32"), keras.Input((3,), dtype="int32")
    outputs = [items(a), items(b), inner(a), inner(b), Tower(name="tower")(b)]
    model = keras.Model([a, b], outputs)
    found = layers.model_embeddings(model)
    assert set(found) == {"items", "users", "table"}
    assert found["items"] is items
    assert found["users"] is users
    assert set(layers.layer_tables(items)) == {"U"}
    assert set(layers.layer_tables(users)) == {"embeddings", "reverse_embeddings"}
    assert layers.layer_tables(found["table"])["embeddings"].shape == (10, 4)


def test_equal_names_become_paths():
    ids = keras.Input((3,), dtype="int32")
    model = keras.Model(ids, [Tower(name="a")(ids), Tower(name="b")(ids)])
    assert set(layers.model_embeddings(model)) == {"a/table", "b/table"}


def test_a_layer_alone():
    layer = layers.FullEmbedding(5, 2, name="items")
    assert layers.model_embeddings(layer) == {"items": layer}


def test_a_model_without_any():
    inputs = keras.Input((3,))
    assert layers.model_embeddings(keras.Model(inputs, keras.layers.Dense(1)(inputs))) == {}
