"""Numbers as a person reads them."""

from collections.abc import Collection, Mapping
from typing import Any

MISSING = "-"
_KIB = 1024


def bytes_text(count: int | None) -> str:
    """A size a person reads: "812 B", "20.5 KiB", "24.41 MiB"."""
    if count is None:
        return MISSING
    if count < _KIB:
        return f"{count} B"
    if count < 1000 * _KIB:
        return f"{count / _KIB:.1f} KiB"
    if count < 1000 * _KIB**2:
        return f"{count / _KIB**2:.2f} MiB"
    return f"{count / _KIB**3:.2f} GiB"


def machine_text(environment: Mapping[str, Any], left_out: Collection[str] = ()) -> str:
    """Where something was measured, of `environment.environment`; versions but those left out."""
    cores = environment["cores"]
    versions = environment["versions"].items()
    parts = [environment["cpu"], f"{cores} core{'s' * (cores != 1)}", environment["os"]]
    return ", ".join([*parts, *(f"{name} {of}" for name, of in versions if name not in left_out)])


def ratio_text(ratio: float | None) -> str:
    """A compression ratio: "15.8x", and "158x" where decimals say nothing."""
    if ratio is None:
        return MISSING
    return f"{ratio:.1f}x" if ratio < 100 else f"{ratio:.0f}x"


def time_text(microseconds: float | None) -> str:
    """Microseconds with three digits that matter: "4.25", "31.7", "1,234"."""
    if microseconds is None:
        return MISSING
    decimals = 2 if microseconds < 10 else 1 if microseconds < 100 else 0
    return f"{microseconds:,.{decimals}f}"
