"""Models to train: each a plain Keras model around one embedding layer."""

from tfcompress.models.loading import load_model
from tfcompress.models.sequence_ranker import RankerTrainer, build_sequence_ranker
from tfcompress.models.text_classifier import build_text_classifier

__all__ = ["RankerTrainer", "build_sequence_ranker", "build_text_classifier", "load_model"]
