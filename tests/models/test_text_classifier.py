from pathlib import Path

import keras
import numpy as np
import pytest

from tfcompress import layers
from tfcompress.errors import ConfigError
from tfcompress.models import build_text_classifier, load_model
from tfcompress.training.loop import make_deterministic

N, D, L, C = 40, 8, 6, 3


def classifier(embedding: str = "full", **options) -> keras.Model:
    ratio = 1 if embedding == "full" else 4
    make_deterministic(0)  # a score that is zero but for rounding has no relative error to speak of
    table = layers.create(embedding, N, D, ratio=ratio, name="token_embedding")
    return build_text_classifier(table, **{"length": L, "num_classes": C} | options)


def numpy(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


def test_scores_are_a_tower_on_the_mean_of_the_vectors():
    model = classifier(hidden_units=())
    ids = np.array([[0, 0, 3, 4, 0, 5]], np.int32)
    mean = numpy(model.get_layer("token_embedding")(np.array([3, 4, 5]))).mean(axis=0)
    kernel, bias = (numpy(weight) for weight in model.get_layer("classes").weights)
    np.testing.assert_allclose(numpy(model(ids)["scores"])[0], mean @ kernel + bias, rtol=1e-5)


def test_padding_and_order_change_nothing():
    model = classifier("memcom", hidden_units=(5,))
    rows = np.array([[0, 0, 0, 7, 8, 9], [9, 0, 7, 0, 8, 0]], np.int32)
    first, second = numpy(model(rows)["scores"])
    np.testing.assert_allclose(first, second, rtol=1e-5)


def test_a_text_without_words_has_scores():
    scores = numpy(classifier()(np.zeros((1, L), np.int32))["scores"])
    assert np.isfinite(scores).all()


def test_saving_and_loading_gives_the_same_scores(tmp_path: Path):
    model = classifier("memcom", dropout=0.1)
    model.save(tmp_path / "model.keras")
    ids = np.arange(2 * L).reshape(2, L).astype(np.int32)
    loaded = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(numpy(loaded(ids)["scores"]), numpy(model(ids)["scores"]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 0}, "length is 0; give at least 1"),
        ({"num_classes": 1}, "num_classes is 1; give at least 2"),
        ({"dropout": 1.0}, "dropout is 1.0"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ConfigError, match=message):
        classifier(**options)
