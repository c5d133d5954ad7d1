import json
import shutil

import keras
import numpy as np
import pyarrow as pa
import pytest

from tfcompress.tflite import inspect_model
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.vocabulary import Vocabulary


@pytest.mark.parametrize("table_dtype", ["float32", "float16", "int8", "int4"])
def test_a_run_becomes_one_file(tfcompress, runs, tmp_path, table_dtype):
    out = tmp_path / "model.tflite"
    done = tfcompress("convert", runs / "memcom", "--out", out, "--table-dtype", table_dtype)
    assert done.code == 0, done.err
    assert "difference from Keras at most" in done.out
    assert "examples of the test split" in done.out
    info = inspect_model(out.read_bytes())
    assert {table.name for table in info.tables} == {"item_embedding/U", "item_embedding/v"}
    assert info.tables[0].dtype == table_dtype
    assert info.metadata["trained_on"]["name"] == "interactions.csv"


def test_a_dry_run_writes_nothing_and_predicts_the_bytes(tfcompress, runs, tmp_path):
    out = tmp_path / "model.tflite"
    words = ["convert", runs / "full", "--out", out, "--table-dtype", "int8"]
    dry = tfcompress(*words, "--dry-run")
    assert dry.code == 0
    assert not out.exists()
    real = tfcompress(*words)
    predicted = int(dry.out.split(" bytes = ")[0].splitlines()[-1].replace(",", ""))
    assert abs(predicted - out.stat().st_size) <= 0.01 * out.stat().st_size
    assert real.out.split(" bytes = ")[1] in dry.out


def test_an_existing_file_is_kept_unless_told_otherwise(tfcompress, runs, tmp_path):
    out = tmp_path / "model.tflite"
    out.write_text("precious")
    done = tfcompress("convert", runs / "full", "--out", out)
    assert done.code == 2
    assert "--overwrite" in done.err
    assert out.read_text() == "precious"
    assert tfcompress("convert", runs / "full", "--out", out, "--overwrite").code == 0
    assert out.read_bytes()[4:8] == b"TFL3"


def test_a_tied_ranker_has_no_output_matrix(tfcompress, runs, tmp_path):
    out = tmp_path / "model.tflite"
    assert tfcompress("convert", runs / "tied", "--out", out, "--table-dtype", "int8").code == 0
    info = inspect_model(out.read_bytes())
    n = info.metadata["model"]["input_dim"]
    assert all(np.prod(constant.shape) < n * 16 for constant in info.constants)


def test_top_k_and_int8_dense_weights(tfcompress, runs, tmp_path):
    out = tmp_path / "model.tflite"
    words = ["convert", runs / "full", "--out", out, "--top-k", 5, "--dense-dtype", "int8"]
    assert tfcompress(*words).code == 0
    info = inspect_model(out.read_bytes())
    assert {port.name for port in info.outputs} == {"ids", "scores"}


def test_any_keras_model_converts(tfcompress, tmp_path):
    word, shop = (
        keras.Input((4,), dtype="int32", name="word"),
        keras.Input((), dtype="int32", name="shop"),
    )
    table = keras.layers.Embedding(50, 8, name="words")
    pooled = keras.layers.GlobalAveragePooling1D()(table(word))
    both = keras.layers.Concatenate()([pooled, keras.layers.Embedding(20, 8, name="shops")(shop)])
    path = tmp_path / "own.keras"
    keras.Model([word, shop], keras.layers.Dense(3)(both)).save(path)
    done = tfcompress("convert", path, "--out", tmp_path / "own.tflite", "--table-dtype", "int4")
    assert done.code == 0, done.err
    names = {table.name for table in inspect_model((tmp_path / "own.tflite").read_bytes()).tables}
    assert names == {"words/embeddings", "shops/embeddings"}


@pytest.mark.parametrize("name", ["nothing.keras", "text.keras", "folder"])
def test_what_is_no_model_is_named(tfcompress, tmp_path, name):
    (tmp_path / "text.keras").write_text("no model")
    (tmp_path / "folder").mkdir()
    done = tfcompress("convert", tmp_path / name, "--out", tmp_path / "x.tflite")
    assert done.code == 2
    assert name in done.err
    assert done.err.count("\n") == 1


@pytest.fixture(scope="module")
def with_vocabulary(runs, tmp_path_factory):
    """A model whose file holds its vocabulary, in a folder of its own."""
    from tfcompress_cli.main import run

    out = tmp_path_factory.mktemp("vocabulary") / "model.tflite"
    assert run(["convert", str(runs / "full"), "--out", str(out), "--vocabulary"]) == 0
    return out


