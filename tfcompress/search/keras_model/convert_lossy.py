"""A Keras model of the user's own in, one .tflite with the smallest tables for a budget out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.data.sample import spread_rows
from tfcompress.errors import ConfigError
from tfcompress.search.budget import Budget, check_measured, check_search_codec
from tfcompress.search.examined import examined
from tfcompress.search.item_scores import SCORED_EXAMPLES
from tfcompress.search.keras_model.answers import Kind, Logits, agreement, logits_of
from tfcompress.search.keras_model.inputs import num_examples, take
from tfcompress.search.keras_model.measures import Samples
from tfcompress.search.keras_model.search import search_model
from tfcompress.search.within_budget import Found, Tell
from tfcompress.tflite.packing.options import check_options
from tfcompress.training.variables import assign, values

if TYPE_CHECKING:
    import keras

    from tfcompress.tflite import Difference, Packing

Counts = NDArray[np.number]

_AGREEING = 1024
"""Examples whose answers are to stay as they are."""
_COMPARED = 256
"""Examples on which the file is compared with the model."""


@dataclass(frozen=True)
class LossyConversion:
    """A converted model whose tables were coded with loss.

    Attributes:
        packing: Packing. The file, and what became of its constants.
        found: Found.
        difference: Difference or None. Of the file from the model with the coded tables and what is
            fitted to them in it; None without inputs.
    """

    packing: Packing
    found: Found
    difference: Difference | None

    @property
    def content(self) -> bytes:
        """The .tflite file."""
        return self.packing.content


def convert_lossy(
    model: keras.Model,
    budget: Budget,
    *,
    examine: Callable[[keras.Model], Any] | None = None,
    inputs: Any = None,
    training_inputs: Any = None,
    counts: Mapping[str, Counts] | Counts | None = None,
    answers: Kind | Logits | None = None,
    codec: str = "auto",
    target: str = "builtin",
    code_output: bool = False,
    refit: bool = True,
    tell: Tell | None = None,
    **options: Any,
) -> LossyConversion:
    """Converts a trained model, its tables in the fewest bytes that keep to a budget.

    Every embedding layer counts, ours and Keras' own. The model is as it was afterwards; the file
    has the dense weights that go with the coded tables.

    Args:
        model: keras.Model, on TensorFlow. Dense layers are fitted in functional models only.
        budget: Budget. Bytes are those of the coded tables.
        examine: callable or None. Quality of the model on validation data, higher is better; it is
            called for some 25 codings. Better a pair of that and a smooth companion, which says
            nearly the same with less noise, in units of its own: `ranking.evaluate` gives `ndcg`
            and `soft_gain`. None goes by how near the answers stay to the trained model's, see
            `answers.agreement`, and without inputs by the SNR of the tables.
        inputs: array, sequence of arrays in the order of the model's inputs, or dict by name, or
            None. Validation inputs, no labels: up to 4,096 show what errors do to the answers, and
            which directions of the tables can be coarse. None takes all to be alike, and fits no
            dense layers; an SNR does so in any case.
        training_inputs: the same. Up to 16,384 that dense layers are fitted on, and that show what
            errors in single rows do. None takes `inputs`; few overfit.
        counts: mapping of embedding name to number array `(input_dim,)`, or an array where all
            embeddings have as many rows, or None. How often training read each id: steps then grow
            for rarer rows, and rows that it hardly met are drawn to the mean row. An embedding
            without counts has one step for all rows, which takes far more bytes.
        answers: str, callable or None. What the outputs are, see `answers.logits_of`.
        codec: str. "auto", or what that comes to: "rate" for target "delegate", "indexed" for
            "builtin".
        target: str. What decodes packed rows, as of `tflite.convert`.
        code_output: bool. Whether an untied output matrix that is an embedding layer's is coded
            too, for target "delegate".
        refit: bool. Whether dense layers that follow lookups are fitted to the coded tables.
        tell: callable or None. Receives every trial and the quality of the trained model.
        **options: As of `tflite.convert`: `table_dtype` (of tables that are not coded; "int8" where
            it is left out), `granularity`, `dense_dtype` (what it loses is not measured), `top_k`,
            `metadata`, `vocabulary`.

    Returns:
        LossyConversion.

    Raises:
        ConfigError: The budget cannot be kept, there is nothing to code, `examine` gives no finite
            number, or an argument cannot be used.
        ModelError: The model cannot be converted with builtin operators.
    """
    from tfcompress import tflite

    check_options(codec, target)
    check_search_codec(codec, target)
    check_measured(budget, examine)
    reads = _reads(model, counts)
    samples = None if inputs is None else _samples(model, inputs, training_inputs, answers, reads)
    measure = None if examine is None else examined(examine)
    if budget.snr_db is not None:
        measure = samples = None
    elif measure is None and samples is not None:
        measure = agreement(model, _spread(samples.fresh, _AGREEING), samples.logits)
    options = {"table_dtype": "int8", **options}
    tflite.convert(model, **options)  # What cannot be had costs no search.
    before = values(model.variables)
    try:
        found = search_model(
            model,
            budget,
            examine=measure,
            samples=samples,
            counts=reads,
            target=target,
            code_output=code_output,
            refit=refit,
            tell=tell,
        )
        converted = tflite.convert(model, transformed=found.tables, **options)
        packing = tflite.pack_model(converted, codec=codec, target=target)
        difference = None
        if inputs is not None:
            feed, _ = tflite.named_inputs(model, inputs)
            compared = {name: part[:_COMPARED] for name, part in feed.items()}
            with tflite.tables_replaced(model, found.tables):
                difference = tflite.compare_with_keras(model, packing.content, compared)
    finally:
        assign(model.variables, before)
    return LossyConversion(packing, found, difference)


def _samples(
    model: keras.Model,
    inputs: Any,
    training_inputs: Any,
    answers: Kind | Logits | None,
    reads: Mapping[str, Counts],
) -> Samples:
    fresh = _arguments(model, inputs)
    trained = fresh if training_inputs is None else _arguments(model, training_inputs)
    return Samples(
        _spread(fresh, SCORED_EXAMPLES),
        lambda count: _spread(trained, count),
        logits_of(model, answers),
        reads,
    )


def _arguments(model: keras.Model, inputs: Any) -> Any:
    """Inputs as the model takes them when it is called."""
    from tfcompress import tflite

    _, arguments = tflite.named_inputs(model, inputs)
    if len(arguments) != 1:
        raise ConfigError(
            f"model: takes {len(arguments)} arguments, a search gives it one; wrap it in a "
            "keras.Model of keras.Inputs"
        )
    if not num_examples(arguments[0]):
        raise ConfigError("inputs: got no example")
    return arguments[0]


def _spread(inputs: Any, count: int) -> Any:
    return take(inputs, spread_rows(num_examples(inputs), count))


def _reads(model: keras.Model, counts: Mapping[str, Counts] | Counts | None) -> dict[str, Counts]:
    """Counts by embedding, checked."""
    from tfcompress import layers

    rows = {name: layer.input_dim for name, layer in layers.model_embeddings(model).items()}
    if counts is None:
        return {}
    given = dict(counts) if isinstance(counts, Mapping) else dict.fromkeys(rows, counts)
    reads = {}
    for name, own in given.items():
        if name not in rows:
            raise ConfigError(
                f"counts: the model has no embedding {name!r}; it has {', '.join(rows)}"
            )
        array = np.asarray(own)
        if array.shape != (rows[name],):
            raise ConfigError(
                f"counts: got shape {array.shape} for {name!r}, which has {rows[name]:,} rows"
            )
        if array.dtype.kind not in "iuf" or not (np.isfinite(array) & (array >= 0)).all():
            raise ConfigError(f"counts: those of {name!r} must be numbers, finite and 0 at least")
        reads[name] = array
    return reads
