"""The tables of a trained model in, the same ones in the fewest bytes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tfcompress.search.budget import Budget
from tfcompress.search.keras_model.tables import ModelTables
from tfcompress.search.search import START
from tfcompress.search.settings import Coded, Settings, Trial
from tfcompress.search.within_budget import (
    ExamineCoded,
    Found,
    Tell,
    found,
    least_quality,
    search_within,
    start_for,
)
from tfcompress.training.variables import assign, values

if TYPE_CHECKING:
    import keras

Examine = Callable[["keras.Model"], tuple[float, float]]


def find_tables(
    tables: ModelTables,
    budget: Budget,
    *,
    examine: Examine | None = None,
    tune: Callable[[keras.Model, list[Any]], None] | None = None,
    start: Settings = START,
    reference: float | None = None,
    tell: Tell | None = None,
) -> Found:
    """Searches for the smallest tables within a budget.

    Args:
        tables: ModelTables. They are put back as they were; other weights of the model are those
            that go with the chosen tables: of dense layers that are refitted, and where the chosen
            trial is a tuned one of all the rest. Nothing is refitted where that does not better the
            first coding that is tried.
        budget: Budget.
        examine: callable or None. Quality of a model on validation data, and its smooth companion
            (see `Task.examine`); higher is better. None goes by the SNR of the tables.
        tune: callable or None. Trains a model on, but for the given variables, those of coded
            tables. Once the settings are found, they are made coarser for as long as the tuned
            model suffices.
        start: Settings. Where the search begins.
        reference: float or None. What `examine` gives for the model as it is, where that is known.
        tell: callable or None. Receives every trial and the quality of the trained model.

    Raises:
        ConfigError: The budget cannot be kept.
    """
    if examine is None or budget.snr_db is not None:
        search, chosen = search_within(tables, budget, start=start, tell=tell)
        return found(tables, search, chosen)
    if reference is None:
        reference, _ = examine(tables.model)

    def measured(coded: Coded) -> tuple[float, float]:
        with tables.in_place(coded) as changed:
            return examine(changed)

    if tables.refit is not None and not _helps(tables, start_for(tables, start), measured):
        tables.drop_refit()
    search, chosen = search_within(tables, budget, measured, reference, start=start, tell=tell)
    weights = _Weights(tables, tune, lambda changed: examine(changed)[0])
    if tune is not None:
        enough = least_quality(budget, reference)
        chosen = search.tuned(chosen, weights.tuned_quality, enough)
    weights.keep(chosen)
    refitted = tables.refit.names if tables.refit else ()
    return found(tables, search, chosen, reference, refitted)


def _helps(tables: ModelTables, start: Settings, measured: ExamineCoded) -> bool:
    """Whether the refit betters the model with the first coding."""
    coded, refit = tables.encode(start), tables.refit
    _, fitted = measured(coded)
    tables.refit = None
    _, plain = measured(coded)
    tables.refit = refit
    return fitted > plain


class _Weights:
    """Weights of the model that go with coded tables: refitted or tuned."""

    def __init__(
        self,
        tables: ModelTables,
        tune: Callable[[keras.Model, list[Any]], None] | None,
        quality: Callable[[keras.Model], float],
    ) -> None:
        self._tables, self._tune, self._quality = tables, tune, quality
        self._variables = tables.model.variables
        self._trained = values(self._variables)
        self._tuned: dict[Settings, list[Any]] = {}

    def tuned_quality(self, coded: Coded) -> float:
        """Quality once tuned to coded tables; the model is then as it was trained again."""
        assert self._tune is not None
        try:
            with self._tables.in_place(coded) as changed:
                self._tune(changed, self._tables.variables)
                quality = self._quality(changed)
                self._tuned[coded.settings] = values(self._variables)
        finally:
            assign(self._variables, self._trained)
        return quality

    def keep(self, trial: Trial) -> None:
        """Gives the model the weights of a trial, but for its tables."""
        if trial.tuned:
            kept = self._tuned[trial.settings]
        else:
            with self._tables.in_place(self._tables.encode(trial.settings)):
                kept = values(self._variables)
        assign(self._variables, kept)
        self._tables.put_back()
