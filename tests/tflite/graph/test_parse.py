import contextlib

import numpy as np
import pytest

from tfcompress.errors import ModelError
from tfcompress.tflite.graph.flatbuffer import read

TABLE = np.arange(15, dtype=np.float32).reshape(5, 3)


def test_buffers_behind_the_flatbuffer_are_read(lookup_file):
    file, _ = lookup_file(TABLE)
    outside = TABLE.tobytes()
    holder = file.model.buffers[file.subgraphs[0].tensors[0].buffer]

    def with_offset(offset: int) -> bytes:
        import flatbuffers

        holder.data, holder.offset, holder.size = None, offset, len(outside)
        builder = flatbuffers.Builder(1024)
        builder.Finish(file.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    content = with_offset(len(with_offset(2**40))) + outside
    again = read(content)
    assert np.array_equal(again.array(again.subgraphs[0].tensors[0]), TABLE)
    with pytest.raises(ModelError, match=r"damaged \.tflite file"):
        read(content[:-1])


@pytest.mark.parametrize("content", [b"", b"short", b"PK\x03\x04" + bytes(100)])
def test_refuses_what_is_no_tflite_file(content):
    with pytest.raises(ModelError, match=r"not a \.tflite file"):
        read(content)


def test_a_file_cut_off_gives_one_kind_of_error(lookup_file):
    content = lookup_file(TABLE)[0].to_bytes()
    refused = 0
    for length in range(8, len(content) - 16, 7):
        with contextlib.suppress(ModelError):
            read(content[:length])  # any other exception fails the test
            continue
        refused += 1
    assert refused > 10
