import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from tfcompress import layers
from tfcompress.errors import ModelError
from tfcompress.models import load_model


def test_loading_names_the_file_and_the_reason(tmp_path: Path):
    with pytest.raises(ModelError, match=r"nothing\.keras: no such file"):
        load_model(tmp_path / "nothing.keras")
    (tmp_path / "text.keras").write_text("no model")
    with pytest.raises(ModelError, match=r"text\.keras: no \.keras file, or damaged"):
        load_model(tmp_path / "text.keras")
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as archive:
        archive.writestr("text", "no model")
    with pytest.raises(ModelError, match=r"other\.keras: Keras cannot load it"):
        load_model(tmp_path / "other.keras")
    (tmp_path / "m.tflite").write_text("no model")
    with pytest.raises(ModelError, match=r"m\.tflite: is a \.tflite already; tfcompress pack"):
        load_model(tmp_path / "m.tflite")
    with pytest.raises(ModelError, match="is a directory"):
        load_model(tmp_path)


def test_embeddings_trained_with_lora_have_plain_tables(tmp_path: Path):
    ids = keras.Input((4,), dtype="int32")
    words = keras.layers.Embedding(20, 8, name="words")
    model = keras.Model(ids, words(ids))
    words.enable_lora(2)
    words.lora_embeddings_b.assign(np.ones((2, 8)))
    model.save(tmp_path / "m.keras")
    loaded = load_model(tmp_path / "m.keras")
    table = layers.layer_tables(loaded.get_layer("words"))["embeddings"]
    np.testing.assert_allclose(table, words.embeddings, atol=1e-6)
