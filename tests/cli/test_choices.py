"""Kinds of scales are named in their module too: these must be one list."""

from typing import get_args

from tfcompress import choices
from tfcompress.quantization import Granularity


def test_commands_and_sweeps_offer_what_the_library_does():
    words = tuple(name.replace("_", "-") for name in get_args(Granularity))
    assert get_args(choices.GranularityName) == words
