"""Keras' own `quantize("int8")`, exported as its users would.

With its default, int8 activations, a Dense layer becomes a product of two int8 matrices, which
TFLite's builtin operators do not have; so only the weights are quantised. Tables become int8 with a
scale a row; a matrix that scores are taken against is made float32 again in every run.
"""

import warnings
from typing import Any

from tfcompress.errors import ConfigError


def quantize_with_keras(model: Any) -> bytes:
    """The .tflite of a model whose layers Keras quantised.

    Args:
        model: keras.Model, functional. Its full tables become Keras' own embeddings first.

    Raises:
        ConfigError: it has another embedding of ours, which Keras cannot quantise.
    """
    from keras.quantizers import Int8QuantizationConfig

    from tfcompress.tflite.export import to_tflite

    twin = _twin(model)
    with warnings.catch_warnings():
        # One for every layer without weights.
        warnings.simplefilter("ignore")
        twin.quantize(config=Int8QuantizationConfig(activation_quantizer=None))
    return to_tflite(twin)


def _twin(model: Any) -> Any:
    """The same model and weights, with Keras' embeddings in the place of our full ones."""
    import keras

    from tfcompress import layers

    def clone(layer: Any) -> Any:
        if isinstance(layer, layers.FullEmbedding):
            return keras.layers.ReversibleEmbedding(
                layer.input_dim, layer.output_dim, mask_zero=layer.mask_zero, name=layer.name
            )
        if isinstance(layer, layers.CompressedEmbedding):
            raise ConfigError(
                f"{layer.name} is a {type(layer).__name__}, which Keras cannot quantise; use a "
                "full embedding"
            )
        return type(layer).from_config(layer.get_config())

    twin = keras.models.clone_model(model, clone_function=clone)
    twin.set_weights(model.get_weights())
    return twin
