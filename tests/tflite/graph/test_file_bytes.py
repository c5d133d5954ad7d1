"""What every function that takes a file says of what is none."""

from pathlib import Path

import numpy as np
import pytest

from tests.tflite.lookup_models import lookup_model, table
from tfcompress import search, tflite
from tfcompress.errors import ModelError

READERS = {
    "model_bytes": (tflite.pack, tflite.unpack),
    "content": (
        *(tflite.pack_model, tflite.inspect_model, tflite.check),
        lambda given: search.pack_lossy(given, search.Budget(snr_db=9)),
    ),
}


@pytest.mark.parametrize("given", [None, 3, [1, 2], "m.tflite", Path("m.tflite"), np.eye(9)])
@pytest.mark.parametrize("argument", READERS)
def test_what_is_no_content_is_named(argument, given):
    for reader in READERS[argument]:
        with pytest.raises(ModelError, match=f"^{argument}: got .*, expected the bytes") as raised:
            reader(given)
        assert len(str(raised.value)) < 160
        assert "\n" not in str(raised.value)
        assert ("read_bytes" in str(raised.value)) == isinstance(given, (str, Path))


def test_other_buffers_will_do():
    content = lookup_model(table("int8", 4000))
    for given in (bytearray(content), memoryview(content)):
        packed = tflite.pack(given)
        assert packed == tflite.pack(content)
        assert type(tflite.unpack(bytearray(packed))) is bytes
        assert type(tflite.unpack(given)) is bytes
        assert tflite.inspect_model(given) == tflite.inspect_model(content)
        tflite.check(given)


@pytest.mark.parametrize("given", [None, 3, ["m.tflite"]])
def test_what_is_no_path_is_named(given):
    with pytest.raises(ModelError, match=r"^path: got .*, expected the path of a \.tflite file"):
        tflite.open_model(given)
