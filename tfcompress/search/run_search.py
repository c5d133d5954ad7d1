"""The search for the tables of a run: its model, its data, what will decode the rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tfcompress.search.find import Found, find_tables
from tfcompress.search.fisher import fisher_metrics
from tfcompress.training.tune import tune

if TYPE_CHECKING:
    import keras

    from tfcompress.rate_distortion import TransformedTable
    from tfcompress.search.budget import Budget
    from tfcompress.search.run_quality import RunQuality
    from tfcompress.search.settings import Trial

_FISHER_EXAMPLES = 4096


def search_run(
    model: keras.Model,
    budget: Budget,
    measured: RunQuality | None,
    *,
    target: str = "delegate",
    code_output: bool = False,
    tune_epochs: int = 0,
    tell: Callable[[Trial, float], None] | None = None,
) -> Found:
    """Searches for the smallest tables of a trained model within a budget.

    Args:
        model: keras.Model, on TensorFlow. Its tables are put back as they were.
        budget: Budget.
        measured: RunQuality or None. Of the run the model is from; None with `snr_db` only.
        target: str. "delegate" or "builtin": what will decode the rows, and so how many bytes they
            take.
        code_output: bool. Whether an untied output matrix is coded too.
        tune_epochs: int. Epochs that the rest of the model is trained on around coded tables; its
            weights are then those of the result.
        tell: callable or None. Receives every trial and the quality of the trained model.

    Raises:
        ConfigError: The budget cannot be kept, or there is nothing to code.
    """
    from tfcompress import layers, tflite

    embeddings = layers.model_embeddings(model)
    names = set(tflite.looked_up_tables(model))
    if code_output:
        names |= {
            f"{name}/{key}"
            for name, layer in embeddings.items()
            for key in layers.layer_tables(layer)
        }
    options: dict[str, Any] = {}
    if target == "builtin":
        options["size_of"] = _builtin_bytes
    if measured is not None:
        task, dataset = measured.task, measured.dataset
        inputs = dataset.valid.inputs(model.inputs[0].shape[1])[:_FISHER_EXAMPLES]
        options |= {
            "counts": {
                name: dataset.id_counts
                for name, layer in embeddings.items()
                if layer.input_dim == dataset.input_dim
            },
            "probe": inputs,
            "metrics": lambda variables: fisher_metrics(model, variables, inputs, task.logits),
            "quality": measured.valid,
            "likelihood": task.likelihood,
        }
        if tune_epochs:
            frozen = [
                layer
                for name, layer in embeddings.items()
                if any(f"{name}/{key}" in names for key in layers.layer_tables(layer))
            ]
            options["tune"] = lambda changed: tune(task, changed, frozen, tune_epochs)
    return find_tables(model, names, budget, tell=tell, **options)


def _builtin_bytes(table: TransformedTable) -> int:
    """What builtin operators read: prefix codes cost more than the range coder of a delegate."""
    from tfcompress import codec

    return codec.pack(table.integers, "indexed").nbytes + table.side_bytes
