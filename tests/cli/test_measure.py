import csv
import json

import pytest

from tests.cli.conftest import SMALL


@pytest.fixture(scope="module")
def files(runs, tmp_path_factory):
    from tfcompress_cli.main import run

    folder = tmp_path_factory.mktemp("files")
    paths = [folder / "full.tflite", folder / "memcom.tflite"]
    for path in paths:
        assert run(["convert", str(runs / path.stem), "--out", str(path)]) == 0
    return paths


def test_files_are_measured_side_by_side(tfcompress, files, interactions, tmp_path):
    outputs = {kind: tmp_path / f"sizes.{kind}" for kind in ("json", "csv", "markdown")}
    options = [word for kind, path in outputs.items() for word in (f"--{kind}", path)]
    done = tfcompress("measure", *files, "--data", interactions, "--runs", 50, *options)
    assert done.code == 0, done.err
    assert "memcom" in done.out
    measured = json.loads(outputs["json"].read_text())
    assert len(measured) == 2
    for entry, path in zip(measured, files, strict=True):
        assert entry["file_bytes"] == path.stat().st_size == sum(entry["bytes"].values())
        assert 0 <= entry["quality"]["ndcg@10"] <= 1
        assert entry["quality"]["users"] > 0
        assert set(entry["latency_us"]) == {"1", "32"}
        assert set(entry["memory_bytes"]) == {"after_load", "peak_anonymous", "peak_file"}
        assert entry["environment"]
    assert len(list(csv.DictReader(outputs["csv"].open()))) == 2
    again = tfcompress("measure", *files, "--data", interactions, *options)
    assert again.code == 2
    assert "sizes.json: exists already; pass --overwrite" in again.err
    assert outputs["markdown"].read_text().startswith("|")
    new = tmp_path / "new"
    twice = tfcompress("measure", *files, "--data", interactions, "--json", new, "--csv", new)
    assert twice.code == 2
    assert "new: is named for two outputs" in twice.err
    assert not new.exists()


def test_the_artefact_is_as_good_as_the_keras_model(
    files, interactions, runs, tfcompress, tmp_path
):
    import numpy as np

    from tfcompress.data import load
    from tfcompress.ranking import evaluate
    from tfcompress.training import Run

    out = tmp_path / "q.json"
    words = ["measure", files[0], "--data", interactions, "--skip", "latency", "--skip", "memory"]
    assert tfcompress(*words, "--json", out).code == 0
    model, dataset = Run(runs / "full").model(), load(interactions)
    expected = evaluate(
        lambda ids: np.asarray(model.predict_on_batch(ids)["scores"]), dataset.test, length=6
    )
    assert json.loads(out.read_text())[0]["quality"]["ndcg@10"] == pytest.approx(expected.ndcg)


def test_other_data_are_refused_unless_remapped(tfcompress, files, interactions, runs, tmp_path):
    other = tmp_path / "other.csv"
    lines = interactions.read_text().splitlines()
    other.write_text("\n".join([*lines, "u0,app-new,99"]) + "\n")
    words = ["measure", files[0], "--data", other, "--skip", "latency", "--skip", "memory"]
    refused = tfcompress(*words)
    assert refused.code == 2
    assert "--remap" in refused.err or "remap" in refused.err
    vocabulary = runs / "full" / "vocabulary.parquet"
    assert tfcompress(*words, "--remap", "--vocabulary", vocabulary).code == 0


@pytest.fixture(scope="module")
def unusual(interactions, tmp_path_factory):
    """Data whose columns have names of their own, latest rows first; a model of theirs."""
    from tfcompress_cli.main import run

    folder = tmp_path_factory.mktemp("unusual")
    _, *lines = interactions.read_text().splitlines()
    header = "who,what,when,user,item"
    rows = (f"{line},{line.split(',')[0]},same" for line in reversed(lines))
    data = folder / "data.csv"
    data.write_text("\n".join([header, *rows, "u1,app-2,soon,u1,same"]) + "\n")
    columns = ["--user-column", "who", "--item-column", "what", "--time-column", "when"]
    words = ["train", data, "--out", folder / "run", *SMALL, "--embedding", "full", *columns]
    assert run([str(word) for word in [*words, "--bad-rows", "skip"]]) == 0
    model = folder / "model.tflite"
    assert run(["convert", str(folder / "run"), "--out", str(model), "--vocabulary"]) == 0
    return data, model


