import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tfcompress.errors import ModelError
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.runtime.check import check, check_packed

TABLE = np.ones((5, 8), np.float32)


def with_custom(lookup_file, code):
    file, _ = lookup_file(TABLE)
    custom = schema.BuiltinOperator.CUSTOM
    file.model.operatorCodes.append(
        schema.OperatorCodeT(builtinCode=custom, deprecatedBuiltinCode=custom, customCode=code)
    )
    operator = file.subgraphs[0].operators[0]
    operator.opcodeIndex = len(file.model.operatorCodes) - 1
    return file.to_bytes()


def test_accepts_builtin_operators(lookup_file):
    check(lookup_file(TABLE)[0].to_bytes())


def test_refuses_select_tensorflow_operators(lookup_file):
    with pytest.raises(ModelError, match="FlexFloorDiv, a TensorFlow operator"):
        check(with_custom(lookup_file, "FlexFloorDiv"))


def test_refuses_custom_operators_that_nobody_serves(lookup_file):
    content = with_custom(lookup_file, "Mine")
    with pytest.raises(ModelError, match="custom operator 'Mine'"):
        check(content)
    check(content, custom_allowed=frozenset({"Mine"}))


def test_refuses_resource_variables(lookup_file):
    file, _ = lookup_file(TABLE)
    subgraph = file.subgraphs[0]
    handle = file.add_tensor(subgraph, "handle", [], schema.TensorType.RESOURCE)
    options = schema.VarHandleOptionsT(container="", sharedName="v")
    subgraph.operators.insert(0, file.operator("VAR_HANDLE", [], [handle], options))
    with pytest.raises(ModelError, match="VAR_HANDLE: its weights are variables"):
        check(file.to_bytes())


def test_refuses_what_the_runtime_refuses(lookup_file):
    file, _ = lookup_file(TABLE)
    file.subgraphs[0].tensors[1].type = schema.TensorType.FLOAT32  # ids
    with pytest.raises(ModelError, match=r"the runtime refuses the model: .*[Pp]ositions"):
        check(file.to_bytes())


def test_a_packed_file_is_refused_where_the_one_given_was_not(lookup_file):
    given = lookup_file(TABLE)[0].to_bytes()
    broken = read(given)
    broken.subgraphs[0].tensors[1].type = schema.TensorType.FLOAT32
    packed = broken.to_bytes()
    with pytest.raises(ModelError, match="the runtime refuses the model"):
        check_packed(packed, given)
    check_packed(packed, packed)
