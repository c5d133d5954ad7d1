"""The peers by name, and the one way to make a file of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

EMBEDDINGS = ("full", "truncated", "low-rank")
"""Trainings that people use today: a peer's file is made of one of these."""


@dataclass(frozen=True)
class Peer:
    """A way to make a .tflite that is not ours.

    Attributes:
        description: str. For a reader of the tables.
        make: callable. A Keras model and its plain float32 .tflite -> the file; its metadata
            follow.
        embeddings: tuple of str. The trainings it works on.
    """

    description: str
    make: Callable[[Any, bytes], bytes]
    embeddings: tuple[str, ...] = EMBEDDINGS


def _plain(model: Any, plain: bytes) -> bytes:
    del model
    return plain


def _converter_default(model: Any, plain: bytes) -> bytes:
    from tfcompress.tflite.export import to_tflite

    del plain
    return to_tflite(model, optimize=True)


def _keras_int8(model: Any, plain: bytes) -> bytes:
    from tfcompress.peers.keras_int8 import quantize_with_keras

    del plain
    return quantize_with_keras(model)


def _edge(num_bits: int, **how: bool) -> Callable[[Any, bytes], bytes]:
    def make(model: Any, plain: bytes) -> bytes:
        from tfcompress.peers.edge import quantize

        del model
        return quantize(plain, num_bits, **how)

    return make


PEERS: dict[str, Peer] = {
    "float32": Peer("the trained tables as they are", _plain),
    "converter-default": Peer("TFLiteConverter, Optimize.DEFAULT", _converter_default),
    "keras-int8": Peer('Keras quantize("int8"), weights', _keras_int8, ("full",)),
    "edge-int8": Peer("ai-edge-quantizer, int8 per row", _edge(8)),
    "edge-int4": Peer("ai-edge-quantizer, int4 per row", _edge(4)),
    "edge-int4-blocks": Peer(
        "ai-edge-quantizer, int4 in blocks of 32", _edge(4, blocks=True), ("full", "truncated")
    ),
    "edge-int2": Peer("ai-edge-quantizer, int2 per row", _edge(2)),
    "edge-int8-whole": Peer("ai-edge-quantizer, all weights int8 per row", _edge(8, whole=True)),
    "edge-int4-whole": Peer(
        "ai-edge-quantizer, tables and large matrices int4 per row, the rest int8",
        _edge(4, whole=True),
    ),
    "edge-int4-blocks-whole": Peer(
        "ai-edge-quantizer, tables and large matrices int4 in blocks of 32, the rest int8",
        _edge(4, blocks=True, whole=True),
        ("full", "truncated"),
    ),
    "edge-int2-whole": Peer(
        "ai-edge-quantizer, tables and large matrices int2 per row, the rest int8",
        _edge(2, whole=True),
    ),
}


def convert_peer(name: str, model: Any, metadata: Mapping[str, Any] | None = None) -> bytes:
    """The file of a peer, with metadata that `measure` reads.

    Args:
        name: str. One of `PEERS`.
        model: keras.Model, built, on TensorFlow.
        metadata: mapping or None. As of `tfcompress.tflite.convert`.

    Raises:
        ConfigError: the peer cannot be used on this model.
        ModelError: the model cannot be converted, or its file does not run.
    """
    from tfcompress import tflite
    from tfcompress.peers.describe import describe_as

    plain = tflite.convert(model, metadata=metadata)
    content = PEERS[name].make(model, plain)
    if content is not plain:
        content = describe_as(content, plain)
    tflite.check(content)
    return content
