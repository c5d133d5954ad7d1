"""What a .tflite that is only in memory gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tfcompress.errors import ModelError
from tfcompress.measure.batch_runner import BatchRunner
from tfcompress.temporary import temporary_folder

Result = TypeVar("Result")


def on_disk(content: bytes, function: Callable[[Path], Result]) -> Result:
    """What a function gives for a file of this content."""
    with temporary_folder() as folder:
        path = folder / "model.tflite"
        path.write_bytes(content)
        return function(path)


def file_outputs(
    content: bytes, inputs: NDArray[np.int32], *, num_scores: int = 1
) -> NDArray[np.float32]:
    """The floats that a file gives for some examples.

    Args:
        content: bytes. A .tflite of one input of ids.
        inputs: int32 array, shape `(examples, length)`.
        num_scores: int. About how many numbers stand in memory for one example.

    Returns:
        float32 array, one row an example: its outputs one behind the other.

    Raises:
        ModelError: it gives none, or does not run.
    """

    def run(path: Path) -> NDArray[np.float32]:
        runner = BatchRunner(path, inputs.shape[1], num_scores)
        if "f" not in runner.kinds:
            raise ModelError(f"expected floats to come out, found kinds {runner.kinds}")
        rows = []
        for start in range(0, len(inputs), runner.batch_size):
            part = inputs[start : start + runner.batch_size]
            floats = [x for x in runner.run_all(part) if x.dtype.kind == "f"]
            rows.append(np.hstack([x.reshape(len(part), -1) for x in floats]))
        return np.concatenate(rows, dtype=np.float32)

    return on_disk(content, run)
