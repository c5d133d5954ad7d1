"""TensorFlow and JAX compute the same embeddings, and JAX does it without TensorFlow.

Building and calling never import it. Saving does as soon as it is installed: Keras 3.15 asks
whether TensorFlow is available when it serialises (serialization_lib.py), and falls back when not.
So the JAX process here refuses the import, as a machine without TensorFlow would.
"""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

ON_JAX = """
import importlib.abc, runpy, sys
import numpy as np

class Refuse(importlib.abc.MetaPathFinder):
    asked = False
    def find_spec(self, name, path, target=None):
        if name == "tensorflow":
            Refuse.asked = True
            raise ImportError("TensorFlow is not installed here")

sys.meta_path.insert(0, Refuse())

conftest, given, out, model = sys.argv[1:]
cases = runpy.run_path(conftest)["CASES"]
values = np.load(given)
import keras

results = {}
for case in cases:
    layer = case.make(name=case.id)
    for name, table in layer.tables().items():
        table.assign(values[f"{case.id}/{name}"])
    results[case.id] = np.asarray(layer(values["ids"]))
    results[case.id + " reverse"] = np.asarray(layer(values["h"], reverse=True))
    layer.fit_table(np.ones((layer.input_dim, layer.output_dim)))
assert not Refuse.asked
inputs = keras.Input((4,), dtype="int32")
outputs = [case.make(name=case.id)(inputs) for case in cases]
trained = keras.Model(inputs, keras.layers.Concatenate()(outputs))
trained.compile("adam", "mse")
trained.fit(values["ids"], np.ones((6, *trained.output_shape[1:]), "float32"), verbose=0)
trained.save(model)
again = keras.models.load_model(model)
assert np.array_equal(again(values["ids"]), trained(values["ids"]))
np.savez(out, **results)
assert keras.backend.backend() == "jax"
assert "tensorflow" not in sys.modules
"""


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="compares with TensorFlow")
def test_jax_agrees_without_tensorflow(tmp_path, rng):
    import importlib.util

    pytest.importorskip("jax")
    conftest = Path(__file__).with_name("conftest.py")
    spec = importlib.util.spec_from_file_location("cases", conftest)
    module = importlib.util.module_from_spec(spec)
    sys.modules["cases"] = module
    spec.loader.exec_module(module)
    values = {
        "ids": rng.integers(0, module.INPUT_DIM, (6, 4)).astype("int32"),
        "h": rng.standard_normal((3, module.OUTPUT_DIM)).astype("float32"),
    }
    expected = {}
    for case in module.CASES:
        layer = case.make(name=case.id)
        for name, table in layer.tables().items():
            values[f"{case.id}/{name}"] = keras.ops.convert_to_numpy(table)
        expected[case.id] = np.asarray(layer(values["ids"]))
        expected[case.id + " reverse"] = np.asarray(layer(values["h"], reverse=True))
    np.savez(tmp_path / "values.npz", **values)
    arguments = [conftest, tmp_path / "values.npz", tmp_path / "out.npz", tmp_path / "m.keras"]
    subprocess.run(
        [sys.executable, "-c", ON_JAX, *map(str, arguments)],
        check=True,
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
    )
    results = np.load(tmp_path / "out.npz")
    assert len(expected) == 2 * len(module.CASES)
    for name, rows in expected.items():
        assert np.abs(results[name] - rows).max() <= 1e-6 * max(1, np.abs(rows).max()), name
