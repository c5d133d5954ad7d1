"""Tables of .tflite files coded within a budget: what the files then give, and what they take."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("files are made by TensorFlow", allow_module_level=True)

from tests.search.tflite_file.rankers import (
    COUNTS,
    IDS,
    LENGTH,
    METADATA,
    TABLE,
    D,
    N,
    assert_gives_the_coded,
    outputs,
    ranker,
)
from tests.tflite.lookup_models import lookup_model
from tfcompress import layers, tflite
from tfcompress.errors import ConfigError
from tfcompress.search import Budget, pack_lossy
from tfcompress.search.tflite_file.tables import FileTables

MODELS = Path(__file__).parents[3] / ".." / "shared" / "models"


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


def test_a_number_of_bytes_is_kept_as_shipped(files):
    for target, most in (("delegate", 6_500), ("builtin", 12_000)):
        made = pack_lossy(files["edge-int8"], Budget(max_bytes=most), target=target, counts=COUNTS)
        (table, *_) = tflite.inspect_model(made.packing.content).tables
        assert 0.8 * most < table.stored_bytes == made.found.chosen.nbytes <= most
        assert made.found.chosen.quality == max(
            trial.quality for trial in made.found.trials if trial.nbytes <= most
        )


def test_codecs_whose_bytes_are_not_counted_are_refused(files):
    with pytest.raises(ConfigError, match=r"codec: got 'raw'.*counts on auto or rate"):
        pack_lossy(files["edge-int8"], Budget(snr_db=9), codec="raw", target="delegate")


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
    with pytest.raises(ConfigError, match="examine: None, but max_loss is a loss of what it gives"):
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
