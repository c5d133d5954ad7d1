"""From a Keras model to one .tflite file, packing its tables, and what a file holds."""

from tfcompress.tflite.compare import Difference, compare_with_keras, named_inputs
from tfcompress.tflite.convert import convert
from tfcompress.tflite.inspect import inspect_model
from tfcompress.tflite.model_info import (
    ConstantInfo,
    ModelInfo,
    PortInfo,
    TableInfo,
    VocabularyInfo,
)
from tfcompress.tflite.packing.pack import PackedConstant, Packing, pack, pack_model
from tfcompress.tflite.packing.unpack import unpack
from tfcompress.tflite.runtime.check import check
from tfcompress.tflite.runtime.open import open_model
from tfcompress.tflite.table_use import TableUse, table_use
from tfcompress.tflite.tables.constants import tables_replaced
from tfcompress.tflite.vocabulary import read_vocabulary

__all__ = [
    "ConstantInfo",
    "Difference",
    "ModelInfo",
    "PackedConstant",
    "Packing",
    "PortInfo",
    "TableInfo",
    "TableUse",
    "VocabularyInfo",
    "check",
    "compare_with_keras",
    "convert",
    "inspect_model",
    "named_inputs",
    "open_model",
    "pack",
    "pack_model",
    "read_vocabulary",
    "table_use",
    "tables_replaced",
    "unpack",
]
