"""What may be done to the dense layers."""

import contextlib
from dataclasses import dataclass

from tfcompress.errors import ConfigError

_EXPECTED = "prune:0.5 (the share of zeros), cluster:16 (the number of values) or qat"


@dataclass(frozen=True)
class DenseMethod:
    """One of TFMOT's three.

    Attributes:
        kind: str. "prune": the smallest weights become zero; "cluster": every kernel keeps a few
            different values; "qat": training with weights and activations rounded to 8 bits.
        amount: float. Of "prune" the share of zeros in (0, 1), of "cluster" the number of values,
            at least 2; 0 for "qat".
    """

    kind: str
    amount: float = 0.0

    def __post_init__(self) -> None:
        if self.kind == "prune" and not 0 < self.amount < 1:
            raise ConfigError(f"dense: prune:{self.amount:g}: expected a share between 0 and 1")
        if self.kind == "cluster" and not (self.amount >= 2 and self.amount == int(self.amount)):
            raise ConfigError(f"dense: cluster:{self.amount:g}: expected a whole number from 2 on")

    @classmethod
    def parse(cls, text: str) -> "DenseMethod":
        """From "prune:0.5", "cluster:16" or "qat"; raises `ConfigError` for anything else."""
        kind, colon, number = text.partition(":")
        if kind == "qat" and not colon:
            return cls(kind)
        amount = None
        with contextlib.suppress(ValueError):
            amount = float(number)
        if amount is None or kind not in ("prune", "cluster"):
            raise ConfigError(f"dense: got {text!r}, expected {_EXPECTED}")
        return cls(kind, amount)
