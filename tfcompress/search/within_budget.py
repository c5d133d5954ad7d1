"""One search over tables coded together, whatever model they are from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tfcompress.errors import ConfigError
from tfcompress.pareto import unbeaten
from tfcompress.rate_distortion import TransformedTable
from tfcompress.search.budget import Budget
from tfcompress.search.coded_together import CodedTogether
from tfcompress.search.search import START, OutOfReachError, Search
from tfcompress.search.settings import Coded, Settings, Trial

ExamineCoded = Callable[[Coded], tuple[float, float]]
"""Quality with coded tables and its smooth companion (see `Task.examine`); higher is better."""
Tell = Callable[[Trial, float], None]
"""Receives a trial and the quality of the model as it was; infinite for an SNR."""


@dataclass(frozen=True)
class Found:
    """What a search came to.

    Attributes:
        chosen: Trial.
        tables: dict str -> TransformedTable, by table name.
        reference: float. Quality of the model as it was trained; infinite for an SNR.
        float_bytes: int. What the coded tables take as float32.
        trials: tuple of Trial. All that were made.
        refitted: tuple of str. What was fitted to the coded tables: names of dense layers, or of
            the tables of a file whose scores have biases.
        dense_loss: float. Relative loss of coarse dense weights, which came off the loss accepted.
    """

    chosen: Trial
    tables: Mapping[str, TransformedTable]
    reference: float
    float_bytes: int
    trials: tuple[Trial, ...]
    refitted: tuple[str, ...] = ()
    dense_loss: float = 0.0

    def front(self) -> list[Trial]:
        """The trials that no other beats in bytes and expected quality, fewest bytes first."""
        return unbeaten(self.trials, lambda trial: trial.nbytes, lambda trial: trial.best_guess)


def search_within(
    tables: CodedTogether,
    budget: Budget,
    measured: ExamineCoded | None = None,
    reference: float = math.inf,
    *,
    start: Settings = START,
    tell: Tell | None = None,
) -> tuple[Search, Trial]:
    """Searches for the smallest tables within a budget.

    Args:
        tables: CodedTogether.
        budget: Budget.
        measured: callable or None. Quality with coded tables. None goes by their SNR.
        reference: float. Quality of the model as it is; infinite without `measured`.
        start: Settings. Where the search begins, as far as the tables allow it.
        tell: callable or None. Receives every trial and the reference.

    Returns:
        The search, with all its trials, and the one that was chosen.

    Raises:
        ConfigError: The budget cannot be kept, or it is a loss of what is not measured.
    """
    if measured is None and budget.max_loss is not None:
        raise ConfigError("quality: max_loss needs data to measure on; give snr_db")
    if not reference > 0:
        raise ConfigError(f"quality: the trained model has {reference:g}; nothing can be lost")
    start = start_for(tables, start)
    if measured is None:
        # Shrinkage may better the model, but never the signal.
        start = replace(start, rare_shrinkage=0.0)

    def signal(coded: Coded) -> tuple[float, float]:
        decibels = tables.snr_db(coded)
        return decibels, decibels

    search = Search(
        tables.encode,
        measured or signal,
        start=start,
        row_steps=tables.have_row_steps,
        reference=reference if math.isfinite(reference) else 0.0,
        tell=None if tell is None else lambda trial: tell(trial, reference),
    )
    enough = least_quality(budget, reference)
    if enough is None:
        return search, search.best(budget.max_bytes or 0.0)
    try:
        return search, search.smallest(enough)
    except OutOfReachError as error:
        if measured is not None:
            raise
        raise ConfigError(
            f"snr_db: got {enough:g}, the finest steps reach {error.reached:.1f} dB; ask for less, "
            "or leave it out: without a budget tables keep their values"
        ) from error


def start_for(tables: CodedTogether, start: Settings) -> Settings:
    """Where a search begins, as far as the tables and what is known of their rows allow it."""
    if not tables.have_row_steps:
        start = replace(start, row_step_exponent=0.0)
    if not tables.can_rotate:
        start = replace(start, rotation=False)
    return start if tables.counted else replace(start, rare_shrinkage=0.0)


def least_quality(budget: Budget, reference: float) -> float | None:
    """The quality that suffices; None where bytes are what is limited."""
    if budget.snr_db is not None:
        return budget.snr_db
    return None if budget.max_loss is None else reference * (1 - budget.max_loss)


def found(
    tables: CodedTogether,
    search: Search,
    chosen: Trial,
    reference: float = math.inf,
    refitted: tuple[str, ...] = (),
) -> Found:
    """The result of a search, with what is to be expected of each trial."""
    expectation = search.expectation

    def told(trial: Trial) -> Trial:
        is_measured = trial.tuned or math.isinf(reference)
        return trial if is_measured else replace(trial, expected=expectation(trial))

    coded = tables.encode(chosen.settings)
    return Found(
        told(chosen),
        coded.tables,
        reference,
        tables.float_bytes,
        tuple(map(told, search.trials)),
        refitted,
    )
