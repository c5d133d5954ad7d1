"""The quality to expect of coded tables, from a smooth companion of the measure.

Ranking measures on a validation split jump by a percent for no reason: a target at rank 10 counts,
at rank 11 it does not. The soft gain of the same ranks (`ranking.RankingQuality`) says nearly the
same in units of its own, and a straight line through the codings made so far brings it back to the
measure: with 0.6 of the noise on amazon_games_seq. The trained model itself is not on that line:
its epoch was chosen by the measure, so that whatever changes it loses some luck too.

The likelihood of right answers will not do in its place: coarse tables make a model less sure of
itself, which most models are too much, and on amazon_games_seq it rises while nDCG falls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfcompress.search.settings import Trial

_NEAR = 0.15
"""Relative loss up to which the two fall in proportion."""
_ENOUGH = 4
"""Trials for a line."""


@dataclass(frozen=True)
class Expectation:
    """A line from the smooth companion to the quality.

    Attributes:
        intercept: float.
        slope: float. 0 where trials do not show one; a trial is then worth what was measured.
    """

    intercept: float = 0.0
    slope: float = 0.0

    @classmethod
    def fit(cls, trials: Sequence[Trial], reference: float) -> Expectation:
        """Least squares over trials of the untuned model that lose little.

        A signal-to-noise ratio is infinite where nothing was lost: such a trial is on no line.
        """
        points = [
            (made.soft, made.quality)
            for made in trials
            if not made.tuned and math.isfinite(made.soft) and math.isfinite(made.quality)
        ]
        near = [point for point in points if point[1] >= (1 - _NEAR) * reference]
        soft, quality = np.array(near if len(near) >= _ENOUGH else points).reshape(-1, 2).T
        if len(soft) < _ENOUGH or np.ptp(soft) <= 0:
            return cls()
        slope, intercept = np.polyfit(soft - soft.mean(), quality, 1)
        if slope <= 0:
            return cls()
        return cls(float(intercept - slope * soft.mean()), float(slope))

    def __call__(self, trial: Trial) -> float:
        """The quality to expect of a trial."""
        if not self.slope or trial.tuned:
            return trial.quality
        return self.intercept + self.slope * trial.soft
