"""Training with rounded tables: straight-through gradients from what coding makes of them.

The model reads the coded table Q(E) all the while, and its gradients go to the float table E that
is coded, as if rounding were not there. Between two codings the difference Q(E) - E is held, so the
variable of the model simply trains on from Q(E), and E is that less the difference:

    coding:          d = Q(E) - E, the variable is set to Q(E)
    training steps:  change the variable
    next coding:     E = variable - d

Coding is that of `TransformCoder`, dead zone, shrinkage and all: rows move to where rounding hurts
least, and the bytes stay what they were, since the step is moved a little with every coding.

Reference:
    Bengio, Leonard and Courville 2013, "Estimating or propagating gradients through stochastic
    neurons for conditional computation" (the straight-through estimator).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import keras

from tfcompress.search.coded_sizes import fit_step, in_range
from tfcompress.search.keras_model.tables import ModelTables
from tfcompress.search.settings import Coded, Settings
from tfcompress.training.variables import assign, values


class StraightThrough(keras.callbacks.Callback):
    """Keeps the tables of a model coded while the model trains.

    Args:
        tables: ModelTables. Of the model.
        settings: Settings. How they are coded; its step is where the search for the step begins.
        max_bytes: float. What they may take at the end.
        every: int. Training steps from one coding to the next.

    Attributes:
        coded: Coded. The tables as coded last; in the model once `begin` was called.

    Raises:
        ConfigError: Not even the coarsest step keeps to `max_bytes`.
    """

    def __init__(
        self, tables: ModelTables, settings: Settings, max_bytes: float, every: int
    ) -> None:
        super().__init__()
        self._tables, self._max_bytes, self._every = tables, max_bytes, every
        self._seen = 0
        self.coded = self._first = fit_step(tables.encode, settings, max_bytes)
        self._trained = tables.trained
        self._differences: list[Any] = []

    def begin(self) -> None:
        """Puts the coded tables in place of the trained ones, and what is refitted to them."""
        refit = self._tables.refit
        if refit is not None:
            with self._tables.in_place(self.coded):
                fitted = values(refit.variables)
            assign(refit.variables, fitted)
        self._put(self._trained)

    def restart(self) -> None:
        """Has the tables in the model again that `begin` put there; other weights it leaves."""
        self._seen, self.coded = 0, self._first
        self._tables.retrain(self._trained)
        self._put(self._trained)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Codes the tables anew, every so many steps."""
        del batch, logs
        self._seen += 1
        if self._seen % self._every == 0:
            latent = self._latent()
            settings = self.coded.settings
            # One coding each; half the way, since bytes may fall far faster than they mostly do.
            step = settings.step * math.sqrt(self.coded.nbytes / self._max_bytes)
            self.coded = self._tables.encode(replace(settings, step=in_range(step)))
            self._put(latent)

    def finish(self) -> Coded:
        """Codes once more, within the bytes, and leaves that in the model."""
        latent = self._latent()
        self.coded = fit_step(self._tables.encode, self.coded.settings, self._max_bytes)
        self._put(latent)
        if self._tables.refit is not None:
            # Scores against a table that was just coded anew are off by item.
            self._tables.refit.settle()
        return self.coded

    def _latent(self) -> list[Any]:
        """The float tables as trained so far, which `tables` codes from now on."""
        if hasattr(self.model, "jax_state_sync"):
            # On JAX the variables are behind while `fit` runs.
            self.model.jax_state_sync()
        variables = values(self._tables.variables)
        latent = [own - d for own, d in zip(variables, self._differences, strict=True)]
        self._tables.retrain(latent)
        return latent

    def _put(self, latent: list[Any]) -> None:
        rounded = [
            self.coded.tables[name].dequantize().reshape(own.shape)
            for name, own in zip(self._tables.names, latent, strict=True)
        ]
        self._differences = [new - own for new, own in zip(rounded, latent, strict=True)]
        assign(self._tables.variables, rounded)
