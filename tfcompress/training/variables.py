"""The values of Keras variables, taken out and put back."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray


def values(variables: Sequence[Any]) -> list[NDArray[Any]]:
    """Copies of the values: on some backends an array is a view of memory that training writes to.

    Args:
        variables: sequence of keras.Variable. `model.variables` holds the states of random
            generators too, which `model.get_weights()` leaves out.
    """
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def assign(variables: Sequence[Any], new: Sequence[NDArray[Any]]) -> None:
    """Puts values into as many variables."""
    for variable, value in zip(variables, new, strict=True):
        variable.assign(value)
