"""Modes of the codec and kinds of scales are named in their modules too: these must be one list."""

from typing import get_args

from tfcompress import choices
from tfcompress.quantization import Granularity
from tfcompress.tflite.packing.options import CODECS


def test_commands_and_sweeps_offer_what_the_library_does():
    assert set(get_args(choices.PackCodec)) == set(CODECS)
    words = tuple(name.replace("_", "-") for name in get_args(Granularity))
    assert get_args(choices.GranularityName) == words
