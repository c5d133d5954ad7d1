"""Packing by `--target delegate`: same rows, and everything else in the file as it was."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.tflite.lookup_models import (
    COLUMNS,
    LARGE,
    ROWS,
    Type,
    add_lookup,
    empty_file,
    lookup_model,
    packed_by,
    table,
)
from tfcompress import codec as row_codec
from tfcompress.codec import PackedTable
from tfcompress.errors import ConfigError, ModelError
from tfcompress.tflite.graph.fields import indices, text
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.inspect import inspect_model
from tfcompress.tflite.packing.pack import pack, pack_model
from tfcompress.tflite.packing.unpack import unpack

MODELS = Path(__file__).resolve().parents[3].parent / "shared" / "models"
VERY_LARGE = 12_000
SCALES = np.random.default_rng(3).uniform(0.01, 2, ROWS).astype(np.float32)


PLAIN = {
    "int8": lambda: lookup_model(table("int8")),
    "uint8": lambda: lookup_model(table("uint8"), rank=0),
    "int4": lambda: lookup_model(table("int4"), int4=True),
    "float16": lambda: lookup_model(table("float16")),
    "float32": lambda: lookup_model(table("float32").reshape(ROWS, 4, 4), rank=2),
    "EMBEDDING_LOOKUP": lambda: lookup_model(table("float32"), operator="EMBEDDING_LOOKUP"),
    "scaled int8": lambda: lookup_model(table("int8"), operator="EMBEDDING_LOOKUP", scale=SCALES),
    "scaled int4": lambda: lookup_model(
        table("int4"), operator="EMBEDDING_LOOKUP", int4=True, scale=SCALES
    ),
}


@pytest.mark.parametrize("codec", ["raw", "fixed", "indexed", "context", "predictive", "rate"])
@pytest.mark.parametrize("name", PLAIN)
def test_the_same_rows(name, codec, run, pack_whatever_it_costs):
    plain = PLAIN[name]()
    packing = pack_model(plain, codec=codec, target="delegate")
    if codec in ("predictive", "rate") and name in ("float16", "float32", "EMBEDDING_LOOKUP"):
        assert packing.packed == ()
        assert f"'{codec}' is for int8" in packing.left[0].reason
        return
    assert [done.codec for done in packing.packed] == [codec]
    back = unpack(packing.content)
    rank = len(read(plain).subgraphs[0].tensors[1].shape)
    for batch in (0, 1, 7, 512) if rank else (1,):
        ids = np.random.default_rng(batch).integers(0, ROWS, (batch, 3)[:rank]).astype(np.int32)
        expected = run(plain, ids)[0]
        for content in (packing.content, back):
            found = run(content, ids)[0]
            assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
            assert found.tobytes() == expected.tobytes()


def test_a_packed_lookup_is_one_custom_operator():
    plain = lookup_model(table("int8", LARGE))
    before = read(plain).subgraphs[0]
    file = read(packed_by(plain, "delegate"))
    (graph,) = file.subgraphs
    (operator,) = graph.operators
    code = file.model.operatorCodes[operator.opcodeIndex]
    assert (file.operator_name(operator), code.version) == ("tfcompress.lookup", 1)
    assert bytes(operator.customOptions) == b"\x01"
    ids, packed = (graph.tensors[index] for index in operator.inputs)
    assert text(ids.name) == "ids"
    assert (packed.type, len(packed.shape), text(packed.name)) == (Type.UINT8, 1, "table")
    opened = PackedTable.from_bytes(file.data(packed))
    assert np.array_equal(opened.unpack(), table("int8", LARGE))
    rows, old = graph.tensors[operator.outputs[0]], before.tensors[before.outputs[0]]
    assert (rows.name, rows.type) == (old.name, old.type)
    assert indices(rows.shapeSignature) == indices(old.shapeSignature)


def test_what_an_entry_of_the_metadata_says():
    content = pack(lookup_model(table("int8", LARGE)), codec="indexed", target="delegate")
    entry = json.loads(read(content).metadata("tfcompress"))
    (described,) = entry["tables"]
    packed = described.pop("packed")
    assert described == {
        "name": "table",
        "rows": LARGE,
        "cols": COLUMNS,
        "dtype": "int8",
        "codec": "indexed",
        "snr_db": None,
        "tensors": ["table"],
    }
    assert (packed["target"], packed["operator"]) == ("delegate", "GATHER")
    assert packed["raw_bytes"] == LARGE * COLUMNS > packed["packed_bytes"]
    assert read(unpack(content)).metadata("tfcompress") is None


def test_inspect_shows_packed_tables_with_and_without_metadata():
    content = packed_by(lookup_model(table("int8", LARGE)), "delegate")
    (found,) = inspect_model(content).tables
    file = read(content)
    file.remove_metadata("tfcompress")
    assert inspect_model(file.to_bytes()).tables == (found,)
    assert (found.rows, found.cols, found.dtype) == (LARGE, COLUMNS, "int8")
    assert found.codec != "none"
    assert found.bits_per_value < 5
    plain = unpack(file.to_bytes())
    assert inspect_model(plain).tables[0].codec == "none"


def two_subgraphs() -> bytes:
    """One table looked up twice in the first subgraph and once in the second, by signatures."""
    file = empty_file()
    file.model.subgraphs.append(
        schema.SubGraphT(tensors=[], operators=[], inputs=[], outputs=[], name="other")
    )
    buffer = file.add_buffer(table("int8", VERY_LARGE))
    signatures = []
    for number, lookups in enumerate((2, 1)):
        for _ in range(lookups):
            add_lookup(file, buffer, [VERY_LARGE, COLUMNS], Type.INT8, subgraph=number)
        graph = file.subgraphs[number]
        signatures.append(
            schema.SignatureDefT(
                inputs=[
                    schema.TensorMapT(name=f"ids{k}", tensorIndex=index)
                    for k, index in enumerate(graph.inputs)
                ],
                outputs=[
                    schema.TensorMapT(name=f"rows{k}", tensorIndex=index)
                    for k, index in enumerate(graph.outputs)
                ],
                signatureKey=f"signature{number}",
                subgraphIndex=number,
            )
        )
    file.model.signatureDefs = signatures
    return file.to_bytes()


@pytest.mark.parametrize("make", [bytes, lambda plain: pack(plain, target="delegate")])
def test_inspect_shows_a_table_once_whatever_reads_it(make):
    file = read(make(two_subgraphs()))
    file.remove_metadata("tfcompress")
    shown = inspect_model(file.to_bytes())
    (found,) = shown.tables
    assert found.stored_bytes == shown.table_bytes
    assert shown.full_table_bytes == VERY_LARGE * COLUMNS * 4


@pytest.mark.parametrize("target", ["delegate", "builtin"])
def test_one_copy_for_several_lookups_subgraphs_and_signatures(target):
    from tests.tflite.conftest import interpreter

    plain = two_subgraphs()
    content = packed_by(plain, target)
    assert len(content) < len(plain)
    ids = np.array([1, VERY_LARGE - 1], np.int32)
    for file in (content, unpack(content)):
        made = interpreter(file)
        for number, lookups in enumerate((2, 1)):
            runner = made.get_signature_runner(f"signature{number}")
            rows = runner(**{f"ids{k}": ids for k in range(lookups)})
            for k in range(lookups):
                assert np.array_equal(rows[f"rows{k}"], table("int8", VERY_LARGE)[ids])
    (done,) = inspect_model(content).tables
    assert done.stored_bytes < 0.7 * VERY_LARGE * COLUMNS


@pytest.mark.parametrize("target", ["delegate", "builtin"])
def test_a_model_that_must_be_resized_before_it_is_prepared(target, run):
    file = read(lookup_model(table("int8", LARGE)))
    (graph,) = file.subgraphs
    shape = file.add_constant(graph, "shape", np.array([-1, 6 * COLUMNS], np.int32))
    joined = file.add_tensor(graph, "joined", [1, 6 * COLUMNS], Type.INT8)
    options = schema.ReshapeOptionsT()
    graph.operators.append(file.operator("RESHAPE", [*graph.outputs, shape], [joined], options))
    graph.outputs = [joined]
    ids = np.arange(12, dtype=np.int32)
    ids = np.arange(12, dtype=np.int32)
    rows = table("int8", LARGE)[ids].reshape(2, -1)
    assert np.array_equal(run(packed_by(file.to_bytes(), target), ids)[0], rows)


def test_the_archive_behind_the_flatbuffer_stays():
    stream = io.BytesIO(lookup_model(table("int8", LARGE)))
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("labels.txt", "one\ntwo\n")
        archive.comment = b"by hand"
    content = packed_by(stream.getvalue(), "delegate")
    for made in (content, unpack(content)):
        archive = zipfile.ZipFile(io.BytesIO(made))
        assert (archive.read("labels.txt"), archive.comment) == (b"one\ntwo\n", b"by hand")


@pytest.mark.parametrize("rows", range(500, 1000, 100))
@pytest.mark.parametrize("target", ["builtin", "delegate"])
def test_no_file_gets_larger(target, rows):
    # About where float32 rows of 16 save as much as the operators that decode them take.
    values = np.random.default_rng(0).uniform(-0.05, 0.05, (rows, 16)).astype(np.float32)
    plain = lookup_model(values)
    assert len(pack(plain, target=target)) <= len(plain)


@pytest.mark.parametrize("scale", [10, 0.6])
def test_what_a_file_takes_over_its_packed_table(scale):
    drawn = np.random.default_rng(0).laplace(0, scale, (20_000, 32))
    rows = np.clip(np.rint(drawn), -127, 127).astype(np.int8)
    plain, least = lookup_model(rows), row_codec.pack(rows, "indexed").nbytes
    most = {"few-ids": 36_000, "many-ids": 84_000}
    for decoder, over in most.items():
        assert len(pack(plain, codec="indexed", decoder=decoder)) <= least + over
    assert len(packed_by(plain, "delegate")) <= least + 4_000


def test_the_rows_of_quantised_tables_keep_their_parameters(run):
    file = read(lookup_model(table("int8", LARGE)))
    for index in (0, 2):
        file.subgraphs[0].tensors[index].quantization = schema.QuantizationParametersT(
            scale=[0.25], zeroPoint=[3]
        )
    for target in ("delegate", "builtin"):
        content = packed_by(file.to_bytes(), target)
        for made in (content, unpack(content)):
            graph = read(made).subgraphs[0]
            assert graph.tensors[graph.outputs[0]].quantization.scale == [0.25]
        table_tensor = next(t for t in graph.tensors if text(t.name) == "table")
        assert list(table_tensor.quantization.zeroPoint) == [3]


@pytest.mark.parametrize("target", ["delegate", "builtin"])
def test_a_table_that_is_cut_off_is_damage(target):
    file = read(lookup_model(table("int8", LARGE)))
    buffer = max(
        file.model.buffers, key=lambda buffer: 0 if buffer.data is None else len(buffer.data)
    )
    buffer.data = np.array(buffer.data)[:-1]
    with pytest.raises(ModelError, match=r"damaged \.tflite file: its graph cannot be followed"):
        pack(file.to_bytes(), target=target)


def test_a_signature_of_no_tensor_is_damage():
    file = read(lookup_model(table("int8", LARGE)))
    entry = schema.TensorMapT(name="ids", tensorIndex=99)
    file.model.signatureDefs = [schema.SignatureDefT(inputs=[entry], outputs=[], subgraphIndex=0)]
    with pytest.raises(ModelError, match=r"damaged \.tflite file: its graph cannot be followed"):
        pack(file.to_bytes())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"codec": "zip"}, "codec: got 'zip', expected one of auto, raw, fixed"),
        ({"target": "gpu"}, "target: got 'gpu', expected one of builtin, delegate"),
        ({"decoder": "one"}, "decoder: got 'one', expected one of auto, few-ids, many-ids"),
        ({"target": "delegate", "decoder": "few-ids"}, "decoder: 'few-ids' is for target"),
    ],
)
def test_arguments_it_does_not_know(options, message):
    with pytest.raises(ConfigError, match=message):
        pack(b"", **options)


@pytest.mark.parametrize("target", ["delegate", "builtin"])
@pytest.mark.parametrize(
    "name", ["average_word_embedding.tflite", "recommendation_rnn_i10o100.tflite"]
)
def test_models_of_others(name, target, run):
    path = MODELS / name
    if not path.exists():
        pytest.skip(f"{path} is not here")
    plain = path.read_bytes()
    content = packed_by(plain, target)
    assert len(content) < len(plain)
    port = inspect_model(plain).inputs[0]
    limit = inspect_model(plain).tables[0].rows
    shape = [abs(size) for size in port.shape]
    for seed in range(3):
        ids = np.random.default_rng(seed).integers(0, limit, shape).astype(np.int32)
        expected = run(plain, ids)
        for made in (content, unpack(content)):
            found = run(made, ids)
            assert [a.tobytes() for a in found] == [b.tobytes() for b in expected]
    first = inspect_model(content).unpackable
    assert [c.name for c in first] == (["std.constant17"] if "rnn" in name else [])
