"""The smallest tables of a trained model within a stated loss, found by measuring the model.

What is asked of Keras models brings in Keras, so names load on first use; a file alone is searched
without it (`pack_lossy`).
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfcompress.search.budget import Budget
    from tfcompress.search.file_search import LossyPacking, pack_lossy
    from tfcompress.search.find import find_tables
    from tfcompress.search.model_tables import ModelTables
    from tfcompress.search.search import START, Search
    from tfcompress.search.settings import Coded, Settings, Trial
    from tfcompress.search.walk import Found

__all__ = [
    "START",
    "Budget",
    "Coded",
    "Found",
    "LossyPacking",
    "ModelTables",
    "Search",
    "Settings",
    "Trial",
    "find_tables",
    "pack_lossy",
]

_HOME = {
    "START": "search",
    "Budget": "budget",
    "Coded": "settings",
    "Found": "walk",
    "LossyPacking": "file_search",
    "ModelTables": "model_tables",
    "Search": "search",
    "Settings": "settings",
    "Trial": "settings",
    "find_tables": "find",
    "pack_lossy": "file_search",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"tfcompress.search.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
