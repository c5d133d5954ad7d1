"""The least values that options of data sets may have."""

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
