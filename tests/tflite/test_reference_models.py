"""The models of tflite_models/ answer, forever, what they answered when they were made."""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfcompress.codec.layout import MODES
from tfcompress.tflite import inspect_model, open_model
from tfcompress.tflite.packing.options import BUILTIN_CODECS
from tfcompress.tflite.runtime.check import check_loads

FOLDER = Path(__file__).resolve().parents[2] / "tflite_models"
MODELS = json.loads((FOLDER / "manifest.json").read_text())["models"]
LARGEST = 2_000_000

# Of the largest score. Kernels of other processors add in another order; where dense layers
# round what they are given to 8 bits, that can move a value by one step.
TOLERANCE = {"float32": 1e-5, "int8": 2e-2}


@cache
def golden() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "golden.npz") as stored:
        return dict(stored)


@cache
def outputs(file: str, plain: str) -> dict[str, np.ndarray]:
    runner = open_model(FOLDER / file).get_signature_runner()
    made: dict[str, np.ndarray] = runner(ids=golden()[f"{plain}/inputs"])
    return made


@pytest.fixture(params=MODELS, ids=lambda entry: entry["file"])
def model(request: pytest.FixtureRequest) -> dict[str, Any]:
    return request.param


def test_answers_what_it_always_answered(model):
    name = model["answers"]
    found, expected = outputs(model["file"], name), golden()
    scores, stored = found["scores"], expected[f"{name}/scores"]
    if "ids" in found:
        assert np.array_equal(found["ids"], expected[f"{name}/ids"])
    if f"{name}/items" in expected:
        scores = np.take_along_axis(scores, expected[f"{name}/items"], axis=1)
    dense_dtype = inspect_model((FOLDER / model["file"]).read_bytes()).metadata["dense_dtype"]
    largest = TOLERANCE[dense_dtype] * np.abs(stored).max()
    np.testing.assert_allclose(scores, stored, rtol=0, atol=largest)


def test_packing_changed_no_bit(model):
    name = model["answers"]
    found, plain = outputs(model["file"], name), outputs(f"{name}.tflite", name)
    assert found.keys() == plain.keys()
    assert all(np.array_equal(found[name], plain[name]) for name in plain)


def test_is_what_the_manifest_says(model):
    content = (FOLDER / model["file"]).read_bytes()
    check_loads(content)
    assert hashlib.sha256(content).hexdigest() == model["sha256"]
    assert len(content) == model["bytes"]
    tables = [table.to_json() for table in inspect_model(content).tables]
    assert tables == model["tables"]


def test_card_says_what_the_manifest_says(model):
    text = (FOLDER / "cards" / model["file"]).with_suffix(".md").read_text()
    for fact in (
        model["about"],
        model["sha256"],
        f"{model['bytes']:,} bytes",
        f"{model['quality'].get('ndcg@10', model['quality'].get('accuracy')):.4f}",
        f"from {model['lowest_runtime']} on"
        if model["target"] == "builtin"
        else f"TensorFlow Lite {model['lowest_runtime']}",
        *model["commands"],
    ):
        assert fact in text


def test_every_file_is_in_the_manifest():
    files = {path.name for path in FOLDER.glob("*.tflite")}
    assert files == {entry["file"] for entry in MODELS}
    cards = {path.stem for path in (FOLDER / "cards").glob("*.md")} - {"README"}
    assert cards == {Path(file).stem for file in files}
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) <= LARGEST


def test_every_mode_and_target_is_there():
    made = {(entry["target"], table["codec"]) for entry in MODELS for table in entry["tables"]}
    assert made >= {("delegate", mode) for mode in MODES}
    assert made >= {("builtin", mode) for mode in BUILTIN_CODECS if mode != "auto"}
    assert ("builtin", "none") in made


def test_unknown_ids_are_loud(model):
    inputs = golden()[f"{model['answers']}/inputs"]
    for wrong in (-1, inputs.max() + 1):
        runner = open_model(FOLDER / model["file"]).get_signature_runner()
        with pytest.raises(RuntimeError):
            runner(ids=np.full_like(inputs[:1], wrong))
