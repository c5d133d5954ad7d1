"""Dense layers pruned, clustered and trained for rounding; a model of Keras 3 in, the same out."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TFMOT runs on TensorFlow")

import keras
import tensorflow as tf

from tfcompress import layers
from tfcompress.data import synthetic
from tfcompress.errors import ConfigError
from tfcompress.model_optimization import DenseMethod, optimize_dense
from tfcompress.model_optimization.dense import dense_chain
from tfcompress.training import TrainConfig
from tfcompress.training.ranking_task import RankingTask

CONFIG = {
    "data": {"source": "synthetic"},
    "embedding": "full",
    "dim": 8,
    "history_length": 6,
    "hidden_units": (),
    "batch_size": 64,
    "learning_rate": 0.02,
}


@dataclass(frozen=True)
class Trained:
    """A ranker, and what its weights were."""

    task: RankingTask
    model: keras.Model
    weights: list[np.ndarray]

    def optimized(self, text: str, epochs: int = 1) -> list[np.ndarray]:
        """All weights after it, of the model as it was."""
        self.model.set_weights(self.weights)
        optimize_dense(self.model, DenseMethod.parse(text), self.task, epochs=epochs)
        return self.model.get_weights()


@pytest.fixture(scope="module")
def trained() -> Trained:
    dataset = synthetic.generate(num_items=60, num_users=80, mean_length=8, num_clusters=4)
    task = RankingTask(TrainConfig.parse(CONFIG), dataset)
    keras.utils.set_random_seed(0)
    model = task.build_model()
    trainer = task.trainer(model)
    trainer.compile(optimizer=keras.optimizers.Adam(0.02), loss=task.loss)
    for epoch in range(3):
        trainer.fit(task.batches(epoch), verbose=0, shuffle=False)
    return Trained(task, model, model.get_weights())


def kernels(model: keras.Model) -> list[np.ndarray]:
    return [np.asarray(layer.kernel) for layer in dense_chain(model) if layer.weights]


def test_pruning_gives_the_zeros_asked_for_and_touches_nothing_else(trained):
    before = os.environ.get("TF_USE_LEGACY_KERAS")
    trained.optimized("prune:0.75")
    for kernel in kernels(trained.model):
        assert np.mean(kernel == 0) == pytest.approx(0.75, abs=0.01)
        assert np.count_nonzero(kernel) > 0
    names = [weight.path for weight in trained.model.weights]
    changed = {
        name.split("/")[0]
        for name, old, new in zip(names, trained.weights, trained.model.get_weights(), strict=True)
        if not np.array_equal(old, new)
    }
    assert changed == {"user_vector"}
    # The Keras of the process is the one it was.
    assert os.environ.get("TF_USE_LEGACY_KERAS") == before
    assert tf.keras.__version__ == keras.__version__


def test_clustering_leaves_few_values_and_is_deterministic(trained):
    first = trained.optimized("cluster:4")
    for kernel in kernels(trained.model):
        assert 2 <= len(np.unique(kernel)) <= 4
    for one, other in zip(first, trained.optimized("cluster:4"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_training_for_int8_learns_on(trained):
    trained.model.set_weights(trained.weights)
    before = trained.task.validate(trained.model)["ndcg@10"]
    start = kernels(trained.model)[0]
    trained.optimized("qat")
    assert not np.array_equal(kernels(trained.model)[0], start)
    assert trained.task.validate(trained.model)["ndcg@10"] > 0.5 * before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prune", "dense: got 'prune', expected prune:0.5"),
        ("prune:1", "prune:1: expected a share between 0 and 1"),
        ("prune:nan", "prune:nan: expected a share"),
        ("cluster:1", "cluster:1: expected a whole number from 2 on"),
        ("cluster:2.5", "cluster:2.5: expected a whole number"),
        ("qat:8", "dense: got 'qat:8'"),
        ("", "dense: got ''"),
    ],
)
def test_a_wrong_method_is_one_line(text, message):
    with pytest.raises(ConfigError, match=message) as caught:
        DenseMethod.parse(text)
    assert "\n" not in str(caught.value)


def test_layers_that_are_no_chain_are_named(trained):
    x = keras.Input((4,))
    left, right = keras.layers.Dense(2, name="left")(x), keras.layers.Dense(2, name="right")(x)
    with pytest.raises(ConfigError, match="dense: right does not follow left"):
        dense_chain(keras.Model(x, [left, right]))
    with pytest.raises(ConfigError, match="has no dense layer"):
        dense_chain(keras.Model(x, x))
    with pytest.raises(ConfigError, match="epochs: got 0"):
        trained.optimized("qat", epochs=0)


def test_only_one_module_imports_it():
    package = Path(layers.__file__).parents[1]
    found = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if "import tensorflow_model_optimization" in path.read_text()
    ]
    assert found == ["model_optimization/twin.py"]