def quality(tfcompress, out, model, data, *options):
    words = ["measure", model, "--data", data, "--skip", "latency", "--skip", "memory"]
    done = tfcompress(*words, "--json", out, "--overwrite", *options)
    assert done.code == 0, done.err
    return json.loads(out.read_text())[0]


def test_other_data_are_read_as_those_of_the_training(tfcompress, unusual, tmp_path):
    data, model = unusual
    out = tmp_path / "q.json"
    own = quality(tfcompress, out, model, data)
    assert own["notes"]["data"].startswith(
        "user column 'who', item column 'what', time column 'when'; data.csv: 1 bad row skipped"
    )
    other = tmp_path / "other.csv"
    other.write_text(data.read_text() + "u1,app-2,later,u1,same\n")
    assert quality(tfcompress, out, model, other, "--remap")["quality"] == own["quality"]
    lines = other.read_text().splitlines()
    # Columns of other names are named anew, and a format without any has no use for them.
    other.write_text("\n".join(["you,what,then,user,item", *lines[1:]]) + "\n")
    words = ["measure", model, "--data", other, "--remap", "--skip", "latency", "--skip", "memory"]
    done = tfcompress(*words)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "no column 'who' among 'you', 'what', 'then'" in done.err
    named = ["--user-column", "you", "--time-column", "then", "--format", "csv"]
    found = quality(tfcompress, out, model, other, "--remap", *named)
    assert found["quality"] == own["quality"]
    pairs = [line.replace(",", " ").rsplit(" ", 3)[0] for line in reversed(lines[1:-2])]
    other.write_text("\n".join(pairs) + "\n")
    found = quality(tfcompress, out, model, other, "--remap", "--format", "pairs")
    assert found["quality"] == own["quality"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--time-column", "then"], "time_column: got 'then', but data of the training are read"),
        (["--time-column", "then", "--remap"], "no column 'then' among 'who', 'what', 'when'"),
        (["--bad-rows", "error"], "column 'when' holds 'soon', expected a number"),
        (["--bad-rows", "error", "--remap"], "column 'when' holds 'soon', expected a number"),
    ],
)
def test_what_is_said_of_reading_counts(tfcompress, unusual, options, said):
    data, model = unusual
    words = ["measure", model, "--data", data, "--skip", "latency", "--skip", "memory"]
    done = tfcompress(*words, *options)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert said in done.err


def test_data_by_name_have_columns_of_their_own(tfcompress, unusual, tmp_path):
    found = quality(tfcompress, tmp_path / "q.json", unusual[1], "synthetic", "--remap")
    assert found["quality"]["users"] > 0


@pytest.mark.parametrize(
    "flags",
    [
        ["--remap"],
        ["--keep-seen"],
        ["--bad-rows", "skip"],
        ["--vocabulary", "v.parquet"],
        ["--time-column", "when"],
    ],
)
def test_flags_about_quality_need_data(tfcompress, files, flags):
    done = tfcompress("measure", *files, *flags)
    assert (done.code, "name --data, or leave them out" in done.err) == (2, True)


def test_inspect_adds_up_and_writes_json(tfcompress, files, tmp_path):
    out = tmp_path / "inspect.json"
    done = tfcompress("inspect", files[1], "--json", out)
    assert done.code == 0
    assert "item_embedding/U" in done.out
    (content,) = json.loads(out.read_text())
    assert sum(content["bytes"].values()) == content["file_bytes"] == files[1].stat().st_size