def test_the_vocabulary_is_inside_and_counted(tfcompress, runs, with_vocabulary, tmp_path):
    from tfcompress.tflite import open_model, read_vocabulary
    from tfcompress.training import Run

    expected = Run(runs / "full").vocabulary()
    found = read_vocabulary(with_vocabulary)
    assert found.tokens() == expected.tokens.to_pylist()
    assert found.encode(["app-7", "absent"]) == expected.encode(["app-7", "absent"]).tolist()
    open_model(with_vocabulary).allocate_tensors()
    out = tmp_path / "inspect.json"
    shown = tfcompress("inspect", with_vocabulary, "--json", out)
    (info,) = json.loads(out.read_text())
    assert sum(info["bytes"].values()) == info["file_bytes"] == with_vocabulary.stat().st_size
    assert found.num_bytes < info["bytes"]["vocabulary"] < found.num_bytes + 200
    assert info["vocabulary"] == {
        "size": expected.size,
        "kind": "strings",
        "bytes": found.num_bytes,
    }
    assert f"Vocabulary: {len(expected.tokens)} strings" in shown.out
    dry = tfcompress(
        "convert", runs / "full", "--out", tmp_path / "dry.tflite", "--vocabulary", "--dry-run"
    )
    assert shown.out.split(" bytes = ")[1].splitlines()[0] in dry.out


def test_remap_reads_the_vocabulary_inside(tfcompress, with_vocabulary, interactions, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text(interactions.read_text() + "u0,app-new,99\n")
    skipped = ["--skip", "latency", "--skip", "memory"]
    done = tfcompress("measure", with_vocabulary, "--data", other, "--remap", *skipped)
    assert done.code == 0, done.err


def test_a_model_without_a_vocabulary_is_named(tfcompress, runs, tmp_path):
    source, out = tmp_path / "model.keras", tmp_path / "model.tflite"
    shutil.copy(runs / "full" / "model.keras", source)
    words = ["convert", source, "--out", out, "--vocabulary"]
    done = tfcompress(*words)
    assert done.code == 2
    assert f"{tmp_path / 'vocabulary.parquet'} is not there" in done.err
    Vocabulary(pa.array(["x"]), np.array([1])).save(tmp_path / "vocabulary.parquet")
    done = tfcompress(*words)
    assert done.code == 2
    assert "vocabulary: it has 3 ids, the model's embeddings" in done.err
    shutil.copy(runs / "full" / "vocabulary.parquet", tmp_path)
    assert tfcompress(*words).code == 0


def test_converting_packs_the_tables(tfcompress, runs, tmp_path):
    out = tmp_path / "model.tflite"
    words = ["convert", runs / "full", "--out", out, "--table-dtype", "int8", "--codec", "raw"]
    done = tfcompress(*words)
    assert (done.code, "codec: 'raw' needs target 'delegate'" in done.err) == (2, True)
    assert not out.exists()
    unpacked = tfcompress(*words[:-2], "--target", "delegate")
    assert (unpacked.code, "--target: 'delegate' decodes packed" in unpacked.err) == (2, True)
    assert not out.exists()
    done = tfcompress(*words, "--target", "delegate")
    assert done.code == 0, done.err
    assert "packed table" in done.out
    assert "difference from Keras at most" in done.out
    info = inspect_model(out.read_bytes())
    assert (info.tables[0].codec, info.tables[0].dtype) == ("raw", "int8")
    assert info.tables[0].snr_db > 30


def test_dense_layers_are_clustered_before_converting(tfcompress, runs, tmp_path):
    out = tmp_path / "model.tflite"
    done = tfcompress("convert", runs / "full", "--out", out, "--dense", "cluster:4")
    assert done.code == 0, done.err
    assert "the .tflite against the trained model: validation ndcg@10" in done.out
    file = read(out.read_bytes())
    kernels = [
        np.asarray(file.data(tensor)).view(np.float32)
        for tensor in file.subgraphs[0].tensors
        if tensor.shape is not None and list(tensor.shape) == [16, 32]
    ]
    assert [len(np.unique(kernel)) for kernel in kernels] == [4]


@pytest.mark.parametrize(
    ("source", "words", "message"),
    [
        ("full", ["--dense", "prune"], "dense: got 'prune', expected prune:0.5"),
        ("full", ["--dense", "qat", "--max-loss", "1%"], "leave it or the budget out"),
        ("full/model.keras", ["--dense", "qat"], "convert a run directory"),
    ],
)
def test_dense_layers_that_cannot_be_are_one_line(
    tfcompress, runs, tmp_path, source, words, message
):
    out = tmp_path / "model.tflite"
    done = tfcompress("convert", runs / source, "--out", out, *words)
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert message in done.err
    assert not out.exists()
