"""The quality of a file, beside that of the model it was made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

    from tfcompress.search.run_quality import RunQuality


def check_file(content: bytes, model: keras.Model, measured: RunQuality) -> str:
    """What the file itself gives on validation and test, in a line."""
    from tfcompress.measure.quality import measure_quality
    from tfcompress.tflite import inspect_model

    info, dataset = inspect_model(content), measured.dataset
    with TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        file.write_bytes(content)
        splits = {
            "validation": (replace(dataset, test=dataset.valid), measured.valid(model)),
            "test": (dataset, measured.test(model)),
        }
        parts = []
        for name, (data, trained) in splits.items():
            value = measure_quality(file, info, data).to_json()[measured.metric]
            parts.append(f"{name} {measured.metric} {value:.4f} ({value / trained - 1:+.2%})")
    return "the .tflite against the trained model: " + ", ".join(parts)
