import json
from dataclasses import replace
from pathlib import Path

import pytest

from tfcompress.errors import ConfigError, ModelError
from tfcompress.measure import measure

FOREIGN = Path(__file__).resolve().parents[2].parent / "shared" / "models"
KEYS = {
    "file",
    "file_bytes",
    "bytes",
    "ratio",
    "tables",
    "embedding_snr_db",
    "quality",
    "latency_us",
    "memory_bytes",
    "environment",
}


@pytest.fixture(scope="module")
def converted(tmp_path_factory, metadata, weights):
    """The ranker of conftest.py as a Keras model, through the project's own converter."""
    import keras
    import numpy as np

    from tfcompress.layers import FullEmbedding
    from tfcompress.tflite import convert

    table, output = weights
    ids = keras.Input((5,), dtype="int32", name="ids")
    embedding = FullEmbedding(*table.shape, name="item_embedding")
    summed = keras.layers.Lambda(lambda rows: keras.ops.sum(rows, axis=1))(embedding(ids))
    scores = keras.layers.Dense(len(table), use_bias=False, name="scores")
    model = keras.Model(ids, scores(summed))
    embedding.set_weights([table])
    scores.set_weights([output])
    caller = {"model": metadata["model"], "trained_on": metadata["trained_on"]}
    folder = tmp_path_factory.mktemp("converted")
    paths = {}
    for name, arguments in {
        "full": {},
        "int8": {"table_dtype": "int8"},
        "best": {"top_k": 20},
    }.items():
        caller["model"] |= {"output": "top_k" if "top_k" in arguments else "scores"}
        paths[name] = folder / f"{name}.tflite"
        paths[name].write_bytes(convert(model, metadata=caller, **arguments))
    assert np.array_equal(embedding(np.arange(len(table))), table)
    return paths


def test_several_files_side_by_side(converted, dataset, numpy_scores):
    from tfcompress.ranking import evaluate

    told = []
    found = measure(converted.values(), dataset, runs=50, progress=told.append)
    assert [entry.file for entry in found] == ["full.tflite", "int8.tflite", "best.tflite"]
    full, int8, best = found
    expected = evaluate(numpy_scores, dataset.test, length=5)
    assert full.quality == expected
    assert best.quality == replace(expected, top_k=20, soft_gain=best.quality.soft_gain)
    assert int8.size.table_ratio > full.size.table_ratio == pytest.approx(1.0)
    for path, entry in zip(converted.values(), found, strict=True):
        written = entry.to_json()
        assert set(written) == KEYS
        assert written["file_bytes"] == sum(written["bytes"].values()) == path.stat().st_size
        assert list(written["latency_us"]) == ["1", "32"]
        assert json.loads(json.dumps(written)) == written
    assert any("quality of int8" in line for line in told)


def test_what_is_not_asked_for_is_not_done(converted, dataset):
    (entry,) = measure(converted["full"], dataset, quality=False, latency=False, memory=False)
    assert (entry.quality, entry.latency) == (None, {})
    assert entry.notes == dict.fromkeys(("quality", "memory", "latency"), "not asked for")
    (entry,) = measure(converted["full"], latency=False, memory=False)
    assert entry.notes["quality"] == "no data given"


def test_other_data_are_refused_before_anything_is_timed(converted, dataset):
    other = replace(dataset, sha256="b2" * 32)
    told = []
    with pytest.raises(ConfigError, match=r"full\.tflite: trained on data a1a1a1a1a1a1"):
        measure(converted["full"], other, progress=told.append)
    assert not any("latency" in line for line in told)


def test_all_data_are_checked_before_the_first_file_is_run(converted, dataset, metadata, tmp_path):
    from tfcompress.tflite.graph.flatbuffer import read
    from tfcompress.tflite.tables.metadata import read_metadata, write_metadata

    file = read(converted["full"].read_bytes())
    content = read_metadata(file)
    content["trained_on"]["sha256"] = "b2" * 32
    write_metadata(file, content)
    other = tmp_path / "other.tflite"
    other.write_bytes(file.to_bytes())
    told = []
    with pytest.raises(ConfigError, match=r"other\.tflite: trained on data b2b2b2b2b2b2"):
        measure([converted["full"], other], dataset, progress=told.append)
    assert told == []


def test_remap_knows_items_that_the_training_part_of_the_data_lacks(
    converted, vocabulary, tmp_path
):
    data = tmp_path / "solo.csv"
    # t0 is the target and in no training part.
    data.write_text("user,item\nu,t3\nu,t4\nu,t5\nu,t0\n")
    (entry,) = measure(
        converted["full"], data, remap=True, vocabulary=vocabulary, latency=False, memory=False
    )
    assert (entry.quality.num_users, entry.quality.unknown_targets) == (1, 0)


@pytest.mark.parametrize("name", ["recommendation_rnn_i10o100", "average_word_embedding"])
def test_models_of_other_people(name, dataset):
    path = FOREIGN / f"{name}.tflite"
    if not path.is_file():
        pytest.skip(f"{path.name} is not beside the checkout")
    (entry,) = measure([path], dataset, runs=50, batch_sizes=[1, 2])
    assert entry.quality is None
    assert "sequence ranker" in entry.notes["quality"]
    assert entry.latency[1].p50 > 0
    assert (2 in entry.latency) != ("shapes are fixed" in entry.notes.get("latency", ""))
    assert sum(entry.to_json()["bytes"].values()) == path.stat().st_size
    assert entry.size.tables
    if Path("/proc/self/smaps_rollup").exists():
        assert entry.memory.peak_file > 0


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ModelError, match=r"gone\.tflite: No such file or directory$"):
        measure([tmp_path / "gone.tflite"])


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(ModelError, match="Is a directory"):
        measure(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"\0" * 64, b"\x1c\0\0\0TFL3" + b"\xff" * 64]
)
def test_a_file_of_another_kind(tmp_path, content):
    path = tmp_path / "other.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"other\.tflite: ") as failure:
        measure(path)
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_file(ranker, tmp_path, share):
    content = ranker.path.read_bytes()
    path = tmp_path / "cut.tflite"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelError, match=r"cut\.tflite: ") as failure:
        measure(path)
    assert "\n" not in str(failure.value)


def test_no_files_or_too_few_runs_are_refused():
    with pytest.raises(ConfigError, match="paths: none given"):
        measure([])
    with pytest.raises(ConfigError, match="runs must be at least 50"):
        measure(["x.tflite"], runs=3)
