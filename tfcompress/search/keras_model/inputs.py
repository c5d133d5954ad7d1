"""Inputs of a Keras model, one array or several (list, tuple, dict), some examples at a time."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.errors import ConfigError


def num_examples(inputs: Any) -> int:
    """How many examples there are.

    Raises:
        ConfigError: None at all, or arrays of several numbers of them.
    """
    from keras import tree

    counts = sorted({len(part) for part in tree.flatten(inputs)})
    if len(counts) != 1:
        found = ", ".join(f"{count:,}" for count in counts) or "no array"
        raise ConfigError(f"inputs: got arrays of {found} examples; every input needs as many")
    return counts[0]


def take(inputs: Any, rows: NDArray[np.int64] | slice) -> Any:
    """Some of the examples, in the same structure."""
    from keras import tree

    return tree.map_structure(lambda part: part[rows], inputs)


def batches(inputs: Any, size: int) -> Iterator[Any]:
    """All examples in their order, at most `size` at a time."""
    for start in range(0, num_examples(inputs), size):
        yield take(inputs, slice(start, start + size))
