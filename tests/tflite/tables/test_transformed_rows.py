import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tflite.transformed_tables import close, random_transformed
from tfcompress import layers
from tfcompress.errors import ConfigError, ModelError
from tfcompress.models import build_sequence_ranker
from tfcompress.tflite import convert, inspect_model, pack, pack_model, tables_replaced, unpack
from tfcompress.tflite.compare import compare_with_keras
from tfcompress.tflite.compare import run as run_by_name
from tfcompress.tflite.convert import assemble
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.graph.prune import prune
from tfcompress.tflite.tables.constants import name_tables
from tfcompress.tflite.tables.metadata import read_metadata, write_metadata
from tfcompress.tflite.tables.table_dtype import store_tables
from tfcompress.tflite.tables.transformed_parts import MAX_CLASS_START, TransformedParts

NAME = "e/t"
OUT_OF_RANGE = (-1, 40, 2**31 - 1, -(2**31))


def stored(lookup_file, transformed, row=None, operator="GATHER"):
    """A lookup of a transformed table."""
    rows, columns = transformed.integers.shape
    table = np.random.default_rng(9).normal(size=(rows, *(row or [columns])))
    file, embeddings = lookup_file(table.astype(np.float32), operator)
    entries = store_tables(
        file, name_tables(file, embeddings), "float32", transformed={NAME: transformed}
    )
    prune(file)
    return file.to_bytes(), entries[NAME]


@settings(max_examples=25)
@given(
    rows=st.integers(1, 70),
    columns=st.integers(1, 9),
    classes=st.integers(1, 8),
    shrink=st.sampled_from([0.0, 0.125, 0.3]),
    rotated=st.booleans(),
    seed=st.integers(0, 99),
)
def test_rows_are_those_of_dequantize(
    lookup_file, run, rows, columns, classes, shrink, rotated, seed
):
    made = random_transformed(
        rows, columns, seed=seed, classes=classes, shrink=shrink, rotated=rotated
    )
    content, entry = stored(lookup_file, made)
    ids = np.arange(rows, dtype=np.int32)
    close(run(content, ids)[0], made.dequantize())
    assert np.array_equal(entry.value, made.dequantize())


@pytest.mark.parametrize("operator", ["GATHER", "EMBEDDING_LOOKUP"])
def test_any_number_of_ids_and_loud_ones(lookup_file, run, operator):
    made = random_transformed(40, 6)
    content, entry = stored(lookup_file, made, operator=operator)
    for count in (0, 1, 64):
        ids = np.random.default_rng(count).integers(0, 40, count).astype(np.int32)
        for xnnpack in (True, False):
            close(run(content, ids, xnnpack=xnnpack)[0], made.dequantize()[ids])
    assert (entry.dtype, entry.granularity, entry.snr_db) == ("int8", "per_class", 12.5)
    for bad in OUT_OF_RANGE:
        with pytest.raises(RuntimeError, match="gather index out of bounds"):
            run(content, np.array([0, bad, 1], np.int32))


@pytest.mark.parametrize("rotated", [True, False])
def test_rows_of_several_dimensions(lookup_file, run, rotated):
    made = random_transformed(40, 12, rotated=rotated)
    content, _ = stored(lookup_file, made, row=[3, 4])
    ids = np.array([3, 39], np.int32)
    close(run(content, ids)[0], made.dequantize()[ids].reshape(2, 3, 4))


def test_nothing_is_stored_for_a_row_but_its_integers(lookup_file):
    sizes = {rows: len(stored(lookup_file, random_transformed(rows, 8))[0]) for rows in (800, 4000)}
    assert abs(sizes[4000] - sizes[800] - 8 * 3200) <= 64


def test_classes_that_float32_cannot_tell_apart(lookup_file):
    made = random_transformed(40, 6)
    file, _ = lookup_file(np.zeros((40, 6), np.float32))
    object.__setattr__(made, "class_starts", np.array([0, MAX_CLASS_START + 1]))
    with pytest.raises(ConfigError, match=r"e/t has a class that starts at row 16777217"):
        TransformedParts.write(file, NAME, made, [6], is_rotated=True)


