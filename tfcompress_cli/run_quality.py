"""The quality of a file, beside that of the model it was made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfcompress.search.run_quality import RunQuality


def check_file(content: bytes, measured: RunQuality, trained: Mapping[str, float]) -> str:
    """What the file itself gives on validation and test, in a line.

    Args:
        content: bytes. The .tflite file.
        measured: RunQuality. Of the run it was made of.
        trained: mapping. What the trained model gave on "validation" and "test".
    """
    from tfcompress.measure.quality import measure_quality
    from tfcompress.tflite import inspect_model

    info, dataset = inspect_model(content), measured.dataset
    with TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        file.write_bytes(content)
        splits = {"validation": replace(dataset, test=dataset.valid), "test": dataset}
        parts = []
        for name, data in splits.items():
            value = measure_quality(file, info, data).to_json()[measured.metric]
            change = f"{value / trained[name] - 1:+.2%}" if trained[name] else "trained: 0"
            parts.append(f"{name} {measured.metric} {value:.4f} ({change})")
    return "the .tflite against the trained model: " + ", ".join(parts)
