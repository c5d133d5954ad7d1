"""The search for the tables of a run: its model, its data, what will decode the rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.errors import ConfigError
from tfcompress.search.budget import Budget, check_code_output
from tfcompress.search.keras_model.find import find_tables
from tfcompress.search.keras_model.tables import ModelTables
from tfcompress.search.run.dense_loss import dense_loss
from tfcompress.search.run.measures import Measures
from tfcompress.search.shipped_bytes import shipped_bytes
from tfcompress.search.steady_quality import steady_examine
from tfcompress.search.within_budget import Found
from tfcompress.training.tune import tune

if TYPE_CHECKING:
    import keras

    from tfcompress.choices import DenseDtype
    from tfcompress.rate_distortion import TransformedTable
    from tfcompress.search.run.quality import RunQuality
    from tfcompress.search.settings import Trial


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
    tell: Callable[[Trial, float], None] | None = None,
) -> Found:
    """Searches for the smallest tables of a trained model within a budget.

    Args:
        model: keras.Model, on TensorFlow. Its tables are put back as they were; the rest has the
            weights that go with the chosen tables, see `find_tables`.
        budget: Budget.
        measured: RunQuality or None. Of the run the model is from; None with `snr_db` only.
        target: str. "delegate" or "builtin": what will decode the rows, and so how many bytes they
            take.
        code_output: bool. Whether an untied output matrix is coded too, for target "delegate".
        dense_dtype: str. What dense weights will be in the file; what that loses comes off
            `max_loss`.
        refit: bool. Whether dense layers that follow lookups are fitted to the coded tables.
        tune_epochs: int. Epochs that the rest of the model is trained on around coded tables; its
            weights are then those of the result.
        counts: number array or None. How often each id is read, where `measured` does not say.
        reference: float or None. What `measured.examine` gives for the trained model, where that is
            known.
        tell: callable or None. Receives every trial and the quality of the trained model.

    Raises:
        ConfigError: The budget cannot be kept, or dense weights lose it alone, or there is nothing
            to code: target "builtin" leaves tables that scores are taken against as they are.
    """
    check_code_output(code_output, target)
    from tfcompress import layers, tflite

    embeddings = layers.model_embeddings(model)
    use = tflite.table_use(model)
    names = set(use.looked_up)
    tables = {
        f"{name}/{key}": layer
        for name, layer in embeddings.items()
        for key in layers.layer_tables(layer)
    }
    if code_output:
        names |= tables.keys() & use.reads.keys()  # not what no operator reads
    if target == "builtin":
        if names and names <= use.read_whole:
            raise ConfigError(
                f"target: 'builtin' leaves {', '.join(sorted(names))} as int8, because scores are "
                "taken against it, so there is nothing to search; use target 'delegate', or "
                "convert to int8 or int4 without a budget"
            )
        names -= use.read_whole
    coded = [tables[name] for name in tables if name in names]

    def size_of(name: str, table: TransformedTable) -> int:
        return shipped_bytes(table, target, use.reads[name])

    known: dict[str, Any] = {}
    how: dict[str, Any] = {}
    lost = 0.0
    if measured is not None:
        if budget.max_loss is not None:
            lost = dense_loss(model, measured, dense_dtype, code_output=code_output)
            budget = budget.after(lost, f"dense weights as {dense_dtype}")
        task, counts = measured.task, measured.dataset.id_counts
        read = [tables[name] for name in tables if name in use.looked_up]
        measures = Measures.of(model, measured, coded, read, refits=refit)
        known = {
            "probe": measures.inputs,
            "logits": task.logits,
            "metrics": measures.metrics,
            "row_metrics": measures.row_metrics,
            "refit": measures.refit if refit else None,
        }
        how = {
            # Tuning would learn what it is judged by.
            "examine": measured.examine if tune_epochs else steady_examine(measured, model),
            "reference": reference,
            "start": measures.start,
        }
        if tune_epochs:
            how["tune"] = lambda changed, frozen: tune(task, changed, frozen, tune_epochs)
    reads = {} if counts is None else _reads(embeddings, counts)
    # An output matrix: rows that are only scored against.
    only_scored = names - set(use.looked_up)
    model_tables = ModelTables(model, names, reads, size_of=size_of, kept_long=only_scored, **known)
    found = find_tables(model_tables, budget, tell=tell, **how)
    return replace(found, dense_loss=lost)


def _reads(embeddings: Mapping[str, Any], counts: NDArray[np.number]) -> dict[str, Any]:
    """How often ids are read, for each embedding that has as many of them."""
    return {name: counts for name, layer in embeddings.items() if layer.input_dim == len(counts)}
