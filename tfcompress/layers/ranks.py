"""The frequency ranks of ids that are not ordered by frequency."""

from typing import Any

import numpy as np
import numpy.typing as npt

from tfcompress.errors import ConfigError


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