LENGTH, ITEMS, DIM = 5, 3000, 16
TABLES = ("item_embedding/embeddings", "output_items/embeddings")


@pytest.fixture(scope="module", params=["tied", "untied"])
def ranker(request):
    """A ranker, its transformed tables, and the file with them."""
    embedding = layers.FullEmbedding(ITEMS, DIM, name="item_embedding")
    output = layers.FullEmbedding(ITEMS, DIM, name="output_items")
    model = build_sequence_ranker(
        embedding,
        history_length=LENGTH,
        hidden_units=(8,),
        output=None if request.param == "tied" else output,
    )
    rng = np.random.default_rng(3)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))
    names = TABLES[:1] if request.param == "tied" else TABLES
    transformed = {
        name: random_transformed(ITEMS, DIM, seed=k, classes=20) for k, name in enumerate(names)
    }
    before = [np.array(weight) for weight in model.weights]
    content = convert(model, transformed=transformed)
    assert all(np.array_equal(*pair) for pair in zip(before, model.weights, strict=True))
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    for name, table in transformed.items():
        copy.get_layer(name.split("/")[0]).embeddings.assign(table.dequantize())
    return copy, transformed, content


@pytest.fixture(scope="module")
def ids():
    return np.random.default_rng(0).integers(0, ITEMS, (7, LENGTH)).astype(np.int32)


def test_a_ranker_is_keras_with_the_dequantised_tables(ranker, ids):
    model, transformed, content = ranker
    assert compare_with_keras(model, content, ids).relative < 1e-5
    assert compare_with_keras(model, content, ids[:1]).relative < 1e-5
    info = inspect_model(content)
    for table, entry in zip(info.tables, info.metadata["tables"], strict=True):
        made = transformed[table.name]
        assert (table.dtype, table.codec, table.snr_db) == ("int8", "none", 12.5)
        assert entry["granularity"] == "per_class"
        starts = made.class_starts.tolist()
        assert entry["transform"] == {
            "class_starts": starts,
            "steps": f"{table.name}/steps",
            "shrink": pytest.approx(0.1),
            "rotation": "folded",
            "rotation_bytes": 0,
        }
        lookups = 2 if len(transformed) == 1 else 1  # of rows, and of all rows
        side = 4 * len(starts) + lookups * 4 * (len(starts) - 1) + 4 + made.offset.nbytes
        assert table.stored_bytes == made.integers.nbytes + side
    assert info.table_bytes + info.dense_bytes + info.graph_bytes == info.file_bytes


@pytest.mark.parametrize("codec", ["rate", "auto"])
def test_packed_for_the_delegate_it_takes_what_the_codec_says(ranker, ids, codec, run):
    model, transformed, content = ranker
    packed = pack(content, codec=codec, target="delegate")
    assert compare_with_keras(model, packed, ids).relative < 1e-5
    plain, info = inspect_model(content), inspect_model(packed)
    for table, before in zip(info.tables, plain.tables, strict=True):
        made = transformed[table.name]
        assert table.codec == "rate"
        saved = before.stored_bytes - table.stored_bytes
        # Scores by one operator have all first rows as a constant, BUCKETIZE all but the first one.
        first = 4 if table.name == list(transformed)[-1] else 0
        assert saved == made.integers.nbytes - made.pack().nbytes - first
    assert [entry["transform"] for entry in info.metadata["tables"]] == [
        entry["transform"] for entry in plain.metadata["tables"]
    ]
    assert info.operators["tfcompress.scores"] == 1
    assert "RANGE" not in info.operators
    restored = unpack(packed)
    assert inspect_model(restored).operators == plain.operators
    assert np.array_equal(run(restored, ids)[0], run(content, ids)[0])
    again = pack(restored, codec=codec, target="delegate")
    assert inspect_model(again).tables == info.tables


