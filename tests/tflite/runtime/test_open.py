import numpy as np
import pytest

from tfcompress.errors import ModelError
from tfcompress.tflite.runtime.open import open_model


def test_runs_any_batch_size(tied_full, tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(tied_full.content)
    runner = open_model(path).get_signature_runner()
    for size in (1, 7):
        assert runner(ids=np.ones((size, 5), np.int32))["scores"].shape == (size, 50)
    again = open_model(tied_full.content).get_signature_runner()  # the bytes themselves
    ids = np.arange(5, dtype=np.int32)[None]
    np.testing.assert_array_equal(again(ids=ids)["scores"], runner(ids=ids)["scores"])


def test_refuses_what_it_cannot_open(tmp_path):
    with pytest.raises(ModelError, match=r"none\.tflite: no such file"):
        open_model(tmp_path / "none.tflite")
    path = tmp_path / "text.tflite"
    path.write_text("this is no model, though it is long enough to be one")
    with pytest.raises(ModelError, match=r"text\.tflite: cannot be opened as a \.tflite file"):
        open_model(path)
    with pytest.raises(ModelError, match=r"path: cannot be opened as a \.tflite file"):
        open_model(path.read_bytes())
