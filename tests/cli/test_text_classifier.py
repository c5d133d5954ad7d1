"""The way of a text classifier: train, convert, inspect, measure."""

import json
import re

import numpy as np
import pytest

from tfcompress.data import load_texts, synthetic_text
from tfcompress.tflite import inspect_model
from tfcompress.vocabulary import Vocabulary
from tfcompress_cli.main import run as tfcompress_run


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    """A file of label<TAB>text."""
    words, labels = synthetic_text.texts(
        num_texts=300, num_words=150, num_classes=3, mean_length=9, seed=0
    )
    tokens = np.array(synthetic_text.word_tokens(150).to_pylist())
    lines = [f"{label}\t{' '.join(tokens[row])}." for row, label in zip(words, labels, strict=True)]
    path = tmp_path_factory.mktemp("texts") / "reviews.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def file(reviews, tmp_path_factory):
    folder = tmp_path_factory.mktemp("text_run")
    words = ["train", reviews, "--out", folder / "run", "--model", "text-classifier"]
    words += ["--ratio", 2, "--dim", 8, "--hidden-units", 8, "--epochs", 3, "--batch-size", 32]
    words += ["--max-words", 8, "--bigram-buckets", 64]
    assert tfcompress_run([str(word) for word in words]) == 0
    words = ["convert", folder / "run", "--out", folder / "run" / "m.tflite"]
    words += ["--table-dtype", "int8", "--dense-dtype", "int8"]
    assert tfcompress_run([str(word) for word in words]) == 0
    return folder / "run" / "m.tflite"


def test_a_stated_loss_is_kept_by_a_file_alone(tfcompress, reviews, tmp_path):
    run, file, out = tmp_path / "run", tmp_path / "plain.tflite", tmp_path / "m.tflite"
    words = ["train", reviews, "--out", run, "--model", "text-classifier", "--embedding", "full"]
    words += ["--dim", 16, "--hidden-units", 8, "--epochs", 3, "--batch-size", 32]
    words += ["--max-words", 8, "--bigram-buckets", 64]
    assert tfcompress(*words).code == 0
    assert tfcompress("convert", run, "--out", file).code == 0
    words = ["pack", file, "--out", out, "--max-loss", "5%", "--data", reviews]
    done = tfcompress(*words, "--target", "delegate", "--curve", tmp_path / "curve.json")
    assert done.code == 0, done.err
    assert f"rows count as often as {reviews} reads them" in done.out
    found = re.search(r"validation accuracy \S+ \(([-+.\d]+)%\), test accuracy", done.out)
    assert found is not None
    assert float(found[1]) >= -5.0
    walked = json.loads((tmp_path / "curve.json").read_text())
    assert walked["chosen"]["measured"] >= 0.95 * walked["reference"]
    (table,) = inspect_model(out.read_bytes()).tables
    assert table.name == "token_embedding/embeddings"
    assert table.codec != "none"
    assert table.stored_bytes < walked["float_bytes"] / 4


def answers(file, texts):
    """The classes that the file gives, in one invocation."""
    from tfcompress.tflite import open_model

    runner = open_model(file).get_signature_runner()
    return runner(ids=texts.inputs(15))["scores"].argmax(axis=1)


def test_accuracy_is_that_of_the_file(tfcompress, file, reviews, tmp_path):
    out, markdown = tmp_path / "sizes.json", tmp_path / "sizes.md"
    words = ["measure", file, "--data", reviews, "--runs", 50, "--skip", "memory"]
    done = tfcompress(*words, "--json", out, "--markdown", markdown)
    assert done.code == 0, done.err
    (entry,) = json.loads(out.read_text())
    assert set(entry["latency_us"]) == {"1", "32"}
    test = load_texts(reviews, max_words=8, bigram_buckets=64).test
    expected = np.mean(answers(file, test) == test.labels)
    assert entry["quality"]["accuracy"] == pytest.approx(expected)
    assert entry["quality"]["texts"] == len(test) == 30
    assert "| accuracy | change |" in markdown.read_text()
    assert "nDCG" not in markdown.read_text()
    assert "30 texts of 3 classes" in done.out


def test_inspect_knows_the_model(tfcompress, file, tmp_path):
    done = tfcompress("inspect", file, "--json", tmp_path / "i.json")
    assert done.code == 0
    assert "token_embedding/U" in done.out
    (content,) = json.loads((tmp_path / "i.json").read_text())
    assert content["metadata"]["model"]["classes"] == [0, 1, 2]


def test_other_texts_are_refused_unless_remapped(tfcompress, file, reviews, tmp_path):
    # The same texts in another order with one more label: ids and class numbers move.
    lines = reviews.read_text().splitlines()
    other = tmp_path / "given"
    other.mkdir()
    (other / "train.txt").write_text("\n".join(["-5\tsomething new", *lines[:50]]) + "\n")
    (other / "test.txt").write_text("\n".join(lines[50:150]) + "\n")
    words = ["measure", file, "--data", other, "--skip", "latency", "--skip", "memory"]
    refused = tfcompress(*words)
    assert refused.code == 2
    assert "--remap" in refused.err
    out = tmp_path / "q.json"
    assert tfcompress(*words, "--remap", "--json", out).code == 0
    (entry,) = json.loads(out.read_text())
    assert entry["quality"]["texts"] == 100
    vocabulary = Vocabulary.load(file.parent / "vocabulary.parquet")
    test = load_texts(other, max_words=8, bigram_buckets=64, vocabulary=vocabulary).test
    # -5 is the first class there.
    expected = np.mean(answers(file, test) == test.labels - 1)
    assert entry["quality"]["accuracy"] == pytest.approx(expected)


@pytest.mark.parametrize("given", [[], ["--format", "labelled-text"]])
def test_remap_reads_texts_as_training_does(tfcompress, file, tmp_path, given):
    other = tmp_path / "texts.txt"
    other.write_text("".join(f"{k % 3}\tnumber {k}, of a few\n" for k in range(40)))
    words = ["measure", file, "--remap", "--skip", "latency", "--skip", "memory"]
    done = tfcompress(*words, "--data", other, *given)
    assert done.code == 0, done.err


def test_remap_reads_texts_by_name(tfcompress, file):
    words = ["measure", file, "--remap", "--skip", "latency", "--skip", "memory"]
    done = tfcompress(*words, "--data", "synthetic-text")
    assert done.code == 0, done.err


def test_interactions_are_no_texts(tfcompress, file, interactions, tmp_path):
    done = tfcompress("measure", file, "--data", interactions, "--skip", "latency")
    assert done.code == 2
    assert 'line 1: expected "label<TAB>text", found no tab' in done.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--model", "text-classifier", "--tie"), "tie means nothing for a text-classifier"),
        (("--bigram-buckets", 3), "bigram_buckets means nothing for a sequence-ranker"),
    ],
)
def test_options_of_the_other_model_are_refused(tfcompress, reviews, tmp_path, options, message):
    done = tfcompress("train", reviews, "--out", tmp_path / "run", *options)
    assert done.code == 2
    assert message in done.err


def test_top_k_is_for_rankers(tfcompress, file, tmp_path):
    done = tfcompress("convert", file.parent, "--out", tmp_path / "x.tflite", "--top-k", 2)
    assert done.code == 2
    assert "top_k" in done.err
