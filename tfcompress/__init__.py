"""tfcompress: small embedding tables for on-device models.

Submodules load on first use, so that `import tfcompress` costs nothing and never brings in Keras,
TensorFlow or JAX before they are needed.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_SUBMODULES = frozenset(
    {
        "codec",
        "data",
        "layers",
        "measure",
        "models",
        "quantization",
        "stored_vocabulary",
        "tflite",
        "training",
        "vocabulary",
    }
)


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"tfcompress.{name}")
    raise AttributeError(f"module 'tfcompress' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_SUBMODULES])
