"""Which backend Keras runs on, to be said before Keras is imported."""

import os
import sys
from typing import Literal

Backend = Literal["tensorflow", "jax"]


def use_backend(name: Backend) -> None:
    """Chooses Keras' backend and quietens TensorFlow; call before Keras is imported."""
    os.environ["KERAS_BACKEND"] = name
    if name == "jax":
        # Keras imports TensorFlow where it finds it, also to save a model trained on JAX.
        sys.modules.setdefault("tensorflow", None)  # type: ignore[arg-type]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("ABSL_MIN_LOG_LEVEL", "3")
