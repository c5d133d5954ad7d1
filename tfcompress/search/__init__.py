"""The smallest tables of a trained model within a stated loss, found by measuring the model."""

from tfcompress.search.search import START, Search
from tfcompress.search.settings import Coded, Settings, Trial

__all__ = ["START", "Coded", "Search", "Settings", "Trial"]
