import re

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tfcompress.errors import ConfigError
from tfcompress.tflite.compare import run
from tfcompress.tflite.graph.flatbuffer import TfliteFile, read
from tfcompress.tflite.top_k import append_top_k, num_scored_ids

N = 12


@pytest.fixture
def scorer():
    """A file that returns its input: whatever scores a test likes."""
    subgraph = schema.SubGraphT(tensors=[], operators=[], inputs=[], outputs=[], name="main")
    model = schema.ModelT(
        version=3, operatorCodes=[], subgraphs=[subgraph], buffers=[schema.BufferT()]
    )
    file = TfliteFile(model)
    kind = schema.TensorType.FLOAT32
    given = file.add_tensor(subgraph, "given", [1, N], kind, signature=[-1, N])
    scores = file.add_tensor(subgraph, "raw", [1, N], kind, signature=[-1, N])
    zero = file.add_constant(subgraph, "zero", np.zeros((), np.float32))
    subgraph.operators = [file.operator("ADD", [given, zero], [scores], schema.AddOptionsT())]
    subgraph.inputs, subgraph.outputs = [given], [scores]
    model.signatureDefs = [
        schema.SignatureDefT(
            inputs=[schema.TensorMapT("given", given)],
            outputs=[schema.TensorMapT("output_0", scores)],
            signatureKey="serving_default",
        )
    ]
    return file


def best(scores, k):
    """Ids by falling score, the smaller id first where equal, without 0 and 1."""
    order = np.argsort(-scores[:, 2:], axis=1, kind="stable")[:, :k] + 2
    return order, np.take_along_axis(scores, order, axis=1)


@pytest.mark.parametrize("k", [1, 3, N - 2])
@pytest.mark.parametrize("size", [1, 7])
def test_ids_and_scores_of_the_best(scorer, k, size):
    append_top_k(scorer, k)
    rng = np.random.default_rng(k)
    # Few distinct values: many ties, also with ids 0 and 1, which would often be the best.
    scores = rng.integers(-2, 3, (size, N)).astype(np.float32)
    scores[:, :2] = 99
    found = run(scorer.to_bytes(), {"given": scores})
    ids, values = best(scores, k)
    assert found["ids"].dtype == np.int32
    assert np.array_equal(found["ids"], ids)
    assert np.array_equal(found["scores"], values)


def test_empty_batch(scorer):
    append_top_k(scorer, 3)
    found = run(scorer.to_bytes(), {"given": np.zeros((0, N), np.float32)})
    assert found["ids"].shape == found["scores"].shape == (0, 3)


@pytest.mark.parametrize("k", [0, -1, "3", 2.5, True, [1]])
def test_k_that_is_no_number_of_answers(scorer, k):
    with pytest.raises(ConfigError, match=f"top_k: got {re.escape(repr(k))}, expected a whole"):
        append_top_k(scorer, k)


@pytest.mark.parametrize("k", [N - 1, 1000])
def test_k_out_of_range(scorer, k):
    with pytest.raises(ConfigError, match=f"top_k: got {k}, expected 1 to {N - 2}"):
        append_top_k(scorer, k)


def test_a_model_that_gives_no_scores(lookups, lookup_file):
    with pytest.raises(ConfigError, match="top_k: the model has 5 outputs"):
        append_top_k(read(lookups.content), 3)
    rows = lookup_file(np.ones((9, 2, 2), np.float32))[0]
    with pytest.raises(ConfigError, match=r"output has shape \[1, 2, 2\]"):
        append_top_k(rows, 3)


def test_one_interpreter_takes_one_batch_size_after_another(scorer):
    from ai_edge_litert.interpreter import Interpreter

    append_top_k(scorer, 3)
    runner = Interpreter(model_content=scorer.to_bytes(), num_threads=1).get_signature_runner()
    rng = np.random.default_rng(0)
    for size in (7, 1, 0, 3):
        scores = rng.normal(size=(size, N)).astype(np.float32)
        assert np.array_equal(runner(given=scores)["ids"], best(scores, 3)[0])


def test_a_keras_model_tells_how_many_ids_it_scores_where_it_is_clear():
    vector = keras.Input((4,))
    scores, more = keras.layers.Dense(N)(vector), keras.layers.Dense(3)(vector)
    assert num_scored_ids(keras.Model(vector, {"scores": scores})) == N
    assert num_scored_ids(keras.Model(vector, [more, scores])) is None
    assert num_scored_ids(keras.Model(vector, keras.ops.sum(scores))) is None
    assert num_scored_ids(keras.Sequential([keras.layers.Dense(N)])) is None
