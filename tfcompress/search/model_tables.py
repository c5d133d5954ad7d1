"""The tables of a Keras model, coded together and put in place of the trained ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.errors import ConfigError
from tfcompress.rate_distortion import TransformCoder, TransformedTable, row_weights
from tfcompress.search.refit import DenseRefit
from tfcompress.search.settings import Coded, Settings
from tfcompress.tflite.tables import tables_replaced
from tfcompress.training.variables import assign, values

if TYPE_CHECKING:
    import keras

Metrics = Callable[[dict[str, Any]], dict[str, NDArray[np.float64]]]
SizeOf = Callable[[str, TransformedTable], int]

MIN_COLUMNS = 8
"""Narrower tables are left to other number types: a row of them has nothing to rotate."""
MIN_BYTES = 4096
"""Smaller tables, as float32, are not worth the operators that bring them back."""
_PROBE_STEP = 0.5
_LEAST_HARM = 1e-4
"""Of a table, against the one that harms most."""


class ModelTables:
    """The float32 tables of a model's lookups.

    Args:
        model: keras.Model.
        names: collection of str. Tables that rows are looked up in, as "embedding/table".
        counts: mapping of embedding name to number array `(input_dim,)`. How often each id is read.
            Embeddings that are not in it have rows in any order, and one step for all.
        probe: array or None. A batch of inputs. Where several tables share the bytes, what an error
            in each does to the outputs of these is what they are shared by.
        metrics: callable or None. From the variables of tables by name to what errors along their
            columns do, `(D, D)` each; see `fisher`. None takes all directions to be alike.
        size_of: callable. Bytes of a coded table in the file, from its name and the table.
        refit: callable or None. From the embedding layers of coded tables to a `DenseRefit`, whose
            layers are then fitted to whatever coded tables are put in place.

    Attributes:
        names: tuple of str. Those that are coded, in the order of the model.
        refit: DenseRefit or None. May be taken away.

    Raises:
        ConfigError: There is nothing to code, or a table holds a NaN or an infinity.
    """

    def __init__(
        self,
        model: keras.Model,
        names: Collection[str],
        counts: Mapping[str, NDArray[np.number]],
        probe: Any = None,
        *,
        metrics: Metrics | None = None,
        size_of: SizeOf = lambda _, table: table.nbytes,
        refit: Callable[[list[Any]], DenseRefit] | None = None,
    ) -> None:
        from tfcompress import layers

        self._model, self._probe, self._size_of = model, probe, size_of
        coded_layers = []
        self._variables: dict[str, Any] = {}
        self._weights: dict[str, NDArray[np.float64] | None] = {}
        for embedding, layer in layers.model_embeddings(model).items():
            known = row_weights(layer, counts[embedding]) if embedding in counts else {}
            for key, variable in layers.layer_tables(layer).items():
                name = f"{embedding}/{key}"
                if name in names and _can_code(variable):
                    self._variables[name] = variable
                    self._weights[name] = known.get(key)
                    coded_layers.append(layer)
        self.names = tuple(self._variables)
        if not self.names:
            raise ConfigError(
                f"tables: none of the model's {len(names)} is float32 with at least {MIN_COLUMNS} "
                "columns; use table_dtype"
            )
        self._metrics = metrics(self._variables) if metrics else {}
        trained = values(list(self._variables.values()))
        self._trained = dict(zip(self.names, trained, strict=True))
        self._coder = lru_cache(maxsize=8)(self._make_coder)
        self._share = dict.fromkeys(self.names, 1.0)
        self.refit = None
        if len(self.names) > 1:
            self._share = self._shares()
        self.refit = refit(coded_layers) if refit else None
        if self.refit is not None and not self.refit.variables:
            self.refit = None
        self._wanted = lru_cache(maxsize=4)(self._make_wanted)

    @property
    def variables(self) -> list[Any]:
        """The variables of the coded tables."""
        return list(self._variables.values())

    @property
    def have_row_steps(self) -> bool:
        """Whether how often rows are read is known, for any table."""
        return any(weights is not None for weights in self._weights.values())

    @property
    def float_bytes(self) -> int:
        """What the tables take as float32."""
        return sum(value.nbytes for value in self._trained.values())

    def encode(self, settings: Settings) -> Coded:
        """Codes all tables at one setting."""
        tables = {name: self._encode_one(name, settings) for name in self.names}
        return Coded(settings, tables, sum(map(self._size_of, tables, tables.values())))

    @contextmanager
    def in_place(self, coded: Coded) -> Iterator[keras.Model]:
        """The model with coded tables and what is fitted to them; all is put back as it was."""
        if self.refit is None:
            with tables_replaced(self._model, coded.tables):
                yield self._model
            return
        before = values(self.refit.variables)
        wanted = self._wanted(coded.settings.rare_shrinkage)
        with tables_replaced(self._model, coded.tables):
            try:
                assign(self.refit.variables, self.refit.solve(wanted))
                yield self._model
            finally:
                assign(self.refit.variables, before)

    def retrain(self, new: list[NDArray[np.float32]]) -> None:
        """Codes these values of `variables` from now on; what they are measured by stays."""
        self._trained = dict(zip(self.names, new, strict=True))
        self._coder.cache_clear()
        self._wanted.cache_clear()

    def put_back(self) -> None:
        """Puts the trained tables back, and nothing else."""
        assign(self.variables, [self._trained[name] for name in self.names])

    def snr_db(self, coded: Coded) -> float:
        """Signal-to-noise ratio of all tables, rows weighted by how often they are read."""
        signal = noise = 0.0
        for name, table in coded.tables.items():
            trained = _matrix(self._trained[name])
            weights = self._weights[name]
            weights = np.ones(len(trained)) if weights is None else weights
            signal += float(weights @ np.square(trained, dtype=np.float64).sum(axis=1))
            error = trained - table.dequantize()
            noise += float(weights @ np.square(error, dtype=np.float64).sum(axis=1))
        return float("inf") if noise == 0 else 10 * float(np.log10(signal / noise))

    def _encode_one(self, name: str, settings: Settings) -> TransformedTable:
        coder = self._coder(
            name, settings.rotation, settings.row_step_exponent, settings.rare_shrinkage
        )
        return coder.encode(settings.step * self._share[name], settings.rate_weight)

    def _make_wanted(self, shrinkage: float) -> list[Any]:
        """What refitted layers are to give: that of tables without what shrinkage takes away."""
        assert self.refit is not None
        try:
            for name, variable in self._variables.items():
                coder = self._coder(name, False, 0.0, shrinkage)
                variable.assign(coder.target.reshape(variable.shape))
            return self.refit.wanted()
        finally:
            self.put_back()

    def _make_coder(
        self, name: str, rotation: bool, exponent: float, shrinkage: float
    ) -> TransformCoder:
        weights = self._weights[name]
        trained = _matrix(self._trained[name])
        if weights is None:
            weights, exponent, shrinkage = np.ones(len(trained)), 0.0, 0.0
        return TransformCoder(
            trained,
            weights,
            rotation,
            exponent,
            metric=self._metrics.get(name) if rotation else None,
            rare_shrinkage=shrinkage,
            name=name,
        )

    def _shares(self) -> dict[str, float]:
        """Steps of the tables against each other: equal harm to the outputs a value, each.

        At fine steps a table's harm is its own constant times the square of its step, and halving
        the step costs a bit a value; so bytes are spent best where harm a value is the same.
        """
        if self._probe is None:
            return dict.fromkeys(self.names, 1.0)
        exact = self._outputs()
        settings = Settings(_PROBE_STEP, 0.5, 0.0, rotation=False)
        harms = []
        self._share = dict.fromkeys(self.names, 1.0)
        for name in self.names:
            with tables_replaced(self._model, {name: self._encode_one(name, settings)}):
                harms.append(float(np.mean(np.square(self._outputs() - exact, dtype=np.float64))))
        sizes = np.array([self._trained[name].size for name in self.names])
        # A table that hardly shows in the probe is not thrown away for it.
        seen = np.maximum(harms, _LEAST_HARM * max(harms) or 1.0)
        logs = 0.5 * np.log(sizes / seen)
        shares = np.exp(logs - np.average(logs, weights=sizes))
        return dict(zip(self.names, shares.tolist(), strict=True))

    def _outputs(self) -> NDArray[np.float32]:
        from keras import tree

        parts = tree.flatten(self._model.predict_on_batch(self._probe))
        return np.concatenate([np.asarray(part, np.float32).reshape(-1) for part in parts])


def _can_code(variable: Any) -> bool:
    shape = tuple(variable.shape)
    columns = int(np.prod(shape[1:], dtype=np.int64))
    is_float = str(variable.dtype) == "float32"
    return is_float and columns >= MIN_COLUMNS and 4 * shape[0] * columns >= MIN_BYTES


def _matrix(value: NDArray[np.float32]) -> NDArray[np.float32]:
    return value.reshape(len(value), -1)
