"""A trained model and the data of its training in, its tables in the fewest bytes out."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tfcompress.errors import ConfigError
from tfcompress.rate_distortion import TransformedTable
from tfcompress.search.budget import Budget
from tfcompress.search.expected import ExpectedQuality
from tfcompress.search.model_tables import Metrics, ModelTables
from tfcompress.search.search import START, Search
from tfcompress.search.settings import Coded, Settings, Trial
from tfcompress.training.variables import assign, values

if TYPE_CHECKING:
    import keras

_LADDER = (0.7, 1.0, 1.4, 2.0, 2.8)
"""Steps over that of the start whose loss is measured, to know what to expect of others."""
_PROBED = 256
"""Examples whose outputs tell how tables share the bytes."""


@dataclass(frozen=True)
class Found:
    """What a search came to.

    Attributes:
        chosen: Trial.
        tables: dict str -> TransformedTable, by table name.
        reference: float. Quality of the model as it was trained; infinite for an SNR.
        float_bytes: int. What the coded tables take as float32.
        trials: tuple of Trial. All that were made.
    """

    chosen: Trial
    tables: Mapping[str, TransformedTable]
    reference: float
    float_bytes: int
    trials: tuple[Trial, ...]

    def change(self, trial: Trial) -> float:
        """Relative change of quality against the trained model."""
        return trial.quality / self.reference - 1

    def front(self) -> list[Trial]:
        """The trials that no other beats in bytes and quality at once, fewest bytes first."""
        best: list[Trial] = []
        for trial in sorted(self.trials, key=lambda made: (made.nbytes, -made.quality)):
            if not best or trial.quality > best[-1].quality:
                best.append(trial)
        return best


def find_tables(
    model: keras.Model,
    names: Collection[str],
    budget: Budget,
    *,
    quality: Callable[[keras.Model], float] | None = None,
    likelihood: Callable[[keras.Model], float] | None = None,
    counts: Mapping[str, Any] | None = None,
    probe: Any = None,
    metrics: Metrics | None = None,
    size_of: Callable[[TransformedTable], int] = lambda table: table.nbytes,
    tune: Callable[[keras.Model], None] | None = None,
    tell: Callable[[Trial, float], None] | None = None,
) -> Found:
    """Searches for the smallest tables within a budget.

    Args:
        model: keras.Model. Its tables are put back as they were; the rest too, unless `tune` is
            given and the chosen trial is a tuned one, whose weights the rest then has.
        names: collection of str. Tables to code, as "embedding/table".
        budget: Budget.
        quality: callable or None. Quality of a model on validation data, higher is better; None
            with `snr_db` only.
        likelihood: callable or None. Mean log likelihood of the right answers on validation data,
            which tells trials apart; see `expected`. None with `snr_db` only.
        counts: mapping of embedding name to how often each id is read, or None. Without them rows
            all count alike and share one step.
        probe: array or None. A batch of inputs, by which several tables share the bytes.
        metrics: callable or None. As of `ModelTables`.
        size_of: callable. Bytes of a coded table in the file.
        tune: callable or None. Trains a model on, but for the tables that are coded. Once the
            settings are found, they are made coarser for as long as the tuned model suffices.
        tell: callable or None. Receives every trial and the quality of the trained model.

    Raises:
        ConfigError: The budget cannot be kept, or there is nothing to code.
    """
    examples = None if probe is None else probe[:_PROBED]
    tables = ModelTables(model, names, counts or {}, examples, metrics=metrics, size_of=size_of)
    ranked = tables.have_row_steps
    start = START if ranked else replace(START, row_step_exponent=0.0, rare_shrinkage=0.0)
    if budget.snr_db is not None:
        # Shrinkage may better the model, but never the signal.
        start = replace(start, rare_shrinkage=0.0)
        search = Search(
            tables.encode, tables.snr_db, start=start, row_steps=ranked, tell=_with(math.inf, tell)
        )
        chosen = search.smallest(budget.snr_db)
        return _found(tables, search, chosen, math.inf)
    if quality is None or likelihood is None:
        raise ConfigError("quality: max_loss and max_bytes need data to measure on; give snr_db")
    expected = ExpectedQuality(model, tables, quality, likelihood)
    reference = expected.reference
    if not reference > 0:
        raise ConfigError(f"quality: the trained model has {reference:g}; nothing can be lost")
    expected.calibrate(tables.encode(replace(start, step=start.step * part)) for part in _LADDER)
    search = Search(
        tables.encode, expected, start=start, row_steps=ranked, tell=_with(reference, tell)
    )
    if budget.max_loss is None:
        enough = None
        best = search.best(budget.max_bytes or 0.0)
        chosen = replace(best, quality=expected.measured(tables.encode(best.settings)))
    else:
        enough = reference * (1 - budget.max_loss)
        chosen = search.finer(search.smallest(enough), expected.measured, enough)
    if tune is not None:
        tuned = _Tuned(model, tables, tune, quality)
        chosen = search.tuned(chosen, tuned.quality, enough)
        tuned.keep(chosen)
    return _found(tables, search, chosen, reference)


def _with(
    reference: float, tell: Callable[[Trial, float], None] | None
) -> Callable[[Trial], None] | None:
    return None if tell is None else lambda trial: tell(trial, reference)


def _found(tables: ModelTables, search: Search, chosen: Trial, reference: float) -> Found:
    coded = tables.encode(chosen.settings)
    return Found(chosen, coded.tables, reference, tables.float_bytes, tuple(search.trials))


class _Tuned:
    """Weights of the model tuned to coded tables, by their settings."""

    def __init__(
        self,
        model: keras.Model,
        tables: ModelTables,
        tune: Callable[[keras.Model], None],
        quality: Callable[[keras.Model], float],
    ) -> None:
        self._model, self._tables = model, tables
        self._tune, self._quality = tune, quality
        self._trained = values(model.variables)
        self._weights: dict[Settings, list[Any]] = {}

    def quality(self, coded: Coded) -> float:
        try:
            with self._tables.in_place(coded.tables) as changed:
                self._tune(changed)
                quality = self._quality(changed)
            self._weights[coded.settings] = values(self._model.variables)
        finally:
            assign(self._model.variables, self._trained)
        return quality

    def keep(self, trial: Trial) -> None:
        """Gives the model the weights of a trial, where it is a tuned one."""
        if trial.tuned:
            assign(self._model.variables, self._weights[trial.settings])
