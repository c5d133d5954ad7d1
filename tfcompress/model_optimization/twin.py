"""The tf_keras twin of dense layers, wrapped by TFMOT, trained, and the weights it ends with.

The one module that imports tensorflow-model-optimization.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.model_optimization.method import DenseMethod

Weights = dict[str, list[NDArray[np.float32]]]
"""Kernel and bias of dense layers, by name."""

_RAMP = 0.5
"""The part of the steps after which all weights that are to be zero are; the rest adapts."""
_MASK_UPDATES = 50
"""How often on the way TFMOT chooses anew which weights are the smallest."""


class Twin:
    """Dense layers as TFMOT trains them.

    Args:
        layers: sequence of Dense and Dropout of Keras 3, each fed by the one before.
        method: DenseMethod.
        num_steps: int. Batches that it will be trained on.
        seed: int. Of its dropout.
    """

    def __init__(
        self, layers: Sequence[Any], method: DenseMethod, num_steps: int, seed: int
    ) -> None:
        with _tfmot() as (tfmot, keras2):
            twin = keras2.Sequential([keras2.layers.InputLayer(tuple(layers[0].input.shape[1:]))])
            for number, layer in enumerate(layers):
                twin.add(_copy(keras2, layer, seed + number))
            for layer in layers:
                twin.get_layer(layer.name).set_weights(layer.get_weights())
            self._strip: Callable[[Any], Any] = lambda model: model
            self._callbacks: list[Any] = []
            if method.kind == "prune":
                sparsity = tfmot.sparsity.keras
                end = max(1, round(_RAMP * num_steps))
                schedule = sparsity.PolynomialDecay(
                    0.0,
                    method.amount,
                    begin_step=0,
                    end_step=end,
                    frequency=-(-end // _MASK_UPDATES),
                )
                self._wrapped = sparsity.prune_low_magnitude(twin, schedule)
                self._strip, self._callbacks = (
                    sparsity.strip_pruning,
                    [sparsity.UpdatePruningStep()],
                )
            elif method.kind == "cluster":
                clustering = tfmot.clustering.keras
                start = clustering.CentroidInitialization.KMEANS_PLUS_PLUS  # its seed is fixed
                self._wrapped = clustering.cluster_weights(twin, int(method.amount), start)
                self._strip = clustering.strip_clustering
            else:
                self._wrapped = tfmot.quantization.keras.quantize_model(twin)
            self._optimizer = keras2.optimizers.Adam

    def train(
        self,
        batches: Iterable[Any],
        features: Callable[[Any], Any],
        loss: Callable[[Any, Any, Any], Any],
        learning_rate: float,
    ) -> None:
        """Trains on batches.

        Args:
            batches: iterable of (x, y), structures of arrays.
            features: callable. From x to the input of the first layer.
            loss: callable. Of x, y and the output of the last layer, a scalar.
            learning_rate: float. Of Adam.
        """
        import tensorflow as tf

        optimizer = self._optimizer(learning_rate)

        @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
        def step(x: Any, y: Any) -> None:
            with tf.GradientTape() as tape:
                value = loss(x, y, self._wrapped(features(x), training=True))
            variables = self._wrapped.trainable_variables
            gradients = tape.gradient(value, variables)
            optimizer.apply_gradients(zip(gradients, variables, strict=True))

        for callback in self._callbacks:
            callback.set_model(self._wrapped)
            callback.on_train_begin()
        for x, y in batches:
            step(*tf.nest.map_structure(tf.convert_to_tensor, (x, y)))
        for callback in self._callbacks:
            callback.on_epoch_end(0)  # Zeroes what the last step moved.

    def weights(self) -> Weights:
        """What the layers weigh now: pruned or clustered; float where rounding was trained for."""
        found: Weights = {}
        for layer in self._strip(self._wrapped).layers:
            by_key = {
                variable.name.removesuffix(":0").rpartition("/")[2]: variable.numpy()
                for variable in layer.trainable_variables
            }
            if by_key:
                # What rounds is not stripped: the layer is inside.
                name = getattr(layer, "layer", layer).name
                found[name] = [by_key[key] for key in ("kernel", "bias") if key in by_key]
        return found


def _copy(keras2: Any, layer: Any, seed: int) -> Any:
    """A layer of Keras 3 as one of tf_keras; Dense and Dropout."""
    config = layer.get_config()
    if "rate" in config:
        return keras2.layers.Dropout(config["rate"], seed=seed, name=layer.name)
    return keras2.layers.Dense(
        config["units"],
        activation=config["activation"],
        use_bias=config["use_bias"],
        name=layer.name,
    )


@contextlib.contextmanager
def _tfmot() -> Iterator[tuple[Any, Any]]:
    """TFMOT and tf_keras; `tf.keras` stays what it is, and so do the variables of the process.

    TFMOT asks `tf.keras` for its version and sets TF_USE_LEGACY_KERAS first, which would turn
    `tf.keras` into Keras 2 for everybody, had nobody used it before.
    """
    import tensorflow as tf

    before = os.environ.get("TF_USE_LEGACY_KERAS")
    _ = tf.keras.layers
    try:
        import tensorflow_model_optimization as tfmot
        import tf_keras

        yield tfmot, tf_keras
    finally:
        if before is None:
            os.environ.pop("TF_USE_LEGACY_KERAS", None)
        else:
            os.environ["TF_USE_LEGACY_KERAS"] = before
