"""The examples in the docstrings are tests."""

import doctest
import importlib
import pkgutil

import keras
import numpy as np
import pytest

from tfcompress import layers

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="one layer's own arithmetic, the same on every backend: tested once",
)

MODULES = [f"tfcompress.layers.{module.name}" for module in pkgutil.iter_modules(layers.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    public = {key: getattr(layers, key) for key in layers.__all__}
    assert doctest.testmod(module, extraglobs={"np": np, **public}).failed == 0
