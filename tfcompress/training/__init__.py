"""Training into a run directory: config.json, vocabulary.parquet, model.keras, metrics.json.

`TrainConfig` needs pydantic alone; `Run` and `train` bring in Keras, so they load on first use.
"""

import importlib
from typing import TYPE_CHECKING, Any

from tfcompress.training.config import DataConfig, TrainConfig

if TYPE_CHECKING:
    from tfcompress.training.loop import train
    from tfcompress.training.run import Run

__all__ = ["DataConfig", "Run", "TrainConfig", "train"]

_HOME = {"Run": "tfcompress.training.run", "train": "tfcompress.training.loop"}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
