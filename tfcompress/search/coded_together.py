"""Float tables coded together: one setting for all of them, wherever they are from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from tfcompress.data.sample import spread_rows
from tfcompress.quantization import decibels
from tfcompress.rate_distortion import TransformCoder, TransformedTable
from tfcompress.rate_distortion.row_classes import zipf_weights
from tfcompress.rate_distortion.row_metrics import RowMetrics
from tfcompress.search.settings import Coded, Settings

F32 = NDArray[np.float32]
Weights = NDArray[np.float64]
SizeOf = Callable[[str, TransformedTable], int]

MIN_BYTES = 4096
"""Smaller tables, as float32, are not worth the operators that bring them back."""
_PROBED = 256
"""Examples whose outputs tell how tables share the bytes."""
_PROBE_STEP = 0.5
_LEAST_HARM = 1e-4
"""Of a table, against the one that harms most."""


class CodedTogether:
    """Tables that a search codes, all at one setting.

    Args:
        tables: mapping of name to float32 array `(n, ...)`, rows of D values.
        weights: mapping of name to float64 array `(n,)`. How often each row is read. Tables that
            are not in it, or have nothing but zeros in the rows that are read, have rows in any
            order, and one step for all.
        ranked: bool. Whether those have the most frequent row first instead: steps then go by a
            Zipf law of the rank. Nothing is shrunk, since a rank does not say how often.
        metrics: mapping of name to array `(D, D)`. What errors along the columns of a table do; see
            `fisher`. In tables that are not in it all directions are alike.
        row_metrics: mapping of name to RowMetrics. What errors in each of their rows do, where it
            is known.
        size_of: callable. Bytes of a coded table in the file, from its name and the table.
        kept_long: collection of str. Tables whose rare rows are not shrunk.

    Attributes:
        names: tuple of str. In the order given.
        metrics: dict. As given.
    """

    def __init__(
        self,
        tables: Mapping[str, F32],
        weights: Mapping[str, Weights],
        *,
        ranked: bool = False,
        metrics: Mapping[str, NDArray[np.float64]] | None = None,
        row_metrics: Mapping[str, RowMetrics] | None = None,
        size_of: SizeOf = lambda _, table: table.nbytes,
        kept_long: Collection[str] = (),
    ) -> None:
        self.names = tuple(tables)
        self._tables = _matrices(tables)
        # Weights under which a table weighs nothing would let all of it go.
        weighing = {name: own[self._tables[name].any(axis=1)] for name, own in weights.items()}
        self._known = {name: weights[name] for name, own in weighing.items() if own.any()}
        self._ranked = ranked
        self.metrics, self._size_of = dict(metrics or {}), size_of
        self._row_metrics = dict(row_metrics or {})
        self._kept_long = frozenset(kept_long)
        # The way of coding that is the best so far, and the one that is tried.
        self._coders = {
            name: lru_cache(maxsize=2)(partial(self._make_coder, name)) for name in self.names
        }
        self._share = dict.fromkeys(self.names, 1.0)

    @property
    def counted(self) -> tuple[str, ...]:
        """Names of the tables of which it is known how often rows are read."""
        return tuple(name for name in self.names if name in self._known)

    @property
    def have_row_steps(self) -> bool:
        """Whether steps may differ from row to row, in any table."""
        return self._ranked or bool(self.counted)

    @property
    def can_rotate(self) -> bool:
        """Whether the columns of any table can be rotated."""
        return any(is_rotatable(*table.shape) for table in self._tables.values())

    @property
    def float_bytes(self) -> int:
        """What the tables take as float32."""
        return sum(table.nbytes for table in self._tables.values())

    def encode(self, settings: Settings) -> Coded:
        """Codes all tables at one setting."""
        tables = {name: self._encode_one(name, settings) for name in self.names}
        return Coded(settings, tables, sum(map(self._size_of, tables, tables.values())))

    def code_from_now_on(self, tables: Mapping[str, F32]) -> None:
        """Codes other values; what errors in them are weighed by stays."""
        self._tables = _matrices(tables)
        for coder in self._coders.values():
            coder.cache_clear()

    def target(self, name: str, rare_shrinkage: float) -> F32:
        """What a table is coded for: itself, or what shrinkage leaves of it."""
        return self._coders[name](False, 0.0, rare_shrinkage).target

    def snr_db(self, coded: Coded) -> float:
        """Signal-to-noise ratio of all tables, rows weighted by how often they are read."""
        signal = noise = 0.0
        for name, table in coded.tables.items():
            trained, weights = self._tables[name], self._row_weights(name)
            signal += float(weights @ np.square(trained, dtype=np.float64).sum(axis=1))
            error = trained - table.dequantize()
            noise += float(weights @ np.square(error, dtype=np.float64).sum(axis=1))
        return decibels(signal, noise)

    def share_steps(self, harm: Callable[[Coded], float]) -> None:
        """Sets steps of the tables against each other: equal harm to the model a value, each.

        At fine steps a table's harm is its own constant times the square of its step, and halving
        the step costs a bit a value; so bytes are spent best where harm a value is the same.

        Args:
            harm: callable. How far the model's answers move with some of its tables coded, as a
                square of errors goes (`divergence`); what is fitted to coded tables is fitted.
        """
        self._share = dict.fromkeys(self.names, 1.0)
        if len(self.names) < 2:
            return
        settings = Settings(_PROBE_STEP, 0.5, 0.0, rotation=False)
        harms = []
        for name in self.names:
            table = self._encode_one(name, settings)
            harms.append(harm(Coded(settings, {name: table}, self._size_of(name, table))))
        sizes = np.array([self._tables[name].size for name in self.names])
        # A table that hardly shows in the probe is not thrown away for it.
        seen = np.maximum(harms, _LEAST_HARM * max(harms) or 1.0)
        logs = 0.5 * np.log(sizes / seen)
        shares = np.exp(logs - np.average(logs, weights=sizes))
        self._share = dict(zip(self.names, shares.tolist(), strict=True))

    def _row_weights(self, name: str) -> Weights:
        rows = len(self._tables[name])
        if name in self._known:
            return self._known[name]
        return zipf_weights(rows) if self._ranked else np.ones(rows)

    def _encode_one(self, name: str, settings: Settings) -> TransformedTable:
        rotates = settings.rotation and is_rotatable(*self._tables[name].shape)
        coder = self._coders[name](rotates, settings.row_step_exponent, settings.rare_shrinkage)
        return coder.encode(settings.step * self._share[name], settings.rate_weight)

    def _make_coder(
        self, name: str, rotation: bool, exponent: float, shrinkage: float
    ) -> TransformCoder:
        is_known = name in self._known
        return TransformCoder(
            self._tables[name],
            self._row_weights(name),
            rotation,
            exponent if is_known or self._ranked else 0.0,
            metric=self.metrics.get(name) if rotation else None,
            rare_shrinkage=shrinkage if is_known and name not in self._kept_long else 0.0,
            row_metrics=self._row_metrics.get(name),
            name=name,
        )


def _matrices(tables: Mapping[str, F32]) -> dict[str, F32]:
    return {name: table.reshape(len(table), -1) for name, table in tables.items()}


def is_rotatable(rows: int, columns: int) -> bool:
    """Whether rotating columns may pay: the axes take columns x columns bytes.

    Those of a core of a tensor train, wider than long, would take more than its values as int8; a
    table of one column, such as MEmCom's scales, has nothing to rotate.
    """
    return 1 < columns < rows


def probe_rows(count: int) -> NDArray[np.int64]:
    """Which of so many examples show how tables share the bytes: a few, from everywhere."""
    return spread_rows(count, _PROBED)
