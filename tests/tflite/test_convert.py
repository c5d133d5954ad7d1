import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from tfcompress.errors import ConfigError
from tfcompress.quantization import quantize
from tfcompress.tflite.compare import compare_with_keras, run
from tfcompress.tflite.convert import assemble, convert
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.inspect import inspect_model
from tfcompress.tflite.table_use import table_use

IDS = np.random.default_rng(5).integers(0, 50, (7, 3)).astype(np.int32)
LOUD = (-1, 50, 2**31 - 1)


def finish(exported, **options):
    return assemble(exported.content, exported.embeddings, **options)


def half(table):
    return table.astype(np.float16).astype(np.float32)


@pytest.mark.parametrize("granularity", ["per_row", "per_table"])
@pytest.mark.parametrize("table_dtype", ["float32", "float16", "int8", "int4"])
def test_lookups_of_every_layer_are_exact(lookups, table_dtype, granularity):
    content = finish(lookups, table_dtype=table_dtype, granularity=granularity)
    if table_dtype == "float32":
        assert compare_with_keras(lookups.model, content, IDS).relative < 1e-5

    def wide(table):
        if table_dtype == "float16":
            return half(table)
        if table_dtype == "float32":
            return table
        return quantize(table, int(table_dtype[3:]), granularity).dequantize()

    narrow = half if table_dtype != "float32" else np.asarray
    tables = {t.name: t.value for e in lookups.embeddings for t in e.tables}
    found = run(content, {"ids": IDS})
    assert np.array_equal(found["wide"], wide(tables["wide/embeddings"])[IDS])
    assert np.array_equal(found["keras"], wide(tables["keras/embeddings"])[IDS])
    assert np.array_equal(found["hash"], wide(tables["hash/U"])[IDS % 7])
    assert np.array_equal(found["narrow"], narrow(tables["narrow/embeddings"])[IDS])
    shared, v, w = wide(tables["memcom/U"]), narrow(tables["memcom/v"]), narrow(tables["memcom/w"])
    assert np.array_equal(found["memcom"], shared[IDS % 7] * v[IDS] + w[IDS])


@pytest.mark.parametrize("table_dtype", ["float32", "float16", "int8", "int4"])
def test_loud_ids_and_empty_batches(lookups, table_dtype):
    content = finish(lookups, table_dtype=table_dtype)
    for bad in LOUD:
        with pytest.raises(RuntimeError, match="gather index out of bounds"):
            run(content, {"ids": np.array([[1, bad, 2]], np.int32)})
    assert run(content, {"ids": IDS[:0]})["memcom"].shape == (0, 3, 16)
    assert run(content, {"ids": IDS[:1]})["memcom"].shape == (1, 3, 16)


def test_bytes_fall_with_the_table_dtype(lookups):
    sizes = [
        inspect_model(finish(lookups, table_dtype=dtype)).table_bytes
        for dtype in ("float32", "float16", "int8", "int4")
    ]
    assert sizes == sorted(sizes, reverse=True)
    full = inspect_model(finish(lookups)).full_table_bytes
    assert full == 4 * (4 * 50 * 16 + 50 * 4)


@pytest.mark.parametrize("dense_dtype", ["float32", "int8"])
@pytest.mark.parametrize("table_dtype", ["int8", "int4"])
def test_tied_rankers(tied_full, tied_memcom, histories, table_dtype, dense_dtype):
    limit = {"int8": 0.03, "int4": 0.3}[table_dtype]
    for exported in (tied_full, tied_memcom):
        content = finish(exported, table_dtype=table_dtype, dense_dtype=dense_dtype)
        difference = compare_with_keras(exported.model, content, histories)
        assert 0 < difference.relative < limit
        info = inspect_model(content)
        assert all(table["tied"] for table in info.metadata["tables"])
        plain = inspect_model(finish(exported, dense_dtype=dense_dtype))
        # One copy: no other constant has as many values as the table.
        assert info.table_bytes < plain.table_bytes / 2
        assert max(c.bytes for c in info.constants) <= max(c.bytes for c in plain.constants)


def test_tied_float16_says_what_to_use(tied_full):
    with pytest.raises(ConfigError, match=r"item_embedding/embeddings cannot be float16.*'int8'"):
        finish(tied_full, table_dtype="float16")


def test_dense_int8_leaves_the_tables_alone(untied, histories):
    plain = inspect_model(finish(untied, table_dtype="int4"))
    content = finish(untied, table_dtype="int4", dense_dtype="int8")
    info = inspect_model(content)
    assert info.tables == plain.tables
    assert info.metadata["dense_operators"] == {"FULLY_CONNECTED": 3}
    assert info.constants[0].name == "output_items/embeddings"
    assert info.constants[0].dtype == "int8"
    assert info.dense_bytes < plain.dense_bytes / 2
    assert run(content, {"ids": histories})["scores"].shape == (7, 50)


