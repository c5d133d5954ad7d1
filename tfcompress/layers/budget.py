"""From a compression ratio to the size of a layer: the largest one that stays within it."""

import math
import numbers
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tfcompress.errors import ConfigError


@dataclass(frozen=True)
class SizeRange:
    """The one integer that sets how big a layer is.

    Args:
        low: int. The smallest size allowed.
        high: int. The largest size that is still of use.
        parameters: callable int -> int. Parameters of the layer at a size; must not decrease from
            `low` to `high`.
        value: callable int -> Any. What the constructor's argument is given for a size; the size
            itself as a rule.
    """

    low: int
    high: int
    parameters: Callable[[int], int]
    value: Callable[[int], Any] = operator.index


def positive_integer(name: str, value: Any, *, maximum: int | None = None) -> int:
    """Returns `value` as an int; raises `ConfigError` unless it is an integer of at least 1."""
    if isinstance(value, bool):
        value = None
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if number < 1:
        raise ConfigError(
            f"{name} must be a positive integer; received {value!r} of type {type(value).__name__}"
        )
    if maximum is not None and number > maximum:
        raise ConfigError(f"{name} must be at most {maximum}; received {number}")
    return number


def parameter_budget(input_dim: int, output_dim: int, ratio: float) -> int:
    """The float32 parameters a table of `input_dim` rows may have at `ratio`: n D / ratio."""
    if (
        isinstance(ratio, bool)
        or not isinstance(ratio, numbers.Real)
        or not math.isfinite(ratio)
        or ratio < 1
    ):
        raise ConfigError(f"ratio must be a finite number of at least 1; received {ratio!r}")
    ratio = float(ratio)  # NumPy's float32 would round the budget
    # A ratio read back from a size (n D / parameters) must give that size again, so the last bits
    # of the division must not cost a whole parameter.
    return math.floor(input_dim * output_dim / ratio * (1 + 1e-12))


def largest_within(sizes: SizeRange, budget: int) -> int | None:
    """The largest size whose parameters are at most `budget`, or None when even `low` is too big.

    Args:
        sizes: SizeRange. The layer's sizes.
        budget: int. Parameters allowed.
    """
    if sizes.low > sizes.high or sizes.parameters(sizes.low) > budget:
        return None
    low, high = sizes.low, sizes.high
    while low < high:
        middle = (low + high + 1) // 2
        if sizes.parameters(middle) <= budget:
            low = middle
        else:
            high = middle - 1
    return low


def out_of_reach(
    layer: str, input_dim: int, output_dim: int, ratio: float, parameters: int
) -> ConfigError:
    """The error for a ratio that `layer` cannot reach: names the highest one it can.

    Args:
        layer: str. Class name.
        input_dim: int. Ids.
        output_dim: int. Width.
        ratio: float. What was asked for.
        parameters: int. Parameters of the smallest layer.
    """
    # Rounded down, so that asking for the ratio named here works.
    highest = math.floor(input_dim * output_dim / parameters * 10_000) / 10_000
    larger = "" if highest >= 1 else ", for no such layer is smaller than the full table there"
    return ConfigError(
        f"ratio={ratio:g} is out of reach for {layer} with input_dim={input_dim}, "
        f"output_dim={output_dim}: the highest ratio it can reach is {highest:.10g} "
        f"({parameters} parameters{larger})"
    )
