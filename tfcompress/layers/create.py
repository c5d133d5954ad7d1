"""Layers by the names the command line uses."""

from typing import Any

import numpy.typing as npt

from tfcompress.errors import ConfigError
from tfcompress.layers.base import CompressedEmbedding
from tfcompress.layers.fpd import FPDEmbedding
from tfcompress.layers.full import FullEmbedding
from tfcompress.layers.hash import HashEmbedding
from tfcompress.layers.huffman import HuffmanEmbedding
from tfcompress.layers.low_rank import LowRankEmbedding
from tfcompress.layers.memcom import MEmComEmbedding
from tfcompress.layers.mixed_width import MixedWidthEmbedding
from tfcompress.layers.quotient_remainder import QuotientRemainderEmbedding
from tfcompress.layers.tensor_train import TensorTrainEmbedding
from tfcompress.layers.tiered import TieredEmbedding
from tfcompress.layers.truncated import TruncatedEmbedding

_LAYERS: dict[str, tuple[type[CompressedEmbedding], dict[str, Any]]] = {
    "full": (FullEmbedding, {}),
    "truncated": (TruncatedEmbedding, {}),
    "hash": (HashEmbedding, {}),
    "double-hash": (HashEmbedding, {"num_hashes": 2}),
    "qr": (QuotientRemainderEmbedding, {}),
    "memcom": (MEmComEmbedding, {}),
    "memcom-bias": (MEmComEmbedding, {"use_bias": True}),
    "huffman": (HuffmanEmbedding, {}),
    "tensor-train": (TensorTrainEmbedding, {}),
    "fpd": (FPDEmbedding, {}),
    "low-rank": (LowRankEmbedding, {}),
    "tiered": (TieredEmbedding, {}),
    "mixed-width": (MixedWidthEmbedding, {}),
}

NAMES = tuple(_LAYERS)


def create(
    name: str,
    /,
    input_dim: int,
    output_dim: int,
    *,
    ratio: float = 1.0,
    counts: npt.ArrayLike | None = None,
    **layer_args: Any,
) -> CompressedEmbedding:
    """Makes a layer by name, as large as `ratio` allows or as large as its own arguments say.

    Args:
        name: str. One of `NAMES`.
        input_dim: int. Number of ids.
        output_dim: int. Width of an embedding.
        ratio: float. How many times fewer parameters than the full table.
        counts: int array (input_dim,) or None. How often each id occurs in training; only layers
            that are shaped by frequency read it.
        **layer_args: Arguments of the layer's class, `name` among them. If they give its size
            (`num_buckets`, say), `ratio` must be left at 1.

    Raises:
        ConfigError: Unknown name, ratio out of reach, or bad arguments.
    """
    cls, preset = class_of(name)
    arguments = {**preset, **layer_args}
    if cls.size_argument in arguments:
        if ratio != 1.0:
            raise ConfigError(f"{cls.size_argument} and ratio both set the size; pass one of them")
        return cls(input_dim, output_dim, **arguments)
    if cls.needs_counts:
        arguments["counts"] = counts
    return cls.from_ratio(input_dim, output_dim, ratio, **arguments)


def class_of(name: str) -> tuple[type[CompressedEmbedding], dict[str, Any]]:
    """The class of that name and the arguments that the name stands for."""
    check_name(name)
    return _LAYERS[name]


def check_name(name: str) -> None:
    """Raises `ConfigError` where `name` is none of `NAMES`."""
    if name not in NAMES:  # a tuple: what is no string may have no hash
        raise ConfigError(f"embedding must be one of {', '.join(NAMES)}; received {name!r}")
