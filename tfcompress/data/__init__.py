"""Interaction data: read, split by time, encoded as frequency-ranked ids."""

from tfcompress.data.dataset import Dataset, Examples
from tfcompress.data.ragged import Ragged
from tfcompress.data.sources import NAMED, count_items, load

__all__ = ["NAMED", "Dataset", "Examples", "Ragged", "count_items", "load"]
