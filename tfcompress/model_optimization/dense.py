"""Pruned, clustered or quantisation-aware dense layers of a trained run's model."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from tfcompress.errors import ConfigError
from tfcompress.model_optimization.method import DenseMethod

if TYPE_CHECKING:
    import keras

    from tfcompress.training.task import Task

EPOCHS = 3
_RATES = {"prune": 1.0, "cluster": 0.02, "qat": 0.1}
"""Learning rates over the lower one of the training. Weights of which many are taken away need it;
a centroid, which moves thousands of weights, loses quality at it (-8 % on amazon_games_seq)."""


def optimize_dense(
    model: keras.Model, method: DenseMethod, task: Task, *, epochs: int = EPOCHS
) -> None:
    """Trains the dense layers of a ranker or a classifier on under TFMOT; everything else stays.

    They learn on the data and with the loss of their training, in batches that no epoch of it had.
    The same weights come out of the same weights. Zeros, or few different values, make a file no
    smaller by themselves: a float32 weight takes 4 bytes whatever it is. It is what packs the file
    for the download that profits.

    Args:
        model: keras.Model of a run, on TensorFlow. The weights of its dense layers change.
        method: DenseMethod. After "prune" and "cluster" the kernels have the zeros, or the few
            values, asked for. After "qat" they are floats trained to be rounded; convert them with
            `dense_dtype="int8"`.
        task: Task. That of the model's training.
        epochs: int. Passes over the training data, at least 1. Weights are pruned in the first
            half of the steps, along a polynomial.

    Raises:
        ConfigError: the dense layers are no chain, or an argument is out of its range.

    Reference:
        Zhu and Gupta 2017, "To prune, or not to prune" (the schedule); Han et al. 2016, "Deep
        compression", section 3 (clusters); Jacob et al. 2018, "Quantization and training of neural
        networks for efficient integer-arithmetic-only inference".
    """
    import keras

    from tfcompress.model_optimization.twin import Twin
    from tfcompress.training.loop import make_deterministic

    if epochs < 1:
        raise ConfigError(f"epochs: got {epochs}, expected at least 1")
    layers = dense_chain(model)
    config = task.config
    make_deterministic(config.seed)
    trainer = task.trainer(model)
    trainer.compile(loss=task.loss)
    inputs = keras.Model(model.inputs[0], layers[0].input)

    def features(x: Any) -> Any:
        return inputs(x["ids"] if isinstance(x, dict) else x, training=False)

    def loss(x: Any, y: Any, output: Any) -> Any:
        return trainer.compute_loss(x=x, y=y, y_pred=output)

    passes = [task.batches(config.epochs + epoch) for epoch in range(epochs)]
    twin = Twin(layers, method, sum(map(len, passes)), config.seed)
    twin.train(
        (batches[k] for batches in passes for k in range(len(batches))),
        features,
        loss,
        config.lower_rate * _RATES[method.kind],
    )
    for name, weights in twin.weights().items():
        model.get_layer(name).set_weights(weights)


def dense_chain(model: keras.Model) -> list[Any]:
    """The dense layers of a model with the dropout between them, in order.

    Raises:
        ConfigError: there are none, or one is not fed by the one before.
    """
    import keras

    chain = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.Dense | keras.layers.Dropout)
    ]
    for before, layer in itertools.pairwise(chain):
        if layer.input is not before.output:
            raise ConfigError(
                f"dense: {layer.name} does not follow {before.name}; expected a chain"
            )
    if not any(layer.weights for layer in chain):
        raise ConfigError(f"dense: the model {model.name!r} has no dense layer")
    return chain
