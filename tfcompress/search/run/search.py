"""The search for the tables of a run: its model, judged by its data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.search.budget import Budget, check_code_output
from tfcompress.search.keras_model.search import search_model
from tfcompress.search.run.dense_loss import dense_loss
from tfcompress.search.run.quality import reads_of
from tfcompress.search.steady_quality import steady_examine
from tfcompress.search.within_budget import Found, Tell
from tfcompress.training.tune import tune

if TYPE_CHECKING:
    import keras

    from tfcompress.choices import DenseDtype
    from tfcompress.search.run.quality import RunQuality


def search_run(
    model: keras.Model,
    budget: Budget,
    measured: RunQuality | None,
    *,
    target: str = "delegate",
    code_output: bool = False,
    dense_dtype: DenseDtype = "float32",
    refit: bool = True,
    tune_epochs: int = 0,
    counts: NDArray[np.number] | None = None,
    reference: float | None = None,
    tell: Tell | None = None,
) -> Found:
    """Searches for the smallest tables of a trained model within a budget.

    Args:
        model: keras.Model, on TensorFlow. See `search_model`.
        budget: Budget.
        measured: RunQuality or None. Of the run the model is from; None where the SNR of the tables
            is to tell.
        target: str. As of `search_model`, as is the next.
        code_output: bool.
        dense_dtype: str. What dense weights will be in the file; what that loses comes off
            `max_loss`.
        refit: bool. As of `search_model`.
        tune_epochs: int. Epochs that the rest of the model is trained on around coded tables; its
            weights are then those of the result.
        counts: number array or None. How often each id is read, where `measured` does not say.
        reference: float or None. As of `search_model`, as is the next.
        tell: callable or None.

    Raises:
        ConfigError: As `search_model`, or dense weights lose the whole budget by themselves.
    """
    check_code_output(code_output, target)
    options: dict[str, Any] = {
        "target": target,
        "code_output": code_output,
        "refit": refit,
        "reference": reference,
        "tell": tell,
    }
    if measured is None:
        reads = {} if counts is None else reads_of(model, counts)
        return search_model(model, budget, counts=reads, **options)
    lost = 0.0
    if budget.max_loss is not None:
        lost = dense_loss(model, measured, dense_dtype, code_output=code_output)
        budget = budget.after(lost, f"dense weights as {dense_dtype}")
    tuning: Callable[[keras.Model, list[Any]], None] | None = None
    if tune_epochs:

        def tuning(changed: keras.Model, frozen: list[Any]) -> None:
            tune(measured.task, changed, frozen, tune_epochs)

    found = search_model(
        model,
        budget,
        # Tuning would learn what it is judged by.
        examine=measured.examine if tune_epochs else steady_examine(measured, model),
        samples=measured.samples(model),
        tune=tuning,
        **options,
    )
    return replace(found, dense_loss=lost)
