import contextlib

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tfcompress.errors import ModelError
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.graph.prune import prune

TABLE = np.arange(15, dtype=np.float32).reshape(5, 3)
IDS = np.array([4, 0, 4], np.int32)


def test_writes_what_it_read(lookup_file, run):
    file, _ = lookup_file(TABLE)
    content = file.to_bytes()
    again = read(content)
    assert again.to_bytes() == content
    assert np.array_equal(again.array(again.subgraphs[0].tensors[0]), TABLE)
    assert np.array_equal(run(content, IDS)[0], TABLE[IDS])


def test_buffers_are_aligned_to_16_bytes(lookup_file):
    file, _ = lookup_file(TABLE)
    for length in (1, 7, 33):
        file.add_constant(file.subgraphs[0], "c", np.full(length, length, np.uint8))
    content = file.to_bytes()
    offsets = []
    model = schema.Model.GetRootAs(content)
    start = np.frombuffer(content, np.uint8).ctypes.data
    for number in range(model.BuffersLength()):
        if model.Buffers(number).DataLength():
            offsets.append(model.Buffers(number).DataAsNumpy().ctypes.data - start)
    assert len(offsets) == 4
    assert all(offset % 16 == 0 for offset in offsets)


def test_names_are_unique(lookup_file):
    file, _ = lookup_file(TABLE)
    subgraph = file.subgraphs[0]
    for _ in range(2):
        file.add_constant(subgraph, "weights", TABLE)
    assert [t.name for t in subgraph.tensors] == [
        "weights",
        "ids",
        "rows",
        "weights_1",
        "weights_2",
    ]


def test_metadata_entries(lookup_file):
    file, _ = lookup_file(TABLE)
    assert file.metadata("note") is None
    file.set_metadata("note", b"one")
    file.set_metadata("note", b"two")
    file.set_metadata("other", b"")
    prune(file)
    again = read(file.to_bytes())
    assert (again.metadata("note"), again.metadata("other")) == (b"two", b"")
    again.remove_metadata("note")
    assert again.metadata("note") is None


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
