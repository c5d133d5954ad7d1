"""The smallest tables of a trained model within a stated loss, found by measuring the model.

The modules here know coded tables and qualities only; what those are of is known to `keras_model`,
`run` above it and `tflite_file`. What is asked of Keras models brings in Keras, so names load on
first use; a file alone is searched without it (`pack_lossy`).
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfcompress.search.budget import Budget
    from tfcompress.search.keras_model.convert_lossy import LossyConversion, convert_lossy
    from tfcompress.search.keras_model.find import find_tables
    from tfcompress.search.keras_model.tables import ModelTables
    from tfcompress.search.search import START, Search
    from tfcompress.search.settings import Coded, Settings, Trial
    from tfcompress.search.tflite_file.search import LossyPacking, pack_lossy
    from tfcompress.search.within_budget import Found

__all__ = [
    "START",
    "Budget",
    "Coded",
    "Found",
    "LossyConversion",
    "LossyPacking",
    "ModelTables",
    "Search",
    "Settings",
    "Trial",
    "convert_lossy",
    "find_tables",
    "pack_lossy",
]

_HOME = {
    "START": "search",
    "Budget": "budget",
    "Coded": "settings",
    "Found": "within_budget",
    "LossyConversion": "keras_model.convert_lossy",
    "LossyPacking": "tflite_file.search",
    "ModelTables": "keras_model.tables",
    "Search": "search",
    "Settings": "settings",
    "Trial": "settings",
    "convert_lossy": "keras_model.convert_lossy",
    "find_tables": "keras_model.find",
    "pack_lossy": "tflite_file.search",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"tfcompress.search.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
