"""What coding does to the scores of a file: output matrices, and biases fitted to coded rows."""

from dataclasses import replace

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("files are made by TensorFlow", allow_module_level=True)

from tests.search.tflite_file.rankers import (
    COUNTS,
    LENGTH,
    METADATA,
    TABLE,
    D,
    N,
    assert_gives_the_coded,
    ranker,
)
from tfcompress import layers, tflite
from tfcompress.errors import ConfigError
from tfcompress.search import Budget, pack_lossy
from tfcompress.search.settings import Settings
from tfcompress.search.tflite_file.tables import FileTables
from tfcompress.tflite.compare import run
from tfcompress.tflite.packing.lookups import is_output_matrix


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
