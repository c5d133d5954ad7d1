"""What a search varies, and what one setting gave."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tfcompress.rate_distortion import TransformedTable


@dataclass(frozen=True)
class Settings:
    """How all tables of a model are coded.

    Attributes:
        step: float. Of the integers, relative; each table's own is a fixed multiple of it.
        row_step_exponent: float. How fast steps grow for rarer rows.
        rate_weight: float. What a bit weighs when values are rounded.
        rotation: bool. Whether columns are rotated to principal axes.
        rare_shrinkage: float. How far rare rows are drawn to the mean row; 0 for not at all.
    """

    step: float
    row_step_exponent: float
    rate_weight: float
    rotation: bool
    rare_shrinkage: float = 0.0


@dataclass(frozen=True)
class Coded:
    """Tables coded at one setting.

    Attributes:
        settings: Settings.
        tables: dict str -> TransformedTable, by table name.
        nbytes: int. What all of them take in a file.
    """

    settings: Settings
    tables: Mapping[str, TransformedTable] = field(repr=False)
    nbytes: int


@dataclass(frozen=True)
class Trial:
    """One point of the curve: bytes and quality at one setting.

    Attributes:
        settings: Settings.
        nbytes: int. What the coded tables take.
        quality: float. Measured; higher is better.
        soft: float. The smooth companion of the quality, see `Task.examine`.
        tuned: bool. Whether the rest of the model was tuned to the coded tables.
        expected: float or None. The quality to expect, by `Expectation`; None before the end of a
            search, and for tuned trials.
    """

    settings: Settings
    nbytes: int
    quality: float
    soft: float
    tuned: bool = False
    expected: float | None = None

    @property
    def best_guess(self) -> float:
        """The quality to expect where that is known, else the measured one."""
        return self.quality if self.expected is None else self.expected

    def to_json(self) -> dict[str, Any]:
        """The settings, `table_bytes`, `measured`, `expected` and `tuned`.

        An infinite SNR, of tables that lose nothing, is None: JSON has no number for it.
        """
        return {
            **vars(self.settings),
            "table_bytes": self.nbytes,
            "measured": self.quality if math.isfinite(self.quality) else None,
            "expected": self.expected,
            "tuned": self.tuned,
        }