@pytest.mark.parametrize("options", [{}, {"table_dtype": "int8", "dense_dtype": "int8"}])
def test_top_k(untied, histories, options):
    scores = run(finish(untied, **options), {"ids": histories})["scores"]
    found = run(finish(untied, top_k=10, **options), {"ids": histories})
    order = np.argsort(-scores[:, 2:], axis=1, kind="stable")[:, :10] + 2
    assert np.array_equal(found["ids"], order)
    assert np.array_equal(found["scores"], np.take_along_axis(scores, order, axis=1))


def test_metadata(untied):
    given = {
        "model": {"kind": "sequence-ranker", "history_length": 5, "input_dim": 50},
        "trained_on": {"name": "synthetic", "sha256": "0" * 64},
    }
    info = inspect_model(finish(untied, table_dtype="int8", top_k=np.int64(3), metadata=given))
    assert info.metadata["model"] == {**given["model"], "output": "top_k", "top_k": 3}
    assert info.metadata["trained_on"] == given["trained_on"]
    assert info.metadata["embeddings"] == [
        {
            "name": "item_embedding",
            "class": "HashEmbedding",
            "input_dim": 50,
            "output_dim": 16,
            "tables": ["item_embedding/U"],
            "snr_db": pytest.approx(46, abs=4),
        }
    ]
    assert given["model"].get("top_k") is None
    assert read(finish(untied)).metadata("CONVERSION_METADATA") is None


def test_the_same_model_gives_the_same_bytes(tied_memcom):
    options = {"table_dtype": "int8", "dense_dtype": "int8", "top_k": 3}
    first = convert(tied_memcom.model, **options)
    assert convert(tied_memcom.model, **options) == first
    assert finish(tied_memcom, **options) == first


SCRIPT = """
import sys, hashlib, keras
from tfcompress import layers, models, tflite
model = keras.saving.load_model(sys.argv[1])
print(hashlib.sha256(tflite.convert(model, table_dtype="int4", dense_dtype="int8")).hexdigest())
"""


def test_another_process_gives_the_same_bytes(tmp_path, tied_full):
    tied_full.model.save(tmp_path / "m.keras")
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "m.keras")],
        env={**os.environ, "PYTHONHASHSEED": "1", "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        check=False,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    here = finish(tied_full, table_dtype="int4", dense_dtype="int8")
    assert process.stdout.split()[-1] == hashlib.sha256(here).hexdigest()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"table_dtype": "int3"}, "table_dtype: got 'int3', expected one of float32, float16, int"),
        ({"granularity": "per-row"}, "granularity: got 'per-row', expected one of per_row"),
        ({"dense_dtype": "int2"}, "dense_dtype: got 'int2', expected one of float32, int8, int4"),
        ({"codec": "zip"}, "codec: got 'zip', expected one of none, auto, raw, fixed"),
        ({"target": "flex"}, "target: got 'flex', expected one of builtin, delegate"),
    ],
)
def test_arguments_it_does_not_know(options, message):
    with pytest.raises(ConfigError, match=message):
        convert(None, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metadata": "x"}, "metadata: got 'x', expected a mapping"),
        ({"top_k": "3"}, "top_k: got '3', expected a whole number"),
        ({"transformed": []}, r"transformed: got \[\], expected a mapping"),
        ({"vocabulary": "v.parquet"}, "vocabulary: got 'v.parquet', expected a Vocabulary"),
        ({"codec": None}, "codec: got None, expected one of"),
    ],
)
def test_arguments_of_another_type_are_named(lookups, options, message):
    with pytest.raises(ConfigError, match=message):
        convert(lookups.model, **options)


def test_tables_of_equal_bytes_and_another_shape_are_two():
    import keras

    ids = keras.Input((3,), dtype="int32", name="ids")
    first = keras.layers.Embedding(16, 8, name="first")
    second = keras.layers.Embedding(8, 16, name="second")
    model = keras.Model(ids, {"first": first(ids), "second": second(ids)})
    second.embeddings.assign(first.embeddings.numpy().reshape(8, 16))
    given = IDS % 8
    found = run(convert(model, table_dtype="int8"), {"ids": given})
    for layer in (first, second):
        rows = quantize(layer.embeddings.numpy()).dequantize()[given]
        assert np.array_equal(found[layer.name], rows)


def test_lora_weights_are_merged_into_the_table_that_ships():
    import keras

    ids = keras.Input((3,), dtype="int32", name="ids")
    words = keras.layers.Embedding(50, 16, name="words")
    model = keras.Model(ids, words(ids))
    words.enable_lora(2)
    words.lora_embeddings_b.assign(np.ones((2, 16)))
    expected = np.array(model(IDS))
    assert np.abs(expected - np.array(words._embeddings)[IDS]).max() > 0.1
    plain = convert(model)
    np.testing.assert_allclose(run(plain, {"ids": IDS})["output_0"], expected, atol=1e-6)
    content = convert(model, table_dtype="int8")
    (table,) = inspect_model(content).tables
    assert (table.name, table.dtype, table.stored_bytes) == ("words/embeddings", "int8", 50 * 20)
    assert table_use(model).looked_up == ("words/embeddings",)
    # The model stays as it was.
    assert words.lora_enabled
    assert np.array_equal(model(IDS), expected)
