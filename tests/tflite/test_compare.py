from types import SimpleNamespace

import keras
import numpy as np
import pytest

from tfcompress.errors import ConfigError
from tfcompress.tflite.compare import Difference, compare_with_keras
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.top_k import append_top_k


def test_difference_is_that_of_the_worst_output(lookups):
    ids = np.arange(6, dtype=np.int32).reshape(2, 3)
    file = read(lookups.content)
    wide = lookups.model.get_layer("wide").embeddings.numpy()
    changed = wide.copy()
    changed[4, 7] += 0.5
    holder = next(
        b
        for b in file.model.buffers
        if b.data is not None
        and len(b.data) == wide.nbytes
        and np.array_equal(b.data.view(np.float32), wide.ravel())
    )
    holder.data = changed.view(np.uint8).ravel()
    found = compare_with_keras(lookups.model, file.to_bytes(), ids)
    assert found.absolute == pytest.approx(0.5)
    assert found.relative == pytest.approx(0.5 / np.abs(wide[:6]).max())
    other = np.full((2, 3), 9, np.int32)
    assert compare_with_keras(lookups.model, file.to_bytes(), other).relative < 1e-6


def test_top_k_is_compared_at_the_ids_it_returns(tied_full, histories):
    file = read(tied_full.content)
    append_top_k(file, 10)
    assert compare_with_keras(tied_full.model, file.to_bytes(), histories).relative < 1e-5


def test_top_k_of_the_worst_shows(tied_full, histories, monkeypatch):
    (scores,) = keras.tree.flatten(tied_full.model(histories))
    scores = keras.ops.convert_to_numpy(scores)
    worst = 2 + np.argsort(scores[:, 2:], axis=1)[:, :10].astype(np.int32)
    lists = {"ids": worst, "scores": np.take_along_axis(scores, worst, axis=1)}
    monkeypatch.setattr("tfcompress.tflite.compare.run", lambda content, feed: lists)
    assert compare_with_keras(tied_full.model, b"", histories).relative > 0.1


def test_empty_batch(tied_full):
    empty = np.zeros((0, 5), np.int32)
    assert compare_with_keras(tied_full.model, tied_full.content, empty) == Difference(0, 0)


def test_inputs_by_name_or_in_order(tied_full, histories):
    by_name = compare_with_keras(tied_full.model, tied_full.content, {"ids": histories})
    assert by_name == compare_with_keras(tied_full.model, tied_full.content, [histories])


def test_nan_shows(tied_full, histories):
    file = read(tied_full.content)
    for buffer in file.model.buffers:
        if buffer.data is not None and len(buffer.data) == 50 * 16 * 4:
            buffer.data = np.full(50 * 16, np.nan, np.float32).view(np.uint8)
    assert np.isnan(compare_with_keras(tied_full.model, file.to_bytes(), histories).absolute)


def test_wrong_inputs(tied_full, histories):
    exported = SimpleNamespace(**vars(tied_full))
    with pytest.raises(ConfigError, match=r"got 2 arrays, the model takes \['ids'\]"):
        compare_with_keras(exported.model, exported.content, [histories, histories])
    with pytest.raises(ConfigError, match="inputs: ids missing"):
        compare_with_keras(exported.model, exported.content, {"items": histories})
