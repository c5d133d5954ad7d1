"""Compressed embedding layers: drop-ins for `keras.layers.Embedding`."""

from tfcompress.layers.base import CompressedEmbedding
from tfcompress.layers.create import NAMES, create
from tfcompress.layers.full import FullEmbedding
from tfcompress.layers.hash import HashEmbedding
from tfcompress.layers.memcom import MEmComEmbedding
from tfcompress.layers.model_tables import is_embedding, layer_tables, model_embeddings

__all__ = [
    "NAMES",
    "CompressedEmbedding",
    "FullEmbedding",
    "HashEmbedding",
    "MEmComEmbedding",
    "create",
    "is_embedding",
    "layer_tables",
    "model_embeddings",
]
