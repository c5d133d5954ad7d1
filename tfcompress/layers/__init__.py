"""Compressed embedding layers: drop-ins for `keras.layers.Embedding`."""

from tfcompress.layers.base import CompressedEmbedding
from tfcompress.layers.create import NAMES, create
from tfcompress.layers.fpd import FPDEmbedding
from tfcompress.layers.full import FullEmbedding
from tfcompress.layers.hash import HashEmbedding
from tfcompress.layers.huffman import HuffmanEmbedding
from tfcompress.layers.lora import lora_merged, merge_lora, merged_table
from tfcompress.layers.low_rank import LowRankEmbedding
from tfcompress.layers.memcom import MEmComEmbedding
from tfcompress.layers.mixed_width import MixedWidthEmbedding
from tfcompress.layers.model_tables import has_lora, is_embedding, layer_tables, model_embeddings
from tfcompress.layers.quotient_remainder import QuotientRemainderEmbedding
from tfcompress.layers.tensor_train import TensorTrainEmbedding
from tfcompress.layers.tiered import TieredEmbedding
from tfcompress.layers.truncated import TruncatedEmbedding
from tfcompress.layers.whole_table import whole_tables

__all__ = [
    "NAMES",
    "CompressedEmbedding",
    "FPDEmbedding",
    "FullEmbedding",
    "HashEmbedding",
    "HuffmanEmbedding",
    "LowRankEmbedding",
    "MEmComEmbedding",
    "MixedWidthEmbedding",
    "QuotientRemainderEmbedding",
    "TensorTrainEmbedding",
    "TieredEmbedding",
    "TruncatedEmbedding",
    "create",
    "has_lora",
    "is_embedding",
    "layer_tables",
    "lora_merged",
    "merge_lora",
    "merged_table",
    "model_embeddings",
    "whole_tables",
]
