"""Models as people export them, packed for both targets: the same outputs, bit for bit."""

import numpy as np
import pytest

from tfcompress.tflite import inspect_model
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.packing.pack import pack_model
from tfcompress.tflite.packing.unpack import unpack

N, D, LENGTH = 3000, 16, 6


@pytest.fixture(scope="module")
def keras_model():
    """Histories -> mean of the rows of a table of a few hundred different values -> scores."""
    import keras

    ids = keras.Input((LENGTH,), dtype="int32", name="ids")
    table = keras.layers.Embedding(N, D, name="items")
    hidden = keras.layers.GlobalAveragePooling1D()(table(ids))
    model = keras.Model(ids, keras.layers.Dense(5)(hidden))
    rng = np.random.default_rng(0)
    table.embeddings.assign(np.rint(rng.laplace(0, 2, (N, D))) / 64)
    return model


def keras_int8(model):
    import keras
    import tensorflow as tf

    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    copy.get_layer("items").quantize("int8")  # int8 dense layers do not convert
    converter = tf.lite.TFLiteConverter.from_keras_model(copy)
    return converter.convert()


def converter_default(model):
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter.convert()


def converter_float16(model):
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


def own(dtype):
    def make(model):
        from tfcompress.tflite import convert

        return convert(model, table_dtype=dtype)

    return make


def quantizer(name):
    def make(model):
        from ai_edge_quantizer import quantizer, recipe

        file = read(own("float32")(model))
        for operator in (operators := file.subgraphs[0].operators):
            if file.operator_name(operator) == "GATHER":
                # The quantizer skips a GATHER, and an EMBEDDING_LOOKUP takes a vector of ids.
                table, ids = operator.inputs
                graph, (rows,) = file.subgraphs[0], operator.outputs
                flat = file.add_tensor(graph, "flat", [1], 2, signature=[-1])
                vector = file.add_tensor(graph, "vector", [1, D], 0, signature=[-1, D])
                to_vector = file.add_constant(graph, "to_vector", np.array([-1], np.int32))
                shape = np.array([-1, LENGTH, D], np.int32)
                to_rows = file.add_constant(graph, "to_rows", shape)
                place = operators.index(operator)
                graph.operators[place : place + 1] = [
                    file.operator("RESHAPE", [ids, to_vector], [flat]),
                    file.operator("EMBEDDING_LOOKUP", [flat, table], [vector]),
                    file.operator("RESHAPE", [vector, to_rows], [rows]),
                ]
                break
        made = quantizer.Quantizer(file.to_bytes(), getattr(recipe, name)())
        result = made.quantize(enable_progress_bar=False, enable_progress_report=False)
        return bytes(result.quantized_model)

    return make


EXPORTS = {
    "Keras int8": keras_int8,
    "converter default": converter_default,
    "converter float16": converter_float16,
    "float32": own("float32"),
    "float16": own("float16"),
    "int8": own("int8"),
    "int4": own("int4"),
    "quantizer int8": quantizer("dynamic_wi8_afp32"),
    "quantizer int4": quantizer("dynamic_wi4_afp32"),
}


@pytest.fixture(scope="module")
def exported(keras_model):
    made = {}

    def export(name):
        if name not in made:
            made[name] = bytes(EXPORTS[name](keras_model))
        return made[name]

    return export


@pytest.mark.parametrize("target", ["delegate", "builtin"])
@pytest.mark.parametrize("name", EXPORTS)
def test_the_same_outputs(name, target, exported, run, pack_whatever_it_costs):
    plain = exported(name)
    packing = pack_model(plain, codec="indexed", target=target)
    assert max(done.rows for done in packing.packed) == N
    described = inspect_model(packing.content)
    assert any(table.codec == "indexed" and table.cols == D for table in described.tables)
    assert "indexed" not in {table.codec for table in inspect_model(unpack(packing.content)).tables}
    for batch in (1, 7):
        ids = np.random.default_rng(batch).integers(0, N, (batch, LENGTH)).astype(np.int32)
        expected = run(plain, ids)[0]
        assert np.ptp(expected)
        for content in (packing.content, unpack(packing.content)):
            assert run(content, ids)[0].tobytes() == expected.tobytes()


def test_convert_packs_as_pack_does(keras_model):
    from tfcompress.tflite import convert, pack

    plain = convert(keras_model, table_dtype="int8")
    packed = convert(keras_model, table_dtype="int8", codec="indexed", target="delegate")
    assert packed == pack(plain, codec="indexed", target="delegate")
    before, after = inspect_model(plain).tables[0], inspect_model(packed).tables[0]
    assert (after.name, after.dtype, after.snr_db) == (before.name, before.dtype, before.snr_db)
    assert after.codec == "indexed"
    assert after.stored_bytes < 0.8 * before.stored_bytes


def test_tables_of_compressed_layers_pack_too(run):
    import keras

    from tfcompress import layers
    from tfcompress.tflite import convert

    ids = keras.Input((), dtype="int32", name="ids")
    layer = layers.MEmComEmbedding(9000, 16, 2500, name="items")
    model = keras.Model(ids, layer(ids))
    layer.build(None)
    rng = np.random.default_rng(0)
    layer.tables()["U"].assign(np.rint(rng.laplace(0, 2, (2500, 16))))
    plain = convert(model, table_dtype="int8")
    packing = pack_model(plain, target="delegate")
    assert "items/U" in {done.name for done in packing.packed}
    assert len(packing.content) < len(plain)
    wanted = rng.integers(0, 9000, 100).astype(np.int32)
    assert run(packing.content, wanted)[0].tobytes() == run(plain, wanted)[0].tobytes()
