"""tfcompress: small embedding tables for on-device models.

Submodules load on first use, so that `import tfcompress` costs nothing and never brings in Keras,
TensorFlow or JAX before they are needed.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_SUBMODULES = frozenset(
    {
        "classification",
        "codec",
        "data",
        "layers",
        "measure",
        "model_optimization",
        "models",
        "quantization",
        "ranking",
        "rate_distortion",
        "replace",
        "search",
        "stored_vocabulary",
        "tflite",
        "training",
        "vocabulary",
    }
)


# Functions that are called by the package's own name.
_FUNCTIONS = {"replace_embeddings": "replace"}


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"tfcompress.{name}")
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(f"tfcompress.{_FUNCTIONS[name]}"), name)
    raise AttributeError(f"module 'tfcompress' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_SUBMODULES, *_FUNCTIONS])