def test_packed_for_builtin_operators(ranker, ids):
    model, transformed, content = ranker
    packed = pack(content)
    assert compare_with_keras(model, packed, ids).relative < 1e-5
    info = inspect_model(packed)
    codecs = {table.name: table.codec for table in info.tables}
    if len(transformed) == 1:
        assert codecs == {TABLES[0]: "none"}
    else:
        assert codecs == {TABLES[0]: "indexed", TABLES[1]: "none"}
    left = {constant.name: constant.reason for constant in pack_model(content).left}
    assert "only the delegate" in left[TABLES[len(transformed) - 1]]


def test_tables_of_every_layer(lookups):
    tables = {table.name: table for entry in lookups.embeddings for table in entry.tables}
    made = {
        name: random_transformed(table.rows, table.columns, seed=k, rotated=table.columns > 1)
        for k, (name, table) in enumerate(tables.items())
    }
    content = assemble(lookups.content, lookups.embeddings, transformed=made)
    value = {name: table.dequantize() for name, table in made.items()}
    ids = np.random.default_rng(5).integers(0, 50, (7, 3)).astype(np.int32)
    shared = value["memcom/U"][ids % 7]
    for packed in (content, pack(content), pack(content, target="delegate")):
        found = run_by_name(packed, {"ids": ids})
        close(found["wide"], value["wide/embeddings"][ids])
        close(found["keras"], value["keras/embeddings"][ids])
        close(found["narrow"], value["narrow/embeddings"][ids])
        close(found["hash"], value["hash/U"][ids % 7])
        close(found["memcom"], shared * value["memcom/v"][ids] + value["memcom/w"][ids])
    entries = {entry["name"]: entry for entry in inspect_model(content).metadata["embeddings"]}
    assert entries["memcom"]["snr_db"] < 10  # of the vectors, which are not those of the model


def test_damaged_classes_in_the_metadata(ranker):
    content = ranker[2]
    for starts in ([], [1, 5], [0, 7, 7], [0, ITEMS], [0, 2**70]):
        file = read(content)
        metadata = read_metadata(file)
        metadata["tables"][0]["transform"]["class_starts"] = starts
        write_metadata(file, metadata)
        with pytest.raises(ModelError, match=r"row classes that start at rows .*convert the model"):
            pack(file.to_bytes(), target="delegate")


def test_tables_that_do_not_go_with_the_model(tied_full, untied):
    name = "item_embedding/embeddings"
    made = {name: random_transformed(50, 8)}
    with pytest.raises(
        ConfigError, match=r"'item_embedding/embeddings' has integers \(50, 8\), th"
    ):
        assemble(tied_full.content, tied_full.embeddings, transformed=made)
    with pytest.raises(ConfigError, match="is of ndarray, expected a TransformedTable"):
        convert(tied_full.model, transformed={name: np.zeros((50, 16), np.float32)})
    made = {"items": random_transformed(50, 16)}
    for model in (tied_full, untied):
        with pytest.raises(ConfigError, match=r"no table 'items'; there is item_embedding/"):
            assemble(model.content, model.embeddings, transformed=made)
        with pytest.raises(ConfigError, match=r"no table 'items'; there is item_embedding/"):
            convert(model.model, transformed=made)


def test_coded_tables_of_equal_values_are_stored_once():
    ids = [keras.Input((3,), dtype="int32", name=name) for name in ("read", "liked")]
    tables = [keras.layers.Embedding(50, 16, name=name) for name in ("first", "second")]
    means = [keras.ops.mean(table(own), axis=1) for table, own in zip(tables, ids, strict=True)]
    model = keras.Model(ids, keras.ops.concatenate(means))
    coded = random_transformed(50, 16)
    made = {"first/embeddings": coded, "second/embeddings": coded}
    content = convert(model, transformed=made)
    inputs = [np.random.default_rng(0).integers(0, 50, (4, 3)).astype(np.int32) for _ in ids]
    with tables_replaced(model, made):
        assert compare_with_keras(model, content, inputs).relative < 1e-5
    assert len(inspect_model(content).tables) == 1
