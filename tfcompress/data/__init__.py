"""Interactions and labelled texts: read, split, encoded as frequency-ranked ids."""

from collections.abc import Callable

from tfcompress.data.archives import ARCHIVES
from tfcompress.data.bad_rows import BadRows
from tfcompress.data.counting import count_items
from tfcompress.data.dataset import Dataset, Examples
from tfcompress.data.named import NAMED, NAMED_TEXTS
from tfcompress.data.ragged import Ragged
from tfcompress.data.sources import load
from tfcompress.data.text_dataset import LabelledTexts, TextDataset
from tfcompress.data.text_sources import load_texts

# By the kind of model that is trained on what they load.
LOADERS: dict[str, Callable[..., Dataset | TextDataset]] = {
    "sequence-ranker": load,
    "text-classifier": load_texts,
}

__all__ = [
    "ARCHIVES",
    "LOADERS",
    "NAMED",
    "NAMED_TEXTS",
    "BadRows",
    "Dataset",
    "Examples",
    "LabelledTexts",
    "Ragged",
    "TextDataset",
    "count_items",
    "load",
    "load_texts",
]
