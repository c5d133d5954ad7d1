"""The search for the tables of a Keras model: which are coded, and what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.errors import ConfigError
from tfcompress.search.budget import Budget, check_code_output
from tfcompress.search.keras_model.find import Examine, find_tables
from tfcompress.search.keras_model.measures import Measures, Samples
from tfcompress.search.keras_model.tables import ModelTables
from tfcompress.search.shipped_bytes import shipped_bytes
from tfcompress.search.within_budget import Found, Tell

if TYPE_CHECKING:
    import keras

    from tfcompress.rate_distortion import TransformedTable


def search_model(
    model: keras.Model,
    budget: Budget,
    *,
    examine: Examine | None = None,
    samples: Samples | None = None,
    counts: Mapping[str, NDArray[np.number]] | None = None,
    target: str = "delegate",
    code_output: bool = False,
    refit: bool = True,
    tune: Callable[[keras.Model, list[Any]], None] | None = None,
    reference: float | None = None,
    tell: Tell | None = None,
) -> Found:
    """Searches for the smallest tables of a trained model within a budget.

    Args:
        model: keras.Model, on TensorFlow. Its tables are put back as they were; the rest has the
            weights that go with the chosen tables, see `find_tables`.
        budget: Budget.
        examine: callable or None. See `find_tables`.
        samples: Samples or None. What the model is looked at with; None where directions, and
            tables, are alike.
        counts: mapping of embedding name to number array `(input_dim,)`, or None. How often each id
            is read, where `samples` do not say.
        target: str. "delegate" or "builtin": what will decode the rows, and so how many bytes they
            take.
        code_output: bool. Whether an untied output matrix is coded too, for target "delegate".
        refit: bool. Whether dense layers that follow lookups are fitted to the coded tables.
        tune: callable or None. See `find_tables`.
        reference: float or None. What `examine` gives for the trained model, where that is known.
        tell: callable or None. Receives every trial and the quality of the trained model.

    Raises:
        ConfigError: The budget cannot be kept, or there is nothing to code: target "builtin" leaves
            tables that scores are taken against as they are.
    """
    check_code_output(code_output, target)
    from tfcompress import layers, tflite

    use = tflite.table_use(model)
    names = set(use.looked_up)
    tables = {
        f"{name}/{key}": layer
        for name, layer in layers.model_embeddings(model).items()
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

    def size_of(name: str, table: TransformedTable) -> int:
        return shipped_bytes(table, target, use.reads[name])

    known: dict[str, Any] = {}
    how: dict[str, Any] = {}
    if samples is not None:
        coded = [tables[name] for name in tables if name in names]
        read = [tables[name] for name in tables if name in use.looked_up]
        measures = Measures.of(model, samples, coded, read, refits=refit)
        known = {
            "probe": samples.fresh,
            "logits": samples.logits,
            "metrics": measures.metrics,
            "row_metrics": measures.row_metrics,
            "refit": measures.refit if refit else None,
        }
        how["start"] = measures.start
        counts = samples.counts
    # An output matrix: rows that are only scored against.
    only_scored = names - set(use.looked_up)
    model_tables = ModelTables(
        model, names, counts or {}, size_of=size_of, kept_long=only_scored, **known
    )
    return find_tables(
        model_tables, budget, examine=examine, tune=tune, reference=reference, tell=tell, **how
    )
