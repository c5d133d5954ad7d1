"""The quality of a file, beside that of the model it was made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfcompress.search.run.quality import RunQuality


def check_file(content: bytes, measured: RunQuality, trained: Mapping[str, float]) -> str:
    """What the file itself gives on validation and test, in a line.

    Args:
        content: bytes. The .tflite file.
        measured: RunQuality. Of the run it was made of.
        trained: mapping. What the trained model gave on "validation" and "test".
    """
    from tfcompress.search.tflite_file.quality import file_splits
    from tfcompress.tflite import inspect_model

    found = file_splits(content, inspect_model(content), measured.dataset, measured.metric)
    return changes("the trained model", found, list(trained.values()))


def changes(reference: str, found: Mapping[str, float], before: Sequence[float]) -> str:
    """The change of each measure of a file against what it was made of, in a line.

    Args:
        reference: str. What it was made of.
        found: mapping. The measures of the file by name.
        before: sequence of float. The same of the reference, in the same order.
    """
    parts = []
    for (name, value), own in zip(found.items(), before, strict=True):
        change = f"{value / own - 1:+.2%}" if own else f"{reference}: 0"
        parts.append(f"{name} {value:.4f} ({change})")
    return f"the .tflite against {reference}: " + ", ".join(parts)
