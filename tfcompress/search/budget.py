"""What a search must keep to."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfcompress.errors import ConfigError


@dataclass(frozen=True)
class Budget:
    """What a search must keep to; one of the three is given.

    Attributes:
        max_loss: float or None. Relative loss of quality, such as 0.01.
        max_bytes: float or None. Bytes of the coded tables.
        snr_db: float or None. Signal-to-noise ratio of the tables, rows weighted by how often they
            are read; needs no data.
    """

    max_loss: float | None = None
    max_bytes: float | None = None
    snr_db: float | None = None

    def __post_init__(self) -> None:
        """Checks that one is given, and in its range."""
        check_one_given(vars(self), positive=("max_bytes", "snr_db"))
        if self.max_loss is not None and not 0 < self.max_loss < 1:
            raise ConfigError(f"max_loss: got {self.max_loss:g}, expected above 0 and below 1")

    def after(self, lost: float, what: str) -> "Budget":
        """The budget that is left where something else loses quality too.

        Args:
            lost: float. Relative loss of `what`, from 0.
            what: str. For the error.

        Raises:
            ConfigError: nothing is left of `max_loss`.
        """
        if self.max_loss is None:
            return self
        if lost >= self.max_loss:
            raise ConfigError(
                f"max_loss: got {self.max_loss:.2%}, but {what} lose {lost:.2%} by themselves; "
                "accept more, take a number type of more bits, or code an output matrix too"
            )
        return Budget(max_loss=self.max_loss - lost)


def check_one_given(options: Mapping[str, Any], *, positive: Sequence[str]) -> None:
    """Checks that one option is not None, and that it is in its range where `positive` names it.

    Raises:
        ConfigError: it names the options, and what was given.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if len(given) != 1:
        named = ", ".join(given) or "none"
        raise ConfigError(f"{', '.join(options)}: got {named}; give one of them")
    for name in positive:
        if name in given and not 0 < given[name] < math.inf:
            raise ConfigError(f"{name}: got {given[name]:g}, expected a positive, finite number")


def check_measured(budget: Budget, examine: Any) -> None:
    """Raises `ConfigError` where quality may be lost and nothing measures it."""
    if budget.max_loss is not None and examine is None:
        raise ConfigError(
            "examine: None, but max_loss is a loss of what it gives; give a function, or snr_db or "
            "max_bytes as the budget"
        )


def check_search_codec(codec: str, target: str, *, name: str = "codec") -> None:
    """Raises `ConfigError`, by the name of the option, for a codec a search does not count on."""
    codecs = ("auto", "rate") if target == "delegate" else ("auto", "indexed")
    if codec not in codecs:
        raise ConfigError(
            f"{name}: got {codec!r}, but a search for target {target!r} counts on "
            f"{' or '.join(codecs)}; leave it out"
        )


def check_code_output(code_output: bool, target: str) -> None:
    """Raises `ConfigError` where an output matrix is to be coded that nothing could decode."""
    if code_output and target == "builtin":
        raise ConfigError(
            "code_output: target 'builtin' cannot take scores against a packed matrix; use target "
            "'delegate' or leave the output as it is"
        )
