"""The tables of a Keras model, coded together and put in place of the trained ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.errors import ConfigError
from tfcompress.rate_distortion import row_weights
from tfcompress.rate_distortion.row_metrics import RowMetrics
from tfcompress.search.coded_together import (
    MIN_BYTES,
    CodedTogether,
    SizeOf,
    is_rotatable,
    probe_rows,
)
from tfcompress.search.divergence import answers_moved, mean_square
from tfcompress.search.keras_model.answers import Logits, answers_of
from tfcompress.search.keras_model.inputs import num_examples, take
from tfcompress.search.keras_model.refit import DenseRefit
from tfcompress.search.settings import Coded
from tfcompress.tflite.tables.constants import tables_replaced
from tfcompress.training.variables import assign, values

if TYPE_CHECKING:
    import keras

Metrics = Callable[[dict[str, Any]], dict[str, NDArray[np.float64]]]
RowMetricsOf = Callable[[dict[str, Any], dict[str, NDArray[np.float64]]], dict[str, RowMetrics]]


class ModelTables(CodedTogether):
    """The float32 tables of a model's lookups.

    Args:
        model: keras.Model.
        names: collection of str. Tables that rows are looked up in, as "embedding/table".
        counts: mapping of embedding name to number array `(input_dim,)`. How often each id is read.
            Embeddings that are not in it have rows in any order, and one step for all.
        probe: array, structure of arrays or None. Inputs. Where several tables share the bytes,
            what an error in each does to the answers to some of these is what they are shared by.
        logits: callable or None. See `answers`. None takes squares of errors of all outputs.
        metrics: callable or None. From the variables of tables that can be rotated, by name, to
            what errors along their columns do, `(D, D)` each; see `fisher`. None takes all
            directions to be alike.
        row_metrics: callable or None. From these variables and what `metrics` gave to what errors
            in each of their rows do, by name, where it is known.
        size_of: callable. Bytes of a coded table in the file, from its name and the table.
        kept_long: collection of str. Tables whose rare rows are not shrunk: those that scores are
            taken against and nothing is read of, as shorter rows have lower scores.
        refit: callable or None. From the embedding layers of coded tables to a `DenseRefit`, whose
            layers are then fitted to whatever coded tables are put in place.

    Attributes:
        model: keras.Model.
        names: tuple of str. Those that are coded, in the order of the model.
        refit: DenseRefit or None.

    Raises:
        ConfigError: The model has no table of a name, there is nothing to code, or a table holds a
            NaN or an infinity.
    """

    def __init__(
        self,
        model: keras.Model,
        names: Collection[str],
        counts: Mapping[str, NDArray[np.number]],
        probe: Any = None,
        *,
        logits: Logits | None = None,
        metrics: Metrics | None = None,
        row_metrics: RowMetricsOf | None = None,
        size_of: SizeOf = lambda _, table: table.nbytes,
        kept_long: Collection[str] = (),
        refit: Callable[[list[Any]], DenseRefit] | None = None,
    ) -> None:
        from tfcompress import layers

        self.model, self._logits = model, logits
        self._probe = probe
        if probe is not None:
            self._probe = take(probe, probe_rows(num_examples(probe)))
        coded_layers = []
        self._variables: dict[str, Any] = {}
        weights: dict[str, NDArray[np.float64]] = {}
        known_names = []
        for embedding, layer in layers.model_embeddings(model).items():
            known = row_weights(layer, counts[embedding]) if embedding in counts else {}
            for key, variable in layers.layer_tables(layer).items():
                name = f"{embedding}/{key}"
                known_names.append(name)
                if name in names and _can_code(variable):
                    self._variables[name] = variable
                    coded_layers.append(layer)
                    if key in known:
                        weights[name] = known[key]
        unknown = sorted(set(names) - set(known_names))
        if unknown:
            raise ConfigError(
                f"names: the model has no table {unknown[0]!r}; it has {', '.join(known_names)}"
            )
        if not self._variables:
            raise ConfigError(
                f"tables: none of the model's {len(names)} is float32 with at least {MIN_BYTES:,} "
                "bytes; use table_dtype"
            )
        trained = values(self.variables)
        self._trained = dict(zip(self._variables, trained, strict=True))
        known_metrics = metrics(self._rotatable()) if metrics else {}
        super().__init__(
            self._trained,
            weights,
            metrics=known_metrics,
            row_metrics=row_metrics(self._rotatable(), known_metrics) if row_metrics else None,
            size_of=size_of,
            kept_long=kept_long,
        )
        self.refit = refit(coded_layers) if refit else None
        if self.refit is not None and not self.refit.variables:
            self.refit = None
        self._wanted = lru_cache(maxsize=4)(self._make_wanted)
        self._share_bytes()

    def _rotatable(self) -> dict[str, Any]:
        """Variables whose columns may be rotated: a metric says by which axes, and costs D^2."""
        return {
            name: variable
            for name, variable in self._variables.items()
            if is_rotatable(variable.shape[0], math.prod(variable.shape[1:]))
        }

    @property
    def variables(self) -> list[Any]:
        """The variables of the coded tables."""
        return list(self._variables.values())

    @property
    def trained(self) -> list[NDArray[np.float32]]:
        """The values that are coded, in the order of `names`."""
        return [self._trained[name] for name in self.names]

    @contextmanager
    def in_place(self, coded: Coded) -> Iterator[keras.Model]:
        """The model with coded tables and what is fitted to them; all is put back as it was."""
        if self.refit is None:
            with tables_replaced(self.model, coded.tables):
                yield self.model
            return
        before = values(self.refit.variables)
        wanted = self._wanted(coded.settings.rare_shrinkage)
        with tables_replaced(self.model, coded.tables):
            try:
                assign(self.refit.variables, self.refit.solve(wanted))
                yield self.model
            finally:
                assign(self.refit.variables, before)

    def retrain(self, new: list[NDArray[np.float32]]) -> None:
        """Codes these values of `variables` from now on; what they are measured by stays."""
        self._trained = dict(zip(self.names, new, strict=True))
        self.code_from_now_on(self._trained)
        self._wanted.cache_clear()

    def drop_refit(self) -> None:
        """From now on nothing is fitted to coded tables."""
        self.refit = None
        self._share_bytes()

    def _share_bytes(self) -> None:
        if self._probe is not None:
            exact, moved = self._answers(), mean_square if self._logits is None else answers_moved
            self.share_steps(lambda coded: moved(exact, self._answers(coded)))

    def put_back(self) -> None:
        """Puts the trained tables back, and nothing else."""
        assign(self.variables, self.trained)

    def _make_wanted(self, shrinkage: float) -> list[Any]:
        """What refitted layers are to give: that of tables without what shrinkage takes away."""
        assert self.refit is not None
        try:
            for name, variable in self._variables.items():
                variable.assign(self.target(name, shrinkage).reshape(variable.shape))
            return self.refit.wanted()
        finally:
            self.put_back()

    def _answers(self, coded: Coded | None = None) -> NDArray[np.float32]:
        """What the model gives for the probe, perhaps with some tables coded."""
        with nullcontext() if coded is None else self.in_place(coded):
            return answers_of(self.model, self._probe, self._logits)


def _can_code(variable: Any) -> bool:
    size = int(np.prod(variable.shape, dtype=np.int64))
    return str(variable.dtype) == "float32" and 4 * size >= MIN_BYTES
