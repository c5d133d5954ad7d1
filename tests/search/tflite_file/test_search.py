"""Tables of .tflite files coded within a budget: what the files then give, and what they take."""

import re
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("files are made by TensorFlow", allow_module_level=True)

from tests.tflite.lookup_models import lookup_model
from tfcompress import layers, tflite
from tfcompress.errors import ConfigError
from tfcompress.models import build_sequence_ranker
from tfcompress.peers import convert_peer
from tfcompress.search import Budget, pack_lossy
from tfcompress.search.settings import Settings
from tfcompress.search.tflite_file.tables import FileTables
from tfcompress.tflite.compare import run
from tfcompress.tflite.packing.lookups import is_output_matrix

N, D, LENGTH = 1500, 16, 6
TABLE = "item_embedding/embeddings"
COUNTS = np.append([0, 0], 20_000 // (np.arange(N - 2) + 1))
METADATA = {
    "model": {"kind": "sequence-ranker", "history_length": LENGTH, "input_dim": N},
    "trained_on": {"sha256": "0" * 64},
}
MODELS = Path(__file__).parents[3] / ".." / "shared" / "models"


def ranker(*, tied=False, columns=D):
    keras.utils.set_random_seed(0)
    table = layers.FullEmbedding(N, columns, name="item_embedding")
    output = None if tied else layers.FullEmbedding(N, columns, name="output_items")
    model = build_sequence_ranker(table, history_length=LENGTH, hidden_units=(8,), output=output)
    rng = np.random.default_rng(0)
    # Rows of many lengths, in no order.
    rows = rng.normal(size=(N, columns)) * rng.uniform(0.1, 1, (N, 1))
    table.embeddings.assign(rows * np.linspace(0.2, 2, columns))
    model.get_layer("item_bias").bias.assign(np.log1p(COUNTS))
    return model


@pytest.fixture(scope="module")
def files():
    """One model in the number types that there are, by name."""
    model = ranker()
    made = {
        dtype: tflite.convert(model, table_dtype=dtype, metadata=METADATA)
        for dtype in ("float32", "float16", "int8", "int4")
    }
    made["int8-table"] = tflite.convert(model, table_dtype="int8", granularity="per_table")
    made["packed"] = tflite.pack(made["int4"], codec="raw", target="delegate")
    for peer in ("edge-int8", "edge-int4", "converter-default", "edge-int8-whole"):
        made[peer] = convert_peer(peer, model, metadata=METADATA)
    return made


IDS = np.random.default_rng(1).integers(0, N, (8, LENGTH)).astype(np.int32)


def outputs(content):
    (scores,) = run(content, {"ids": IDS}).values()
    return scores


def assert_gives_the_coded(made, content, **how):
    """The same as the file with its tables replaced by coded ones, as floats."""
    expected = outputs(FileTables(content, **how).content(made.found.tables))
    for packed in (made.packing.content, tflite.unpack(made.packing.content)):
        found = outputs(packed)
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


NAMES = [
    *("float32", "float16", "int8", "int4", "int8-table", "packed"),
    *("edge-int8", "edge-int4", "converter-default"),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("target", ["builtin", "delegate"])
def test_every_number_type_is_coded(files, name, target):
    content = files[name]
    made = pack_lossy(content, Budget(snr_db=12), target=target, counts=COUNTS)
    assert made.found.chosen.quality >= 12
    tables = FileTables(content, counts=COUNTS)
    assert tables.snr_db(tables.encode(made.found.chosen.settings)) == made.found.chosen.quality
    assert_gives_the_coded(made, content)
    info = tflite.inspect_model(made.packing.content)
    (table,) = [table for table in info.tables if (table.rows, table.cols) == (N, D)]
    assert table.dtype == "int8"
    assert table.codec in (("rate",) if target == "delegate" else ("indexed", "fixed"))
    assert table.stored_bytes <= made.found.chosen.nbytes + 4 * 64
    assert table.stored_bytes < made.found.float_bytes / 4
    assert table.name in info.transforms
    plain = tflite.inspect_model(tflite.unpack(made.packing.content))
    assert plain.transforms == info.transforms


@pytest.mark.parametrize("name", ["float32", "int8", "converter-default", "edge-int8-whole"])
def test_an_output_matrix_is_coded_where_that_is_asked_for(files, name):
    content = files[name]
    made = pack_lossy(
        content, Budget(snr_db=12), target="delegate", counts=COUNTS, code_output=True
    )
    assert_gives_the_coded(made, content, code_output=True)
    info = tflite.inspect_model(made.packing.content)
    tables = [table for table in info.tables if table.rows == N]
    assert sum("output_items" in table.name for table in tables) == 1
    assert sum("item_embedding" in table.name for table in tables) == 1
    for table in tables:
        assert (table.rows, table.cols, table.codec) == (N, D, "rate")
    assert len(made.packing.content) < len(content) / 3
    with pytest.raises(ConfigError, match="code_output: target 'builtin' cannot"):
        pack_lossy(content, Budget(snr_db=12), target="builtin", code_output=True)


def test_layers_of_a_tower_are_no_output_matrices():
    shapes = [(3000, 16), (128, 16), (127, 16), (64, 64), (3000,), (8, 4, 3)]
    assert [is_output_matrix(shape) for shape in shapes] == [True, True, *[False] * 4]


def test_rare_rows_that_are_scored_are_shrunk_where_biases_make_up_for_it(files):
    tied = tflite.convert(ranker(tied=True), metadata=METADATA)
    settings = Settings(0.05, 0.0, 0.0, rotation=False, rare_shrinkage=3.0)
    for content, inputs, is_shrunk in (
        (tied, None, False),
        (tied, HISTORIES, True),
        (files["float32"], None, True),
    ):
        tables = FileTables(content, counts=COUNTS, inputs=inputs)
        (shrunk,) = tables.encode(settings).tables.values()
        (whole,) = tables.encode(replace(settings, rare_shrinkage=0.0)).tables.values()
        lengths = [np.linalg.norm(table.dequantize()[-500:]) for table in (shrunk, whole)]
        assert bool(lengths[0] < 0.9 * lengths[1]) is is_shrunk


HISTORIES = np.random.default_rng(2).integers(2, N, (600, LENGTH)).astype(np.int32)


def shares(content):
    """Probabilities of the items, for histories that nothing was fitted to."""
    unseen = np.random.default_rng(3).integers(2, N, (600, LENGTH)).astype(np.int32)
    (scores,) = run(content, {"ids": unseen}).values()
    made = np.exp(scores[:, 2:] - scores.max(axis=1, keepdims=True), dtype=np.float64)
    return made / made.sum(axis=1, keepdims=True)


def closeness(content):
    """A quality of files that is best for the trained one."""
    trained = shares(content)

    def examine(changed):
        found = shares(changed)
        quality = float(np.exp(-(trained * np.log(trained / found)).sum(axis=1).mean()))
        return quality, quality

    return examine


@pytest.mark.parametrize(
    ("code_output", "options"),
    [(True, {}), (False, {}), (False, {"table_dtype": "int8"}), (False, {"table_dtype": "int4"})],
    ids=["output", "tied", "tied int8", "tied int4"],
)
def test_biases_are_fitted_to_rows_that_scores_are_taken_against(files, code_output, options):
    content = files["float32"]
    if not code_output:
        content = tflite.convert(ranker(tied=True), metadata=METADATA, **options)
    examine = closeness(content)
    how = {"target": "delegate", "counts": COUNTS, "code_output": code_output}
    made = pack_lossy(content, Budget(max_loss=0.1), examine=examine, inputs=HISTORIES, **how)
    assert made.found.refitted == ("output_items/embeddings" if code_output else TABLE,)
    fitted = examine(made.packing.content)[0]
    assert fitted == pytest.approx(made.found.chosen.quality, abs=1e-4)
    trained = FileTables(content, code_output=code_output)
    assert 1 - fitted < 0.95 * (1 - examine(trained.content(made.found.tables))[0])
    tables = FileTables(content, counts=COUNTS, inputs=HISTORIES, code_output=code_output)
    # What is asked for twice is the same, whatever was asked for between.
    once = tables.content(made.found.tables)
    assert tables.content({}) == trained.content({})
    assert tables.content(made.found.tables) == once


def test_lists_of_the_best_are_searched_by_all_scores():
    options = {"metadata": METADATA, "top_k": 5}
    tables = FileTables(tflite.convert(ranker(tied=True), **options), inputs=HISTORIES)
    assert tables.fitted == {TABLE}
    assert tables.start.rare_shrinkage < 1


def test_errors_in_rows_that_are_read_count_too():
    """Scores have the 8 directions of a narrow layer, rows that are read 16 others."""
    content = tflite.convert(ranker(tied=True, columns=32), metadata=METADATA)
    tables = FileTables(content, counts=COUNTS, inputs=HISTORIES)
    (metric,) = tables.metrics.values()
    strengths = np.linalg.eigvalsh(metric)
    assert np.count_nonzero(strengths > 1e-5 * strengths[-1]) == 8 + 16


def test_a_layer_of_a_classifier_is_no_choice_of_items():
    keras.utils.set_random_seed(0)
    ids = keras.Input((LENGTH,), dtype="int32", name="ids")
    rows = keras.ops.mean(layers.FullEmbedding(N, D, name="words")(ids), axis=1)
    hidden = keras.layers.Dense(200, activation="relu", name="hidden")(rows)
    model = keras.Model(ids, {"scores": keras.layers.Dense(5)(hidden)})
    content = tflite.convert(model)
    tables = FileTables(content, inputs=HISTORIES, code_output=True, by_layers=True)
    assert tables.fitted == set()
    assert len(tables.names) == 2


def test_a_number_of_bytes_is_kept_as_shipped(files):
    for target, most in (("delegate", 6_500), ("builtin", 12_000)):
        made = pack_lossy(files["edge-int8"], Budget(max_bytes=most), target=target, counts=COUNTS)
        (table, *_) = tflite.inspect_model(made.packing.content).tables
        assert 0.8 * most < table.stored_bytes <= most
        assert made.found.chosen.quality == max(
            trial.quality for trial in made.found.trials if trial.nbytes <= most
        )


def test_an_snr_out_of_reach_says_what_is_not(files):
    how = {"target": "delegate", "counts": COUNTS}
    with pytest.raises(ConfigError, match=r"snr_db: got 500, .* leave it out") as raised:
        pack_lossy(files["float32"], Budget(snr_db=500), **how)
    reached = float(re.search(r"reach ([\d.]+) dB", str(raised.value))[1])
    made = pack_lossy(files["float32"], Budget(snr_db=reached - 1), **how)
    assert reached - 1 <= made.found.chosen.quality


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [0.0, 0.25])
def test_tables_that_lose_nothing_have_an_infinite_snr(value):
    content = lookup_model(np.full((500, 8), value, np.float32))
    for budget in (Budget(snr_db=20), Budget(max_bytes=4000)):
        made = pack_lossy(content, budget, target="delegate")
        (table,) = made.found.tables.values()
        np.testing.assert_allclose(table.dequantize(), value, rtol=1e-2)


def test_row_steps_need_counts_or_ranks(files):
    def steps(**how):
        made = pack_lossy(files["float32"], Budget(snr_db=9), target="delegate", **how)
        return len(made.found.tables[TABLE].steps)

    assert steps() == 1
    assert steps(counts=COUNTS[:-1]) == 1
    assert steps(counts=COUNTS) > 3
    assert steps(ranked_rows=True) > 3


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_a_tied_table_serves_scores_too(dtype):
    content = tflite.convert(ranker(tied=True), table_dtype=dtype, metadata=METADATA)
    made = pack_lossy(content, Budget(snr_db=12), target="delegate", counts=COUNTS)
    assert_gives_the_coded(made, content)
    (table,) = tflite.inspect_model(made.packing.content).tables
    assert table.codec == "rate"
    # Builtin operators leave it as integers, and the bytes are counted so.
    made = pack_lossy(content, Budget(snr_db=12), target="builtin", counts=COUNTS)
    assert_gives_the_coded(made, content)
    (table,) = tflite.inspect_model(made.packing.content).tables
    assert table.codec == "none"
    assert made.found.chosen.nbytes >= N * D
    assert any("only the delegate decodes so many" in left.reason for left in made.packing.left)


def test_what_is_not_coded_is_listed_with_the_reason(files):
    made = pack_lossy(files["int8"], Budget(snr_db=9), target="delegate")
    reasons = {constant.name: constant.reason for constant in made.left}
    assert reasons["output_items/embeddings"] == "FULLY_CONNECTED reads all of it"
    # Its scales went with the integers.
    assert TABLE not in reasons
    assert f"{TABLE}/scale" not in reasons
    few = tflite.convert(keras.Sequential([keras.Input((3,)), layers.FullEmbedding(60, D)]))
    why = r"none of floats with at least 4,096 bytes .* \(of \S+, it takes less than 4,096 bytes"
    with pytest.raises(ConfigError, match=why):
        pack_lossy(few, Budget(snr_db=9))
    (left, *_) = FileTables(two_tables(files)).left
    assert left.bytes >= FileTables(two_tables(files)).left[-1].bytes


def two_tables(files):
    """A model of two tables that hardly looks at the second, and a third that is too small."""
    del files
    keras.utils.set_random_seed(0)
    ids = keras.Input((LENGTH,), dtype="int32", name="ids")
    first, second, third = (
        layers.FullEmbedding(rows, D, embeddings_initializer="normal", name=name)(ids % rows)
        for name, rows in (("first", N), ("second", N), ("third", 60))
    )
    joined = keras.ops.concatenate([first, 0.1 * second, third], axis=-1)
    pooled = keras.ops.mean(joined, axis=1)
    return tflite.convert(keras.Model(ids, {"scores": keras.layers.Dense(5)(pooled)}))


def test_several_tables_share_the_bytes_by_what_they_do(files):
    content = two_tables(files)
    told = []
    made = pack_lossy(
        content,
        Budget(snr_db=12),
        target="delegate",
        inputs=IDS,
        tell=lambda trial, reference: told.append(trial),
    )
    assert tuple(told) == made.found.trials
    tables = made.found.tables
    assert set(tables) == {"first/embeddings", "second/embeddings"}
    assert tables["second/embeddings"].snr_db < tables["first/embeddings"].snr_db - 3
    reasons = {left.name: left.reason for left in made.left}
    assert reasons["third/embeddings"] == "it takes less than 4,096 bytes as float32"
    assert_gives_the_coded(made, content)


@pytest.mark.parametrize("target", ["builtin", "delegate"])
def test_the_scales_of_memcom_are_coded_like_its_rows(target):
    ids = keras.Input((LENGTH,), dtype="int32", name="ids")
    layer = layers.MEmComEmbedding(N, D, num_buckets=100, name="memcom")
    rows = keras.ops.mean(layer(ids), axis=1)
    layer.v.assign(np.random.default_rng(0).normal(size=(N, 1)))
    content = tflite.convert(keras.Model(ids, {"scores": keras.layers.Dense(5)(rows)}))
    made = pack_lossy(content, Budget(snr_db=12), target=target, counts=COUNTS)
    assert_gives_the_coded(made, content, counts=COUNTS)
    assert made.found.tables["memcom/v"].rotation is None
    stored = {table.name: table for table in tflite.inspect_model(made.packing.content).tables}
    assert stored["memcom/v"].dtype == "int8"
    assert stored["memcom/v"].stored_bytes < N * (0.7 if target == "delegate" else 1.2)


def test_losses_are_those_of_the_file(files):
    content = files["int8"]
    exact = outputs(content)

    def examine(changed):
        quality = 1 / (1 + np.square(outputs(changed) - exact).mean() / np.square(exact).mean())
        return float(quality), float(quality)

    made = pack_lossy(
        content, Budget(max_loss=0.05), target="delegate", counts=COUNTS, examine=examine
    )
    assert made.found.reference == 1
    assert made.found.chosen.quality >= 0.95
    assert abs(examine(made.packing.content)[0] - made.found.chosen.quality) < 1e-3
    with pytest.raises(ConfigError, match="max_loss needs data"):
        pack_lossy(content, Budget(max_loss=0.05))


def test_the_same_file_gives_the_same_bytes(files):
    once, again = (
        pack_lossy(files["edge-int4"], Budget(snr_db=9), target="delegate").packing.content
        for _ in range(2)
    )
    assert once == again


@pytest.mark.parametrize("name", ["average_word_embedding", "recommendation_rnn_i10o100"])
@pytest.mark.parametrize("target", ["builtin", "delegate"])
def test_models_that_other_people_made(name, target):
    path = MODELS / f"{name}.tflite"
    if not path.is_file():
        pytest.skip(f"{path.name} is not here")
    content = path.read_bytes()
    made = pack_lossy(content, Budget(snr_db=10), target=target)
    (shape,) = [port.shape for port in tflite.inspect_model(content).inputs]
    ids = np.random.default_rng(0).integers(1, 3000, [abs(size) for size in shape])
    expected = by_index(FileTables(content).content(made.found.tables), ids)
    for found, wanted in zip(by_index(made.packing.content, ids), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5 * np.abs(wanted).max())
    (table, *_) = tflite.inspect_model(made.packing.content).tables
    assert table.stored_bytes < made.found.float_bytes / 6


def by_index(content, ids):
    from ai_edge_litert.interpreter import Interpreter

    from tfcompress.tflite.runtime.delegate import delegates_for

    model = Interpreter(model_content=content, experimental_delegates=delegates_for(content))
    model.allocate_tensors()
    (source,) = model.get_input_details()
    model.set_tensor(source["index"], ids.astype(source["dtype"]))
    model.invoke()
    return [model.get_tensor(output["index"]) for output in model.get_output_details()]
