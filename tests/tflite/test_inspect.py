import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tfcompress.errors import ModelError
from tfcompress.tflite.convert import assemble
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.inspect import inspect_model

MODELS = Path(__file__).resolve().parents[2].parent / "shared" / "models"


def classes(info):
    return info.table_bytes + info.dense_bytes + info.graph_bytes + info.vocabulary_bytes


@pytest.mark.parametrize("table_dtype", ["float32", "int8", "int4"])
def test_bytes_sum_to_the_file(tied_memcom, table_dtype):
    content = assemble(tied_memcom.content, tied_memcom.embeddings, table_dtype=table_dtype)
    info = inspect_model(content)
    assert classes(info) == info.file_bytes == len(content)
    assert min(info.table_bytes, info.dense_bytes, info.graph_bytes) > 0
    assert info.vocabulary_bytes == 0
    assert json.loads(json.dumps(info.to_json()))["bytes"]["tables"] == info.table_bytes


def test_tables_of_a_file_with_metadata(tied_memcom):
    content = assemble(tied_memcom.content, tied_memcom.embeddings, table_dtype="int8")
    info = inspect_model(content)
    found = {t.name: (t.rows, t.cols, t.dtype, t.stored_bytes) for t in info.tables}
    assert found == {
        # integers, scales, and the scale and zero point of the weights that scores read
        "item_embedding/U": (7, 16, "int8", 7 * 16 + 7 * 4 + 12),
        "item_embedding/v": (50, 1, "float16", 100),
        "item_embedding/w": (50, 1, "float16", 100),
    }
    assert info.tables[0].bits_per_value == pytest.approx(8 * info.tables[0].stored_bytes / 112)
    assert info.tables[0].snr_db > 40
    assert list(info.embedding_snr_db) == ["item_embedding"]
    assert info.embedding_snr_db["item_embedding"] > 35
    assert info.full_table_bytes == 50 * 16 * 4
    assert not {t.name for t in info.tables} & {c.name for c in info.constants}


def test_an_untied_output_matrix_is_the_first_constant(untied):
    info = inspect_model(assemble(untied.content, untied.embeddings, table_dtype="int4"))
    assert [table.name for table in info.tables] == ["item_embedding/U"]
    first = info.constants[0]
    assert (first.name, first.shape, first.dtype, first.bytes, first.used_by) == (
        "output_items/embeddings",
        (50, 16),
        "float32",
        3200,
        ("FULLY_CONNECTED",),
    )
    assert info.full_table_bytes == 50 * 16 * 4


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: setattr(file.subgraphs[0].tensors[0], "buffer", 10_000),
        lambda file: setattr(file.subgraphs[0].tensors[0], "type", 99),
        lambda file: setattr(file.subgraphs[0].operators[0], "opcodeIndex", 500),
        lambda file: setattr(file.subgraphs[0], "outputs", [10_000]),
    ],
)
def test_a_graph_that_contradicts_itself(tied_memcom, damage):
    file = read(tied_memcom.content)
    damage(file)
    with pytest.raises(ModelError, match=r"damaged \.tflite file"):
        inspect_model(file.to_bytes())


def test_ports_and_operators(tied_full):
    info = inspect_model(assemble(tied_full.content, tied_full.embeddings, top_k=3))
    assert [port.to_json() for port in info.inputs] == [
        {"name": "ids", "shape": (-1, 5), "dtype": "int32"}
    ]
    assert [(p.name, p.shape, p.dtype) for p in info.outputs] == [
        ("ids", (-1, 3), "int32"),
        ("scores", (-1, 3), "float32"),
    ]
    assert (info.operators["GATHER"], info.operators["TOPK_V2"]) == (1, 1)
    assert list(info.operators) == sorted(info.operators)


def test_a_file_made_elsewhere(lookup_file):
    table = np.ones((40, 3, 4), np.float32)
    file, _ = lookup_file(table)
    vector = file.add_constant(file.subgraphs[0], "vector", np.ones(7, np.float32))
    file.subgraphs[0].outputs.append(vector)
    content = file.to_bytes()
    info = inspect_model(content)
    assert [t.to_json() for t in info.tables] == [
        {
            "name": "weights",
            "rows": 40,
            "cols": 12,
            "dtype": "float32",
            "codec": "none",
            "stored_bytes": 1920,
            "bits_per_value": 32.0,
            "snr_db": None,
        }
    ]
    assert [(c.name, c.bytes, c.used_by) for c in info.constants] == [("vector", 28, ())]
    assert classes(info) == len(content)
    assert info.metadata is None
    assert info.full_table_bytes == 1920


def test_quantisation_parameters_are_the_tables(lookup_file):
    file, _ = lookup_file(np.ones((40, 12), np.int8), "EMBEDDING_LOOKUP")
    file.subgraphs[0].tensors[0].quantization = schema.QuantizationParametersT(
        scale=[0.5] * 40, zeroPoint=[0] * 40
    )
    (table,) = inspect_model(file.to_bytes()).tables
    assert (table.dtype, table.stored_bytes) == ("int8", 480 + 40 * 12)


def test_associated_files_are_the_vocabulary(lookup_file):
    content = lookup_file(np.ones((40, 12), np.float32))[0].to_bytes()
    stream = io.BytesIO(content)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("vocabulary.txt", "word\n" * 100)
    info = inspect_model(stream.getvalue())
    assert info.vocabulary_bytes == len(stream.getvalue()) - len(content) > 500
    assert classes(info) == info.file_bytes


GOLDEN = {
    "recommendation_rnn_i10o100.tflite": {
        "bytes": {"tables": 252992, "dense": 263684, "graph": 4820, "vocabulary": 0},
        "table": ("context_encoder_1/item_embedding_context/embeddings", 3953, 16, 252992),
        "first": ("std.constant17", (3953, 16), 252992, ("FULLY_CONNECTED",)),
        "inputs": [("serving_default_context:0", (10,), "int32")],
    },
    "average_word_embedding.tflite": {
        "bytes": {"tables": 640192, "dense": 1028, "graph": 2072, "vocabulary": 131015},
        "table": ("embedding_1/embeddings", 10003, 16, 640192),
        "first": ("sequential_1/dense_2/MatMul", (16, 16), 1024, ("FULLY_CONNECTED",)),
        "inputs": [("input_2", (-1, 256), "int32")],
    },
}


@pytest.mark.parametrize("name", GOLDEN)
def test_models_of_others(name):
    path = MODELS / name
    if not path.exists():
        pytest.skip(f"{path} is not here")
    content = path.read_bytes()
    info = inspect_model(content)
    first = info.constants[0]
    assert {
        "bytes": info.to_json()["bytes"],
        "table": next((t.name, t.rows, t.cols, t.stored_bytes) for t in info.tables),
        "first": (first.name, first.shape, first.bytes, first.used_by),
        "inputs": [(port.name, port.shape, port.dtype) for port in info.inputs],
    } == GOLDEN[name]
    assert len(info.tables) == 1
    assert classes(info) == len(content) == path.stat().st_size


def test_what_packing_cannot_help_has_the_bytes_that_ship():
    """With scales and zero points, as the constants below."""
    models = Path(__file__).parents[2] / "tflite_models"
    shown = inspect_model((models / "full-int8.tflite").read_bytes())
    sizes = {constant.name: constant.bytes for constant in shown.constants}
    assert {left.name: left.bytes for left in shown.unpackable}.items() <= sizes.items()
    assert shown.unpackable[0].bytes == 3002 * (16 + 4 + 8)
