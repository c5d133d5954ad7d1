"""Data sets made up here, by name."""

from collections.abc import Callable

from tfcompress.data import synthetic, synthetic_text
from tfcompress.data.dataset import Dataset
from tfcompress.data.text_dataset import TextDataset

NAMED: dict[str, Callable[..., Dataset]] = {"synthetic": synthetic.generate}
"""Interactions. Each takes `min_count`, `max_items` and `vocabulary`."""

NAMED_TEXTS: dict[str, Callable[..., TextDataset]] = {"synthetic-text": synthetic_text.generate}
"""Labelled texts. Each takes the arguments of `load_texts` but `format`."""
