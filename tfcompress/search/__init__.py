"""The smallest tables of a trained model within a stated loss, found by measuring the model."""

from tfcompress.search.budget import Budget
from tfcompress.search.find import Found, find_tables
from tfcompress.search.model_tables import ModelTables
from tfcompress.search.search import START, Search
from tfcompress.search.settings import Coded, Settings, Trial

__all__ = [
    "START",
    "Budget",
    "Coded",
    "Found",
    "ModelTables",
    "Search",
    "Settings",
    "Trial",
    "find_tables",
]
