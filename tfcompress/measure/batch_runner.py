"""A .tflite of one input of ids, run on many examples."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.errors import ModelError, first_line
from tfcompress.vocabulary import PADDING_ID

# float32 scores of one batch: 64 MiB, however many a model gives for an example.
_BATCH_SCORES = 1 << 24
_BATCH_EXAMPLES = 256


class BatchRunner:
    """A model in the interpreter, fed batch by batch.

    Args:
        path: Path. The .tflite file.
        length: int. Ids of an example.
        num_scores: int. About how many numbers stand in memory for one example.

    Attributes:
        length: int.
        batch_size: int. The most examples `run` takes.
        kinds: list of str. NumPy kind of each output: "f", "i".

    Raises:
        ModelError: the file has several inputs, or does not take batches of that size.
    """

    def __init__(self, path: Path, length: int, num_scores: int) -> None:
        from tfcompress.tflite import open_model

        self.length = length
        self.batch_size = max(1, min(_BATCH_EXAMPLES, _BATCH_SCORES // max(num_scores, 1)))
        self._interpreter = open_model(path, num_threads=os.cpu_count() or 1)
        inputs = self._interpreter.get_input_details()
        if len(inputs) != 1:
            raise ModelError(f"expected one input of ids, found {len(inputs)}")
        self._input = inputs[0]
        self._outputs = self._interpreter.get_output_details()
        self.kinds = [np.dtype(output["dtype"]).kind for output in self._outputs]
        shape = (self.batch_size, self.length)
        try:
            self._interpreter.resize_tensor_input(self._input["index"], shape)
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"cannot be run on {shape} ids: {first_line(error)}") from error

    def expect(self, *allowed: list[str]) -> None:
        """Raises `ModelError` unless the kinds of the outputs, sorted, are one of `allowed`."""
        if sorted(self.kinds) not in allowed:
            names = [np.dtype(output["dtype"]).name for output in self._outputs]
            wanted = "scores, or ids and scores," if len(allowed) > 1 else "scores"
            raise ModelError(f"expected {wanted} to come out, found {names}")

    def run(self, ids: NDArray[np.int32]) -> dict[str, NDArray[Any]]:
        """The outputs, by kind, for ids `(B, length)` of at most `batch_size` examples."""
        return dict(zip(self.kinds, self.run_all(ids), strict=True))

    def run_all(self, ids: NDArray[np.int32]) -> list[NDArray[Any]]:
        """The outputs, in the order of `kinds`."""
        # The last batch is filled up with padding: a resize would prepare the graph again.
        batch = np.full((self.batch_size, self.length), PADDING_ID, self._input["dtype"])
        batch[: len(ids)] = ids
        self._interpreter.set_tensor(self._input["index"], batch)
        try:
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"refuses to invoke: {first_line(error)}") from error
        return [
            self._interpreter.get_tensor(output["index"])[: len(ids)] for output in self._outputs
        ]
