"""A trained model and the data of its training in, its tables in the fewest bytes out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from tfcompress.search.budget import Budget
from tfcompress.search.coded_together import SizeOf, probe_rows
from tfcompress.search.keras_model.refit import DenseRefit
from tfcompress.search.keras_model.tables import Metrics, ModelTables
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
    model: keras.Model,
    names: Collection[str],
    budget: Budget,
    *,
    examine: Examine | None = None,
    counts: Mapping[str, Any] | None = None,
    probe: Any = None,
    logits: Callable[[Any], Any] | None = None,
    metrics: Metrics | None = None,
    size_of: SizeOf = lambda _, table: table.nbytes,
    kept_long: Collection[str] = (),
    refit: Callable[[list[Any]], DenseRefit] | None = None,
    tune: Callable[[keras.Model, list[Any]], None] | None = None,
    start: Settings = START,
    reference: float | None = None,
    tell: Tell | None = None,
) -> Found:
    """Searches for the smallest tables within a budget.

    Args:
        model: keras.Model. Its tables are put back as they were. Dense layers that `refit` knows
            have the weights that go with the chosen tables, and where the chosen trial is a tuned
            one the rest of the model has too.
        names: collection of str. Tables to code, as "embedding/table".
        budget: Budget.
        examine: callable or None. Quality of a model on validation data, and its smooth companion
            (see `Task.examine`); higher is better. None goes by the SNR of the tables.
        counts: mapping of embedding name to how often each id is read, or None. Without them rows
            all count alike and share one step.
        probe: array or None. A batch of inputs, by which several tables share the bytes.
        logits: callable or None. As of `ModelTables`, as is the next one.
        metrics: callable or None.
        size_of: callable. Bytes of a coded table in the file, from its name and the table.
        kept_long: collection of str. Tables whose rare rows are not shrunk: those that scores are
            taken against and nothing is read of, as shorter rows have lower scores.
        refit: callable or None. As of `ModelTables`. Left out where it does not better the first
            coding that is tried.
        tune: callable or None. Trains a model on, but for the given variables, those of coded
            tables. Once the settings are found, they are made coarser for as long as the tuned
            model suffices.
        start: Settings. Where the search begins.
        reference: float or None. What `examine` gives for the model as it is, where that is known.
        tell: callable or None. Receives every trial and the quality of the trained model.

    Raises:
        ConfigError: The budget cannot be kept, or there is nothing to code.
    """
    examples = None if probe is None else probe[probe_rows(len(probe))]
    tables = ModelTables(
        model,
        names,
        counts or {},
        examples,
        logits=logits,
        metrics=metrics,
        size_of=size_of,
        kept_long=kept_long,
        refit=refit,
    )
    if examine is None or budget.snr_db is not None:
        search, chosen = search_within(tables, budget, start=start, tell=tell)
        return found(tables, search, chosen)
    if reference is None:
        reference, _ = examine(model)

    def measured(coded: Coded) -> tuple[float, float]:
        with tables.in_place(coded) as changed:
            return examine(changed)

    if tables.refit is not None and not _helps(tables, start_for(tables, start), measured):
        tables.drop_refit()
    search, chosen = search_within(tables, budget, measured, reference, start=start, tell=tell)
    weights = _Weights(model, tables, tune, lambda changed: examine(changed)[0])
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
        model: keras.Model,
        tables: ModelTables,
        tune: Callable[[keras.Model, list[Any]], None] | None,
        quality: Callable[[keras.Model], float],
    ) -> None:
        self._model, self._tables = model, tables
        self._tune, self._quality = tune, quality
        self._trained = values(model.variables)
        self._tuned: dict[Settings, list[Any]] = {}

    def tuned_quality(self, coded: Coded) -> float:
        """Quality once tuned to coded tables; the model is then as it was trained again."""
        assert self._tune is not None
        try:
            with self._tables.in_place(coded) as changed:
                self._tune(changed, self._tables.variables)
                quality = self._quality(changed)
                self._tuned[coded.settings] = values(self._model.variables)
        finally:
            assign(self._model.variables, self._trained)
        return quality

    def keep(self, trial: Trial) -> None:
        """Gives the model the weights of a trial, but for its tables."""
        if trial.tuned:
            kept = self._tuned[trial.settings]
        else:
            with self._tables.in_place(self._tables.encode(trial.settings)):
                kept = values(self._model.variables)
        assign(self._model.variables, kept)
        self._tables.put_back()
