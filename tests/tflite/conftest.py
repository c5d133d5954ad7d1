"""Small models, each exported once, and files built without Keras."""

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tfcompress.tflite.graph.flatbuffer import TfliteFile
from tfcompress.tflite.packing import packed_bytes
from tfcompress.tflite.runtime.delegate import delegates_for
from tfcompress.tflite.tables.constants import ModelEmbedding, ModelTable, model_embeddings

N, D, LENGTH = 50, 16, 5
NO_DELEGATES = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Converting needs Keras on TensorFlow; elsewhere these tests show as skipped."""
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        here = Path(__file__).parent
        for item in items:
            if here in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="needs KERAS_BACKEND=tensorflow"))


def interpreter(content: bytes, *, xnnpack: bool = True) -> Interpreter:
    """An interpreter of a file, with our delegate where it needs that."""
    return Interpreter(
        model_content=content,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.AUTO if xnnpack else NO_DELEGATES,
        experimental_delegates=delegates_for(content),
    )


@pytest.fixture
def pack_whatever_it_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small tables, which would not get smaller, are packed too."""
    monkeypatch.setattr(packed_bytes, "_TABLE_OVERHEAD", -(10**9))


@pytest.fixture(scope="session")
def run() -> Callable[..., list[np.ndarray]]:
    """Runs a file on inputs in the order of its input tensors, after resizing them."""

    def run_file(content: bytes, *inputs: np.ndarray, xnnpack: bool = True) -> list[np.ndarray]:
        made = interpreter(content, xnnpack=xnnpack)
        details = made.get_input_details()
        for detail, value in zip(details, inputs, strict=True):
            made.resize_tensor_input(detail["index"], value.shape)
        made.allocate_tensors()
        for detail, value in zip(details, inputs, strict=True):
            made.set_tensor(detail["index"], value)
        made.invoke()
        return [made.get_tensor(d["index"]) for d in made.get_output_details()]

    return run_file


@pytest.fixture(scope="session")
def lookup_file() -> Callable[..., tuple[TfliteFile, list[ModelEmbedding]]]:
    """A file that looks up rows of a table, and the table as an embedding named "e"."""

    def build(table: np.ndarray, operator: str = "GATHER") -> tuple[TfliteFile, Any]:
        subgraph = schema.SubGraphT(tensors=[], operators=[], inputs=[], outputs=[], name="main")
        model = schema.ModelT(
            version=3, operatorCodes=[], subgraphs=[subgraph], buffers=[schema.BufferT()]
        )
        file = TfliteFile(model)
        weights = file.add_constant(subgraph, "weights", table)
        ids = file.add_tensor(subgraph, "ids", [1], schema.TensorType.INT32, signature=[-1])
        row = table.shape[1:]
        kind = subgraph.tensors[weights].type
        rows = file.add_tensor(subgraph, "rows", [1, *row], kind, signature=[-1, *row])
        if operator == "GATHER":
            made = file.operator("GATHER", [weights, ids], [rows], schema.GatherOptionsT())
        else:
            made = file.operator("EMBEDDING_LOOKUP", [ids, weights], [rows])
        subgraph.operators = [made]
        subgraph.inputs, subgraph.outputs = [ids], [rows]
        layer = SimpleNamespace(input_dim=len(table), output_dim=int(np.prod(row)))
        return file, [ModelEmbedding("e", layer, (ModelTable("e/t", table),))]

    return build


def _exported(model: Any, seed: int) -> SimpleNamespace:
    from tfcompress.tflite.export import export

    rng = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))
    return SimpleNamespace(model=model, content=export(model), embeddings=model_embeddings(model))


@pytest.fixture(scope="session")
def lookups() -> SimpleNamespace:
    """ids (batch, 3) -> rows of five embeddings, one output each."""
    import keras

    from tfcompress import layers

    ids = keras.Input((3,), dtype="int32", name="ids")
    made = {
        "hash": layers.HashEmbedding(N, D, 7, name="hash"),
        "keras": keras.layers.Embedding(N, D, name="keras"),
        "memcom": layers.MEmComEmbedding(N, D, 7, use_bias=True, name="memcom"),
        "narrow": layers.FullEmbedding(N, 4, name="narrow"),
        "wide": layers.FullEmbedding(N, D, name="wide"),
    }
    model = keras.Model(ids, {name: layer(ids) for name, layer in made.items()}, name="lookups")
    return _exported(model, seed=1)


def _ranker(embedding: Any, output: Any, seed: int) -> SimpleNamespace:
    from tfcompress.models import build_sequence_ranker

    model = build_sequence_ranker(
        embedding, history_length=LENGTH, hidden_units=(8,), output=output
    )
    return _exported(model, seed)


@pytest.fixture(scope="session")
def tied_full() -> SimpleNamespace:
    """A ranker whose scores are taken against its input table."""
    from tfcompress import layers

    return _ranker(layers.FullEmbedding(N, D, name="item_embedding"), None, seed=2)


@pytest.fixture(scope="session")
def tied_memcom() -> SimpleNamespace:
    """The same with a MEmCom embedding."""
    from tfcompress import layers

    embedding = layers.MEmComEmbedding(N, D, 7, use_bias=True, name="item_embedding")
    return _ranker(embedding, None, seed=3)


@pytest.fixture(scope="session")
def untied() -> SimpleNamespace:
    """A ranker with a hashed input table and an output matrix of its own."""
    from tfcompress import layers

    return _ranker(
        layers.HashEmbedding(N, D, 7, name="item_embedding"),
        layers.FullEmbedding(N, D, name="output_items"),
        seed=4,
    )


@pytest.fixture
def histories() -> np.ndarray:
    """Seven histories of LENGTH ids."""
    return np.random.default_rng(0).integers(2, N, (7, LENGTH)).astype(np.int32)
