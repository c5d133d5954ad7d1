"""Models to train: each a plain Keras model around one embedding layer."""

from tfcompress.models.distillation import ClassifierDistiller, RankerDistiller
from tfcompress.models.loading import load_model
from tfcompress.models.saving import save_model
from tfcompress.models.sequence_ranker import RankerTrainer, build_sequence_ranker
from tfcompress.models.text_classifier import build_text_classifier

__all__ = [
    "ClassifierDistiller",
    "RankerDistiller",
    "RankerTrainer",
    "build_sequence_ranker",
    "build_text_classifier",
    "load_model",
    "save_model",
]
