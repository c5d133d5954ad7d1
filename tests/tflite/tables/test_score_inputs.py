"""What scores are taken with, in files made by hand."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from tests.tflite.lookup_models import Type, empty_file
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.graph.outputs import give_only, set_outputs
from tfcompress.tflite.tables import added_vectors
from tfcompress.tflite.tables.constants import ModelTable, TableConstant
from tfcompress.tflite.tables.score_inputs import score_inputs, vectors_model

ROWS, COLUMNS = 30, 4
RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(ROWS, COLUMNS)).astype(np.float32)
BIAS = RNG.normal(size=ROWS).astype(np.float32)
CONSTANT = TableConstant(ModelTable("items", TABLE), ("items",))


class Scores:
    """ids -> GATHER -> rows, the vectors -> FULLY_CONNECTED with the same table -> scores."""

    def __init__(self):
        self.file = empty_file()
        self.file.model.signatureDefs = []
        (self.graph,) = self.file.subgraphs
        self.items = self.constant("items", TABLE)
        self.ids = self.tensor("ids", [2], Type.INT32)
        self.vectors = self.tensor("vectors", [2, COLUMNS])
        self.graph.inputs = [self.ids]
        self.append("GATHER", [self.items, self.ids], self.vectors, schema.GatherOptionsT())

    def product(self, bias=-1, vectors=None, shape=(2, ROWS), activation=0):
        inputs = [self.vectors if vectors is None else vectors, self.items, bias]
        options = schema.FullyConnectedOptionsT(
            keepNumDims=True, fusedActivationFunction=activation
        )
        return self.end("FULLY_CONNECTED", inputs, list(shape), options, version=5)

    def end(self, name, inputs, shape, options, **how):
        """An operator whose output is the model's."""
        output = self.append(name, inputs, self.tensor("scores", shape), options, **how)
        self.graph.outputs = [output]
        return output

    def append(self, name, inputs, output, options, **how):
        self.graph.operators.append(self.file.operator(name, inputs, [output], options, **how))
        return output

    def bias(self, value=BIAS):
        return self.constant("bias", value)

    def constant(self, name, value):
        return self.file.add_constant(self.graph, name, value)

    def tensor(self, name, shape, kind=Type.FLOAT32):
        return self.file.add_tensor(self.graph, name, shape, kind)


def outputs(content, ids):
    model = Interpreter(model_content=content)
    model.allocate_tensors()
    model.set_tensor(model.get_input_details()[0]["index"], np.array(ids, np.int32))
    model.invoke()
    return {one["name"]: model.get_tensor(one["index"]) for one in model.get_output_details()}


def test_vectors_and_the_bias_are_found():
    made = Scores()
    bias = made.bias()
    made.product(bias)
    found = score_inputs(made.file, CONSTANT)
    assert found.vectors == made.vectors
    assert found.own_bias is made.graph.tensors[bias]
    assert np.array_equal(found.bias, BIAS)
    vectors = vectors_model(made.file, found)
    given = outputs(vectors.to_bytes(), [7, 3])
    assert list(given) == ["vectors"]
    assert np.array_equal(given["vectors"], TABLE[[7, 3]])
    # The other file is as it was.
    assert list(outputs(made.file.to_bytes(), [7, 3])) == ["scores"]


def test_a_bias_that_is_added_behind_is_found():
    """As where the table has scales of rows, which come before it."""
    made = Scores()
    bias = made.bias()
    made.end("ADD", [made.product(), bias], [2, ROWS], schema.AddOptionsT())
    found = score_inputs(made.file, CONSTANT)
    assert found.own_bias is made.graph.tensors[bias]
    assert np.array_equal(found.bias, BIAS)


@pytest.mark.parametrize("kind", ["float16", "int8"])
def test_a_narrow_bias_is_known_but_stays(kind):
    made = Scores()
    bias = made.bias()
    made.end("ADD", [made.product(), bias], [2, ROWS], schema.AddOptionsT())
    added_vectors.MIN_VALUES, before = 1, added_vectors.MIN_VALUES
    try:
        assert added_vectors.narrow_vectors(made.file, kind) == 1
    finally:
        added_vectors.MIN_VALUES = before
    found = score_inputs(made.file, CONSTANT)
    assert found.own_bias is None
    np.testing.assert_allclose(found.bias, BIAS, atol=np.ptp(BIAS) / 400)


def test_without_a_bias_it_is_zero():
    made = Scores()
    made.product()
    found = score_inputs(made.file, CONSTANT)
    assert found.own_bias is None
    assert not found.bias.any()
    assert found.bias.shape == (ROWS,)


def test_a_bias_that_something_else_reads_stays():
    made = Scores()
    bias = made.bias()
    scores = made.product(bias)
    twice = made.append("NEG", [bias], made.tensor("less", [ROWS]), None)
    made.graph.outputs = [scores, twice]
    found = score_inputs(made.file, CONSTANT)
    assert found.own_bias is None
    assert np.array_equal(found.bias, BIAS)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda made: made.product(made.bias(BIAS[:-1])),
        lambda made: made.product(made.tensor("bias", [ROWS])),
        lambda made: made.product(activation=schema.ActivationFunctionType.RELU),
        lambda made: made.end("TANH", [made.product()], [2, ROWS], None),
        lambda made: made.product(vectors=made.constant("fixed", TABLE[:2])),
        lambda made: [made.product(), made.product()],
        lambda made: made.graph.inputs,
    ],
    ids=["size", "computed", "activation", "layer", "constant", "twice", "none"],
)
def test_what_are_no_answers_is_left_alone(spoil):
    made = Scores()
    spoil(made)
    assert score_inputs(made.file, CONSTANT) is None


@pytest.mark.parametrize("shape", [[6, COLUMNS], [2, 3, COLUMNS]])
def test_several_vectors_an_example_are_left_alone(shape):
    made = Scores()
    made.graph.tensors[made.vectors].shape = shape
    made.product(shape=[*shape[:-1], ROWS])
    assert score_inputs(made.file, CONSTANT) is None


@pytest.mark.parametrize("name", ["SOFTMAX", "LOGISTIC"])
def test_scores_may_become_probabilities(name):
    made = Scores()
    options = schema.SoftmaxOptionsT(beta=1.0) if name == "SOFTMAX" else None
    made.end(name, [made.product()], [2, ROWS], options)
    assert score_inputs(made.file, CONSTANT) is not None


def test_signatures_follow_the_outputs():
    made = Scores()
    scores = made.product()
    made.file.model.signatureDefs = [
        schema.SignatureDefT(
            inputs=[schema.TensorMapT(name="ids", tensorIndex=made.ids)],
            outputs=[schema.TensorMapT(name="scores", tensorIndex=scores)],
            signatureKey="serving_default",
            subgraphIndex=0,
        )
    ]
    set_outputs(made.file, {"scores": scores, "user": made.vectors})
    runner = Interpreter(model_content=made.file.to_bytes()).get_signature_runner()
    assert sorted(runner(ids=np.array([1, 2], np.int32))) == ["scores", "user"]
    give_only(made.file, {"user": made.vectors})
    (graph,) = read(made.file.to_bytes()).subgraphs
    assert [made.file.operator_name(operator) for operator in graph.operators] == ["GATHER"]
    runner = Interpreter(model_content=made.file.to_bytes()).get_signature_runner()
    assert list(runner(ids=np.array([1, 2], np.int32))) == ["user"]
