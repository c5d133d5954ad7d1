from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.graph.prune import prune

MODELS = Path(__file__).resolve().parents[3].parent / "shared" / "models"
TABLE = np.arange(15, dtype=np.float32).reshape(5, 3)
IDS = np.array([4, 0, 4], np.int32)


def test_prune_drops_what_nothing_refers_to(lookup_file, run):
    file, _ = lookup_file(TABLE)
    before = file.to_bytes()
    subgraph = file.subgraphs[0]
    dead = file.add_constant(subgraph, "dead", np.zeros(100, np.float32))
    file.operator("CAST", [dead], [dead], version=3)  # made, and put nowhere
    subgraph.tensors.insert(0, subgraph.tensors.pop())  # the indices of the others move by one
    for holder in (subgraph, subgraph.operators[0]):
        holder.inputs = [index + 1 for index in holder.inputs]
        holder.outputs = [index + 1 for index in holder.outputs]
    assert len(file.to_bytes()) > len(before) + 400
    prune(file)
    assert file.to_bytes() == before
    assert np.array_equal(run(file.to_bytes(), IDS)[0], TABLE[IDS])


def test_prune_renumbers_signatures_and_keeps_missing_inputs(lookup_file):
    file, _ = lookup_file(TABLE)
    subgraph = file.subgraphs[0]
    subgraph.tensors.insert(0, schema.TensorT(shape=[1], name="dead"))
    operator = subgraph.operators[0]
    operator.inputs = [*(index + 1 for index in operator.inputs), -1]
    operator.outputs = [index + 1 for index in operator.outputs]
    subgraph.inputs, subgraph.outputs = [2], [3]
    file.model.signatureDefs = [
        schema.SignatureDefT(
            inputs=[schema.TensorMapT("ids", 2)],
            outputs=[schema.TensorMapT("rows", 3)],
            signatureKey="serving_default",
        )
    ]
    prune(file)
    assert operator.inputs == [0, 1, -1]
    signature = file.model.signatureDefs[0]
    assert [signature.inputs[0].tensorIndex, signature.outputs[0].tensorIndex] == [1, 2]


@pytest.mark.parametrize(
    "name", ["recommendation_rnn_i10o100.tflite", "average_word_embedding.tflite"]
)
def test_models_of_others_run_the_same_after_writing(name, run):
    path = MODELS / name
    if not path.exists():
        pytest.skip(f"{path} is not here")
    content = path.read_bytes()
    file = read(content)
    prune(file)
    written = file.to_bytes()
    assert read(written).to_bytes() == written
    shape = (10,) if "rnn" in name else (1, 256)
    ids = np.random.default_rng(0).integers(0, 3953, shape).astype(np.int32)
    for before, after in zip(run(content, ids), run(written, ids), strict=True):
        assert np.array_equal(before, after)
    before, after = (
        [(member.info.filename, member.content) for member in read(c).associated]
        for c in (content, written)
    )
    assert before == after
