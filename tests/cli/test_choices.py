"""What can be chosen is written out where it is typed: all of these must be one list."""

import importlib
from typing import get_args

from tfcompress.sweep import artefact
from tfcompress.tflite.packing import options
from tfcompress_cli import convert, pack

conversion = importlib.import_module("tfcompress.tflite.convert")  # the package has a function


def test_commands_and_sweeps_offer_what_the_library_does():
    modes = set(options.CODECS)
    assert set(get_args(pack.Codec)) == modes
    assert set(get_args(convert.ConvertCodec)) == set(get_args(artefact.Codec)) == {"none", *modes}
    assert get_args(pack.Target) == get_args(artefact.Target) == options.TARGETS
    assert get_args(pack.Decoder) == options.DECODERS
    types = conversion.TABLE_DTYPES
    assert get_args(convert.TableDtype) == get_args(artefact.TableDtype) == types
    types = conversion.DENSE_DTYPES
    assert get_args(convert.DenseDtype) == get_args(artefact.DenseDtype) == types
    words = tuple(name.replace("_", "-") for name in conversion.GRANULARITIES)
    assert get_args(convert.Granularity) == get_args(artefact.Granularity) == words
