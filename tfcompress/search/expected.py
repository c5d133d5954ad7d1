"""The quality to expect of coded tables, from how likely they make the right answers.

Ranking measures on a few thousand users jump by a percent or two for no reason: on ml1m_seq, where
validation has few users, tables that seemed to lose 1 % lost 6 % in test. The likelihood of the
same answers moves smoothly and alike on both splits, and over many codings of a table the loss of
quality is nearly proportional to its fall. So a few codings are measured both ways, and from then
on the fall of likelihood says what loss to expect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from tfcompress.search.model_tables import ModelTables
from tfcompress.search.settings import Coded

if TYPE_CHECKING:
    import keras

Measure = Callable[["keras.Model"], float]

_MOST_LOSS = 0.1
"""Beyond it loss is no longer in proportion."""


class ExpectedQuality:
    """Quality of a model with coded tables.

    Args:
        model: keras.Model, as trained.
        tables: ModelTables. Of the model.
        quality: callable. Quality of a model on validation data; higher is better.
        likelihood: callable. Mean log likelihood of the right answers, in nats.

    Attributes:
        reference: float. Quality of the trained model.
        loss_per_nat: float or None. Relative loss of quality for a fall of the mean log likelihood
            by one; None before `calibrate`, or where it found no fall.
    """

    def __init__(
        self, model: keras.Model, tables: ModelTables, quality: Measure, likelihood: Measure
    ) -> None:
        self._tables, self._quality, self._likelihood = tables, quality, likelihood
        self.reference = quality(model)
        self._trained = likelihood(model)
        self.loss_per_nat: float | None = None

    def calibrate(self, ladder: Iterable[Coded]) -> None:
        """Measures codings both ways; least squares through the origin."""
        products = squares = 0.0
        for coded in ladder:
            with self._tables.in_place(coded.tables) as changed:
                fall = self._trained - self._likelihood(changed)
                loss = 1 - self._quality(changed) / self.reference
            if fall > 0 and loss <= _MOST_LOSS:
                products += fall * loss
                squares += fall * fall
        if products > 0:
            self.loss_per_nat = products / squares

    def measured(self, coded: Coded) -> float:
        """The quality itself."""
        with self._tables.in_place(coded.tables) as changed:
            return self._quality(changed)

    def __call__(self, coded: Coded) -> float:
        """The quality to expect; the measured one where nothing is known of likelihoods."""
        if self.loss_per_nat is None:
            return self.measured(coded)
        with self._tables.in_place(coded.tables) as changed:
            fall = self._trained - self._likelihood(changed)
        return self.reference * (1 - self.loss_per_nat * fall)
