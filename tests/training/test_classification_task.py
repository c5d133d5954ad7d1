import json
from pathlib import Path

import keras
import numpy as np
import pytest

from tfcompress import layers
from tfcompress.data import TextDataset, synthetic_text
from tfcompress.data.tokenizer import Tokenizer
from tfcompress.errors import ConfigError
from tfcompress.training import Run, TrainConfig, train


@pytest.fixture(scope="module")
def texts() -> TextDataset:
    tokenizer = Tokenizer(max_words=8, num_buckets=50)
    return synthetic_text.generate(
        num_texts=600, num_words=100, num_classes=3, mean_length=10, tokenizer=tokenizer
    )


def config(**values) -> TrainConfig:
    return TrainConfig.parse(
        {
            "data": {"source": "synthetic-text", "max_words": 8, "bigram_buckets": 50},
            "model": "text-classifier",
            "ratio": 2,
            "dim": 8,
            "hidden_units": (8,),
            "epochs": 4,
            "patience": 10,
            "batch_size": 32,
            "learning_rate": 0.01,
        }
        | values
    )


def weights(run: Run) -> list[np.ndarray]:
    return run.model().get_weights()


def test_a_run_holds_what_the_next_steps_need(tmp_path: Path, texts):
    run = Run(tmp_path / "run")
    metrics = train(config(), run, dataset=texts)
    assert run.metrics() == metrics
    assert metrics["watched"] == "accuracy"
    assert metrics["valid"]["accuracy"] == max(e["accuracy"] for e in metrics["history"])
    assert 0 <= metrics["valid"]["macro_f1"] <= 1
    assert metrics["data"]["classes"] == ["class-0", "class-1", "class-2"]
    assert metrics["parameters"]["full_table"] == texts.input_dim * 8
    assert list((run.path / "tensorboard").glob("events*"))
    model = run.tflite_metadata()["model"]
    assert model == {
        "kind": "text-classifier",
        "input_dim": texts.input_dim,
        "length": 15,
        "first_bigram_id": texts.vocabulary.size,
        "classes": ["class-0", "class-1", "class-2"],
        "max_words": 8,
        "bigram_buckets": 50,
    }
    json.dumps(model)


def test_training_in_two_parts_gives_the_weights_of_one(tmp_path, texts):
    runs = [Run(tmp_path / name) for name in ("whole", "parts")]
    train(config(epochs=2), runs[0], dataset=texts)
    train(config(epochs=1), runs[1], dataset=texts)
    train(config(epochs=2), runs[1], dataset=texts, resume=True)
    whole, parts = map(weights, runs)
    assert all(np.array_equal(a, b) for a, b in zip(whole, parts, strict=True))


def test_it_learns_and_stops(tmp_path, texts):
    values = {"epochs": 40, "patience": 2, "embedding": "full", "ratio": 1, "dropout": 0.0}
    values["rate_drop"] = 1
    metrics = train(config(**values), Run(tmp_path / "run"), dataset=texts)
    assert metrics["valid"]["accuracy"] > 0.4  # by chance 1 / 3
    assert len(metrics["history"]) == metrics["best_epoch"] + 3 < 40


@pytest.mark.parametrize("name", layers.NAMES)
def test_every_embedding_fits_the_data(texts, name):
    ratio = {"full": 1.0}.get(name, 2.0)
    layer = layers.create(name, texts.input_dim, 8, ratio=ratio, counts=texts.id_counts)
    ids = texts.train.inputs(texts.tokenizer.row_length)[:4]
    assert np.isfinite(keras.ops.convert_to_numpy(layer(ids))).all()


@pytest.mark.parametrize(
    "values",
    [{"tie": True}, {"history_length": 7}, {"data": {"source": "x", "user_column": "u"}}],
)
def test_what_means_nothing_for_texts_is_refused(values):
    with pytest.raises(ConfigError, match="means nothing for a text-classifier; leave it out"):
        config(**values)


def test_what_means_nothing_for_rankers_is_refused():
    with pytest.raises(ConfigError, match="max_words means nothing for a sequence-ranker"):
        TrainConfig.parse({"data": {"source": "synthetic", "max_words": 3}})
