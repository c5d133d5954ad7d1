"""Training a ranker into a run directory: config.json, vocabulary.parquet, model.keras, metrics.json."""

from tfcompress.training.config import TrainConfig
from tfcompress.training.loop import train
from tfcompress.training.run import Run

__all__ = ["Run", "TrainConfig", "train"]
