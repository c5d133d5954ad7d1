import errno
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from tfcompress.errors import ConfigError
from tfcompress.models import save_model

# Layers that share objects, two policies.
MODEL = """
import keras
ids = keras.Input((5,), dtype="int32")
policy = keras.dtype_policies.DTypePolicy("float32")
other = keras.dtype_policies.DTypePolicy("mixed_float16")
words = keras.layers.Embedding(20, 4, embeddings_initializer="ones", dtype=policy)
scores = keras.layers.Dense(3, kernel_initializer="ones", dtype=policy)
halves = [keras.layers.Dense(3, kernel_initializer="ones", dtype=other) for _ in range(2)]
model = keras.Model(ids, [scores(words(ids)), *(half(words(ids)) for half in halves)])
"""


def made() -> keras.Model:
    names = {}
    exec(MODEL, names)
    return names["model"]


def test_two_processes_write_the_same_bytes(tmp_path: Path):
    script = (
        "import pathlib, sys, time; from tfcompress.models import save_model;"
        "waste = [bytearray(1000) for _ in range(int(sys.argv[2]))];"
        f"exec({MODEL!r}); save_model(model, pathlib.Path(sys.argv[1]))"
    )
    paths = [tmp_path / "a.keras", tmp_path / "b.keras"]
    for path, waste in zip(paths, ("0", "4567"), strict=True):
        subprocess.run([sys.executable, "-c", script, str(path), waste], check=True)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_what_was_saved_loads_as_it_was(tmp_path: Path):
    model = made()
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    save_model(model, tmp_path / "model.keras")
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]
    again = keras.models.load_model(tmp_path / "model.keras")
    assert len(again.weights) == len(model.weights)
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_neighbours_are_left_alone(tmp_path: Path):
    for name in ("model.original.keras", "original.keras"):
        (tmp_path / name).write_text("precious")
    model = made()
    save_model(model, tmp_path / "model.keras")
    assert (tmp_path / "model.original.keras").read_text() == "precious"
    save_model(model, tmp_path / "original.keras")
    assert (tmp_path / "original.keras").read_bytes() == (tmp_path / "model.keras").read_bytes()


def test_a_link_stays_a_link(tmp_path: Path):
    link, named = tmp_path / "model.keras", tmp_path / "elsewhere.keras"
    named.write_text("old")
    link.symlink_to(named)
    save_model(made(), link)
    assert link.is_symlink()
    assert zipfile.is_zipfile(named)


def test_a_file_that_cannot_be_replaced_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "model.keras").write_text("precious")
    monkeypatch.setattr("tfcompress.models.saving._copy", fail)
    with pytest.raises(OSError, match=r"No space left on device: .*model\.keras"):
        save_model(made(), tmp_path / "model.keras")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["precious"]


def test_another_ending_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"model.h5, expected a name that ends in .keras"):
        save_model(made(), tmp_path / "model.h5")


def test_shared_objects_stay_shared_and_others_apart(tmp_path: Path):
    from tfcompress.models.saving import _number_shared_objects

    config = {"a": {"shared_object_id": 140_000}, "b": [{"shared_object_id": 7}, {"x": None}]}
    config["c"] = {"shared_object_id": 140_000, "inner": {"shared_object_id": None}}
    _number_shared_objects(config, {})
    assert config == {
        "a": {"shared_object_id": 0},
        "b": [{"shared_object_id": 1}, {"x": None}],
        "c": {"shared_object_id": 0, "inner": {"shared_object_id": None}},
    }


def test_an_archive_that_any_reader_takes(tmp_path: Path):
    save_model(made(), tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        assert archive.testzip() is None
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}
