"""A measure of the user's own, as a search takes it."""

import math
from collections.abc import Callable
from typing import Any, TypeVar

from tfcompress.errors import ConfigError

SubjectT = TypeVar("SubjectT")


def examined(
    examine: Callable[[SubjectT], Any],
) -> Callable[[SubjectT], tuple[float, float]]:
    """A measure that gives a quality and its smooth companion, checked.

    Args:
        examine: callable. From a model or the bytes of a file to its quality, higher is better; or
            to a pair of that and a smooth companion of it, see `Task.examine`. A quality alone is
            its own.
    """

    def checked(subject: SubjectT) -> tuple[float, float]:
        given = examine(subject)
        pair = tuple(given) if isinstance(given, (tuple, list)) else (given, given)
        try:
            quality, soft = map(float, pair)
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"examine: gave {given!r}, expected a quality, or a pair of that and its smooth "
                "companion"
            ) from error
        if not (math.isfinite(quality) and math.isfinite(soft)):
            raise ConfigError(f"examine: gave {given!r}, expected finite numbers")
        return quality, soft

    return checked
