"""Checks of the options of data sets."""

from collections.abc import Mapping

from tfcompress.errors import ConfigError


def check_least(options: Mapping[str, int | None], least: Mapping[str, int]) -> None:
    """Refuses the first option, in the order of `least`, that is too small; None is not looked at.

    Raises:
        ConfigError: it names the option, the least value and the one received.
    """
    for name, smallest in least.items():
        value = options[name]
        if value is not None and value < smallest:
            raise ConfigError(f"{name}: must be at least {smallest}, got {value}")


def refuse(what: str, options: Mapping[str, str | None]) -> None:
    """Refuses the first option that is given.

    Args:
        what: str. A source or format that has no use for any of them.
        options: mapping of name to value or None.

    Raises:
        ConfigError: it names the option and its value.
    """
    for name, value in options.items():
        if value is not None:
            raise ConfigError(f"{name}: {value!r} means nothing for {what}; leave it out")
