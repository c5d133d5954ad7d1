"""From a Keras model to one .tflite file, and what a file holds."""

from tfcompress.tflite.check import check
from tfcompress.tflite.compare import Difference, compare_with_keras
from tfcompress.tflite.convert import convert
from tfcompress.tflite.inspect import inspect_model
from tfcompress.tflite.model_info import ConstantInfo, ModelInfo, PortInfo, TableInfo
from tfcompress.tflite.open import open_model

__all__ = [
    "ConstantInfo",
    "Difference",
    "ModelInfo",
    "PortInfo",
    "TableInfo",
    "check",
    "compare_with_keras",
    "convert",
    "inspect_model",
    "open_model",
]
