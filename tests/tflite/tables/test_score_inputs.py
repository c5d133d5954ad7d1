"""What scores are taken with, in files made by hand."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from tests.tflite.lookup_models import Type, empty_file
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.graph.outputs import give_only, set_outputs
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
        table = self.file.add_buffer(TABLE)
        self.items = self._constant("items", TABLE, table)
        self.ids = self._tensor("ids", [2], Type.INT32)
        self.vectors = self._tensor("vectors", [2, COLUMNS])
        self.graph.inputs = [self.ids]
        made = self.file.operator(
            "GATHER", [self.items, self.ids], [self.vectors], schema.GatherOptionsT()
        )
        self.graph.operators.append(made)

    def product(self, bias=-1, vectors=None):
        output = self._tensor("scores", [2, ROWS])
        inputs = [self.vectors if vectors is None else vectors, self.items, bias]
        options = schema.FullyConnectedOptionsT(keepNumDims=True)
        made = self.file.operator("FULLY_CONNECTED", inputs, [output], options, version=5)
        self.graph.operators.append(made)
        self.graph.outputs = [*self.graph.outputs, output]
        return output

    def bias(self, value=BIAS):
        return self._constant("bias", value, self.file.add_buffer(value))

    def _constant(self, name, value, buffer):
        return self.file.add_tensor(self.graph, name, value.shape, Type.FLOAT32, buffer=buffer)

    def _tensor(self, name, shape, kind=Type.FLOAT32):
        return self.file.add_tensor(self.graph, name, shape, kind)


def outputs(content, ids):
    model = Interpreter(model_content=content)
    model.allocate_tensors()
    model.set_tensor(model.get_input_details()[0]["index"], np.array(ids, np.int32))
    model.invoke()
    return {one["name"]: model.get_tensor(one["index"]) for one in model.get_output_details()}


def test_vectors_and_the_bias_are_found():
    made = Scores()
    made.product(made.bias())
    found = score_inputs(made.file, CONSTANT)
    assert found.vectors == made.vectors
    assert np.array_equal(made.file.array(found.bias), BIAS)
    vectors = vectors_model(made.file, CONSTANT)
    given = outputs(vectors.to_bytes(), [7, 3])
    assert list(given) == ["vectors"]
    assert np.array_equal(given["vectors"], TABLE[[7, 3]])
    # The other file is as it was.
    assert list(outputs(made.file.to_bytes(), [7, 3])) == ["scores"]


@pytest.mark.parametrize("how", ["none", "shared", "of another size", "computed"])
def test_a_bias_that_is_not_the_scores_own_stays(how):
    made = Scores()
    if how == "none":
        made.product()
    elif how == "shared":
        bias = made.bias()
        scores = made.product(bias)
        both = made.file.add_tensor(made.graph, "twice", [2, ROWS], Type.FLOAT32)
        add = made.file.operator("ADD", [scores, bias], [both], schema.AddOptionsT())
        made.graph.operators.append(add)
    elif how == "of another size":
        made.product(made.bias(BIAS[:-1]))
    else:
        made.product(made.file.add_tensor(made.graph, "bias", [ROWS], Type.FLOAT32))
    assert score_inputs(made.file, CONSTANT).bias is None


def test_scores_in_two_places_or_none_are_left_alone():
    made = Scores()
    assert score_inputs(made.file, CONSTANT) is None
    assert vectors_model(made.file, CONSTANT) is None
    made.product()
    assert score_inputs(made.file, CONSTANT) is not None
    made.product()
    assert score_inputs(made.file, CONSTANT) is None


def test_constant_vectors_are_none():
    made = Scores()
    value = TABLE[:2]
    made.product(
        vectors=made.file.add_tensor(
            made.graph, "fixed", value.shape, Type.FLOAT32, buffer=made.file.add_buffer(value)
        )
    )
    assert score_inputs(made.file, CONSTANT) is None


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
