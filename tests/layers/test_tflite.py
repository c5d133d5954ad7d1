"""Each layer as a .tflite: builtin operators, its own bytes once, the same numbers, loud ids."""

import keras
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="converting needs the TensorFlow backend"
)

INPUT_DIM = 1000
LENGTH = 5
SLACK = 32 * 1024


def converted(model):
    """Content of the .tflite, without the project's own exporter."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return converter.convert()


def runner(content):
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(model_content=content, num_threads=1).get_signature_runner()
    return lambda ids: next(iter(run(ids=ids).values()))


def operators(content):
    from ai_edge_litert import schema_py_generated as schema

    names = {code: name for name, code in vars(schema.BuiltinOperator).items()}
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    codes = [max(c.builtinCode, c.deprecatedBuiltinCode) for c in model.operatorCodes]
    return [names[codes[op.opcodeIndex]] for op in model.subgraphs[0].operators]


def check(model, layer, rng, any_id):
    content = converted(model)
    table_bytes = 4 * layer.num_parameters
    assert table_bytes < len(content) <= table_bytes + SLACK
    assert not {"CUSTOM", "VAR_HANDLE", "READ_VARIABLE"} & set(operators(content))
    run = runner(content)
    ids = rng.integers(0, INPUT_DIM, (7, LENGTH)).astype("int32")
    expected = keras.ops.convert_to_numpy(model(ids))
    assert np.abs(run(ids) - expected).max() <= 1e-5 * np.abs(expected).max()
    assert run(ids[:0]).shape == (0, *expected.shape[1:])
    for bad in (-1, INPUT_DIM, 2**31 - 1):
        wrong = ids.copy()
        wrong[3, 2] = bad
        if any_id and bad > 0:
            run(wrong)
        else:
            with pytest.raises(RuntimeError, match=r"index out of bounds|only_positive"):
                run(wrong)
    return content


def test_lookup(case, rng):
    layer = case.make()
    inputs = keras.Input((LENGTH,), dtype="int32", name="ids")
    content = check(keras.Model(inputs, layer(inputs)), layer, rng, case.any_id)
    if case.name == "full":
        assert operators(content) == ["GATHER"]


def test_tied_and_ranked(case, rng):
    """The table serves the lookup and the scores, and lies in the file once."""
    layer = case.make(ranks=rng.permutation(INPUT_DIM))
    inputs = keras.Input((LENGTH,), dtype="int32", name="ids")
    hidden = keras.layers.GlobalAveragePooling1D()(layer(inputs))
    check(keras.Model(inputs, layer(hidden, reverse=True)), layer, rng, any_id=False)


def test_tied_positions(case, rng):
    """Scores at every position of a history, (batch, length, n)."""
    layer = case.make()
    inputs = keras.Input((LENGTH,), dtype="int32", name="ids")
    model = keras.Model(inputs, layer(layer(inputs), reverse=True))
    check(model, layer, rng, case.any_id)


def test_64_bit_ids_do_not_wrap(rng):
    from tfcompress.layers import HashEmbedding

    layer = HashEmbedding(INPUT_DIM, 8, num_buckets=50)
    inputs = keras.Input((1,), dtype="int64", name="ids")
    run = runner(converted(keras.Model(inputs, layer(inputs))))
    assert run(np.array([[5]])).shape == (1, 1, 8)
    for bad in (-1, 2**31, 2**32 + 5, -(2**32) + 5):
        with pytest.raises(RuntimeError, match="only_positive"):
            run(np.array([[bad]]))
