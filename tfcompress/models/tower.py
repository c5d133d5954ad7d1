"""The dense tower between a pooled input and the output."""

from collections.abc import Sequence
from typing import Any

import keras

from tfcompress.errors import ConfigError


def tower(pooled: Any, hidden_units: Sequence[int], dropout: float = 0.0) -> Any:
    """Hidden layers with ReLU; dropout before each of them and after the last.

    Args:
        pooled: symbolic float tensor, shape `(batch, dim)`.
        hidden_units: sequence of int. Widths.
        dropout: float in [0, 1).

    Returns:
        Symbolic float tensor, shape `(batch, hidden_units[-1])`.

    Raises:
        ConfigError: `dropout` is out of its range.
    """
    if not 0 <= dropout < 1:
        raise ConfigError(f"dropout is {dropout}; give a number from 0 up to, not including, 1")
    hidden = pooled
    for index, units in enumerate(hidden_units):
        if dropout:
            hidden = keras.layers.Dropout(dropout, name=f"dropout_{index}")(hidden)
        hidden = keras.layers.Dense(units, activation="relu", name=f"hidden_{index}")(hidden)
    if dropout:
        hidden = keras.layers.Dropout(dropout, name=f"dropout_{len(hidden_units)}")(hidden)
    return hidden
