import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tfcompress.tflite import dense
from tfcompress.tflite.compare import run
from tfcompress.tflite.dense import quantize_dense
from tfcompress.tflite.graph.fields import text
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.graph.runtime_version import code_version


def weights_of(file):
    """The weights' type and the version of every FULLY_CONNECTED, by the rows of its weights."""
    subgraph = file.subgraphs[0]
    return {
        int(subgraph.tensors[op.inputs[1]].shape[0]): (
            subgraph.tensors[op.inputs[1]].type,
            code_version(file, op),
        )
        for op in subgraph.operators
        if file.operator_name(op) == "FULLY_CONNECTED"
    }


def test_dense_weights_become_int8(untied, histories):
    file, counts = quantize_dense(read(untied.content))
    assert counts == {"FULLY_CONNECTED": 3}
    int8 = (schema.TensorType.INT8, 12)
    assert weights_of(file) == {8: int8, 16: int8, 50: int8}
    before, after = (run(c, {"ids": histories}) for c in (untied.content, file.to_bytes()))
    error = np.abs(after["scores"] - before["scores"]).max() / np.abs(before["scores"]).max()
    assert 0 < error < 0.05


def test_of_int4_only_large_dense_matrices(untied, histories, monkeypatch):
    monkeypatch.setattr(dense, "_LARGE", 50 * 8)
    file, counts = quantize_dense(read(untied.content), num_bits=4)
    assert counts == {"FULLY_CONNECTED": 3}
    int8, int4 = (schema.TensorType.INT8, 12), (schema.TensorType.INT4, 12)
    assert weights_of(file) == {8: int8, 16: int8, 50: int4}
    before, after = (run(c, {"ids": histories}) for c in (untied.content, file.to_bytes()))
    error = np.abs(after["scores"] - before["scores"]).max() / np.abs(before["scores"]).max()
    assert 0.01 < error < 0.2


def test_tables_and_tied_outputs_are_left_alone(tied_full, tied_memcom):
    for exported in (tied_full, tied_memcom):
        before = read(exported.content)
        file, counts = quantize_dense(before)
        assert counts == {"FULLY_CONNECTED": 2}
        tables = [table.value for e in exported.embeddings for table in e.tables]
        for table in tables:
            same = [
                tensor
                for tensor in file.subgraphs[0].tensors
                if (data := file.data(tensor)) is not None and bytes(data) == table.tobytes()
            ]
            assert same
            assert all(tensor.type == schema.TensorType.FLOAT32 for tensor in same)
        rows = {50, 7} & set(weights_of(file))
        assert {weights_of(file)[number] for number in rows} == {(schema.TensorType.FLOAT32, 1)}


def test_nothing_dense_changes_nothing(lookups):
    file = read(lookups.content)
    same, counts = quantize_dense(file)
    assert same is file
    assert counts == {}


def test_the_input_file_is_not_changed(untied):
    file = read(untied.content)
    before = file.to_bytes()
    quantize_dense(file)
    assert file.to_bytes() == before
    assert {text(t.name) for t in file.subgraphs[0].tensors}


@pytest.mark.parametrize("size", [0, 1])
def test_other_batch_sizes(untied, size):
    file, _ = quantize_dense(read(untied.content))
    ids = np.ones((size, 5), np.int32)
    assert run(file.to_bytes(), {"ids": ids})["scores"].shape == (size, 50)
