"""The frequency ranks of ids that are not ordered by frequency."""

from typing import Any

import numpy as np
import numpy.typing as npt

from tfcompress.errors import ConfigError


def are_stored(ranks: Any) -> bool:
    """Whether a layer with this `ranks` argument stores a permutation: of an array, or of True."""
    return ranks is not None and ranks is not False


def parameters_of(ranks: Any, input_dim: int) -> int:
    """What the `ranks` argument of a layer of `input_dim` ids counts as."""
    return input_dim if are_stored(ranks) else 0


def checked_ranks(ranks: Any, input_dim: int) -> npt.NDArray[np.int32] | None:
    """The `ranks` argument of a layer as an array; None where there is none to store yet.

    Args:
        ranks: int array (input_dim,), bool or None.
        input_dim: int. n.

    Raises:
        ConfigError: the array is no permutation of 0..n-1.
    """
    if ranks is None or isinstance(ranks, bool):
        return None
    array = np.asarray(ranks)
    if array.shape != (input_dim,) or not np.issubdtype(array.dtype, np.integer):
        raise ConfigError(
            f"ranks must be integers of shape ({input_dim},); "
            f"received {array.dtype} of shape {array.shape}"
        )
    if not np.array_equal(np.sort(array), np.arange(input_dim)):
        raise ConfigError(
            f"ranks must be a permutation of 0..{input_dim - 1}; "
            f"received values from {array.min()} to {array.max()}"
        )
    return array.astype(np.int32)
