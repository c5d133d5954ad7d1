import numpy as np
from ai_edge_litert import schema_py_generated as schema

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


def test_a_constant_of_a_type_that_numpy_lacks_has_no_array(lookup_file):
    file, _ = lookup_file(TABLE)
    table = file.subgraphs[0].tensors[0]
    table.type = schema.TensorType.INT4
    assert file.data(table) is not None
    assert file.array(table) is None


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
