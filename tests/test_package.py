"""What `import tfcompress` offers, and what it costs."""

import subprocess
import sys
from pathlib import Path

import pytest

import tfcompress

PUBLIC = [
    "codec.certify",
    "codec.pack",
    "layers.MEmComEmbedding",
    "measure.measure",
    "model_optimization.optimize_dense",
    "quantization.quantize",
    "ranking.evaluate",
    "rate_distortion.transform_code",
    "replace_embeddings",
    "search.convert_lossy",
    "search.pack_lossy",
    "tflite.convert",
    "tflite.open_model",
    "tflite.pack",
]


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_are_where_the_documentation_has_them(name: str):
    found = tfcompress
    for part in name.split("."):
        found = getattr(found, part)
    assert callable(found)


def test_every_name_in_dir_is_there():
    for name in dir(tfcompress):
        assert hasattr(tfcompress, name)


def test_other_names_are_no_attributes():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = tfcompress.nothing


def test_type_checkers_read_the_package():
    """PEP 561: without the marker they ignore its annotations."""
    assert (Path(tfcompress.__file__).parent / "py.typed").is_file()


def test_importing_brings_in_nothing_heavy():
    heavy = "{'keras', 'tensorflow', 'jax', 'numpy'}"
    script = f"import sys, tfcompress, tfcompress_cli.main; print({heavy} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
