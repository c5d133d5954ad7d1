"""LoRA weights of Keras' own embeddings: merged for good, or for a while."""

import keras
import numpy as np
import pytest

from tfcompress import layers
from tfcompress.errors import ModelError

IDS = np.arange(12, dtype=np.int32).reshape(3, 4)


def with_lora(kind=keras.layers.Embedding, **options):
    """A model whose embedding has been trained on with LoRA, alpha other than the rank."""
    keras.utils.set_random_seed(0)
    ids = keras.Input((4,), dtype="int32", name="ids")
    words = kind(20, 8, name="words", **options)
    model = keras.Model(ids, keras.layers.Dense(3)(words(ids)))
    words.enable_lora(2, lora_alpha=3)
    words.lora_embeddings_b.assign(np.random.default_rng(0).normal(size=(2, 8)))
    return model, words


def output(model):
    return keras.ops.convert_to_numpy(model(IDS))


@pytest.mark.parametrize("kind", [keras.layers.Embedding, keras.layers.ReversibleEmbedding])
def test_a_merged_layer_gives_the_same_and_is_like_any_other(kind, tmp_path):
    model, words = with_lora(kind)
    before = output(model)
    with pytest.raises(ModelError, match=r"words: LoRA weights .*merge_lora"):
        layers.layer_tables(words)
    layers.merge_lora(model)
    np.testing.assert_allclose(output(model), before, atol=1e-6)
    assert [weight.name for weight in words.trainable_weights] == ["embeddings"]
    assert layers.layer_tables(words)["embeddings"] is words.embeddings
    assert "lora_rank" not in words.get_config()
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert np.array_equal(output(again), output(model))


def test_merged_for_a_while():
    model, words = with_lora()
    before, table = output(model), np.array(words._embeddings)
    with layers.lora_merged(model):
        assert not words.lora_enabled
        merged = np.array(layers.layer_tables(words)["embeddings"])
        np.testing.assert_allclose(output(model), before, atol=1e-6)
    assert np.abs(merged - table).max() > 0.1
    assert np.array_equal(words._embeddings, table)
    assert np.array_equal(output(model), before)


def test_half_precision_arithmetic_does_not_round_the_merged_table():
    _, words = with_lora(dtype="mixed_float16")
    delta = 1.5 * np.array(words.lora_embeddings_a) @ np.array(words.lora_embeddings_b)
    expected = np.array(words._embeddings) + delta
    np.testing.assert_allclose(layers.merged_table(words), expected, atol=1e-6)


def test_without_lora_nothing_changes():
    table = layers.FullEmbedding(20, 8)
    ids = keras.Input((4,), dtype="int32")
    model = keras.Model(ids, keras.layers.Embedding(20, 8)(ids) + table(ids))
    before = output(model)
    layers.merge_lora(model)
    assert np.array_equal(output(model), before)


def test_a_frozen_layer_stays_frozen():
    model, words = with_lora()
    words.trainable = False
    layers.merge_lora(model)
    assert words.trainable_weights == []
