"""Keras models of the user's own, converted within a budget by a measure of the user's own."""

import keras
import numpy as np
import pytest

from tfcompress.errors import ConfigError
from tfcompress.search import Budget, convert_lossy
from tfcompress.search.divergence import mean_divergence
from tfcompress.search.keras_model.inputs import batches, num_examples
from tfcompress.tflite import inspect_model, open_model

ITEMS, USERS, DIM, LENGTH, EXAMPLES = 400, 300, 16, 4, 1024
COUNTS = 100_000 // (np.arange(ITEMS) + 1)


def drawn(shape, most):
    """Ids, small ones most often."""
    return (most * np.random.default_rng(0).random(shape) ** 3).astype(np.int32)


INPUTS = {
    "history": drawn((EXAMPLES, LENGTH), ITEMS),
    "candidate": drawn((EXAMPLES, 1), ITEMS),
    "user": drawn((EXAMPLES, 1), USERS),
}


def filled(model):
    """The same with rows that are smaller the rarer they are, as training leaves them."""
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Embedding):
            sizes = 3 / np.sqrt(np.arange(layer.input_dim) + 1)
            layer.embeddings.assign(rng.normal(size=layer.embeddings.shape) * sizes[:, None])
    return model


@pytest.fixture(scope="module")
def clicks():
    """Three inputs, one table read twice, another once, one probability."""
    keras.utils.set_random_seed(0)
    inputs = {
        name: keras.Input(value.shape[1:], dtype="int32", name=name)
        for name, value in INPUTS.items()
    }
    items = keras.layers.Embedding(ITEMS, DIM, name="items")
    users = keras.layers.Embedding(USERS, DIM, name="users")
    parts = [keras.ops.mean(items(inputs["history"]), axis=1)]
    parts += [keras.layers.Flatten()(items(inputs["candidate"]))]
    parts += [keras.layers.Flatten()(users(inputs["user"]))]
    hidden = keras.layers.Dense(12, activation="relu", name="hidden")(
        keras.layers.Concatenate()(parts)
    )
    return filled(keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden)))


@pytest.fixture(scope="module")
def nearness(clicks):
    """How near to the trained model's answers others come, 1 at best."""
    exact = clicks.predict(INPUTS, verbose=0)

    def examine(model):
        moved = np.abs(model.predict(INPUTS, verbose=0) - exact).mean()
        return 1 - moved / np.std(exact)

    return examine


def test_the_smallest_tables_for_a_loss_of_the_users_measure(clicks, nearness):
    before = [np.array(variable) for variable in clicks.variables]
    told = []
    result = convert_lossy(
        clicks,
        Budget(max_loss=0.2),
        examine=nearness,
        inputs=INPUTS,
        counts={"items": COUNTS},
        target="delegate",
        tell=lambda trial, reference: told.append(reference),
    )
    for variable, value in zip(clicks.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    assert set(told) == {1.0}
    chosen = result.found.chosen
    assert chosen.quality >= 0.8
    assert chosen.nbytes < result.found.float_bytes / 8
    stored = {table.name: table.stored_bytes for table in inspect_model(result.content).tables}
    assert set(stored) == {"items/embeddings", "users/embeddings"} == set(result.found.tables)
    assert sum(stored.values()) == chosen.nbytes
    # Steps by row where it is known how often rows are read.
    assert len(result.found.tables["items/embeddings"].steps) > 3
    assert len(result.found.tables["users/embeddings"].steps) == 1
    assert result.difference.relative < 1e-4

    runner = open_model(result.content).get_signature_runner()

    class File:
        @staticmethod
        def predict(inputs, verbose):
            (shares,) = runner(**inputs).values()
            return shares

    assert nearness(File) == pytest.approx(chosen.quality, abs=1e-3)


def test_inputs_may_be_a_list_and_counts_one_array():
    first, second = keras.Input((LENGTH,), dtype="int32"), keras.Input((1,), dtype="int32")
    items = keras.layers.Embedding(ITEMS, DIM, name="items")
    vector = keras.ops.mean(items(first), axis=1) + items(second)[:, 0]
    model = filled(keras.Model([first, second], vector))
    result = convert_lossy(
        model,
        Budget(max_bytes=3000),
        inputs=[INPUTS["history"], INPUTS["candidate"]],
        counts=COUNTS,
        target="delegate",
    )
    assert 1500 < result.found.chosen.nbytes <= 3000
    assert len(result.found.tables["items/embeddings"].steps) > 3
    assert result.difference.relative < 1e-4


def test_scores_against_the_table_that_is_read():
    """Rows that scores are taken against are rounded by what all their errors do together."""
    keras.utils.set_random_seed(0)
    ids = keras.Input((LENGTH,), dtype="int32", name="ids")
    items = keras.layers.ReversibleEmbedding(ITEMS, DIM, name="items")
    user = keras.layers.Dense(DIM, name="user")(keras.ops.mean(items(ids), axis=1))
    model = filled(keras.Model(ids, items(user, reverse=True)))
    histories = INPUTS["history"]
    exact = model.predict(histories, verbose=0)

    def moved(**options):
        result = convert_lossy(
            model, Budget(max_bytes=3000), counts=COUNTS, target="delegate", **options
        )
        (found,) = open_model(result.content).get_signature_runner()(ids=histories).values()
        return mean_divergence(exact, found)

    by_signal = moved()
    assert moved(inputs=histories, answers="scores") < 0.8 * by_signal


def test_a_subclassed_model():
    @keras.saving.register_keras_serializable(package="test_convert_lossy")
    class Classes(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.items = keras.layers.Embedding(ITEMS, DIM, name="items")
            self.out = keras.layers.Dense(5)

        def call(self, ids):
            return self.out(keras.ops.mean(self.items(ids), axis=1))

    model = Classes()
    histories = INPUTS["history"]
    exact = np.array(model(histories))
    plain = convert_lossy(model, Budget(snr_db=12), target="delegate")
    assert plain.found.chosen.quality >= 12
    assert plain.difference is None
    result = convert_lossy(
        model, Budget(max_bytes=2500), inputs=histories, target="delegate", top_k=2
    )
    assert result.difference.relative < 1e-4
    assert 0.5 < result.found.chosen.quality < result.found.reference == 1
    best = open_model(result.content).get_signature_runner()(
        **{only_input(result.content): histories}
    )
    assert best["ids"].shape == (EXAMPLES, 2)
    assert np.mean(best["ids"][:, 0] == 2 + exact[:, 2:].argmax(axis=1)) > 0.7


def only_input(content):
    (signature,) = open_model(content).get_signature_list().values()
    (name,) = signature["inputs"]
    return name


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"counts": {"item": COUNTS}}, "counts: the model has no embedding 'item'; it has items"),
        ({"counts": COUNTS}, r"counts: got shape \(400,\) for 'users', which has 300 rows"),
        ({"counts": {"items": -COUNTS}}, "counts: those of 'items' must be numbers, finite"),
        ({"counts": {"items": COUNTS.astype(str)}}, "counts: those of 'items' must be numbers"),
        ({"examine": None}, "examine: None, but max_loss is a loss of what it gives"),
        ({"examine": lambda model: float("nan")}, "examine: gave nan, expected finite"),
        ({"examine": lambda model: 0.0}, "the trained model has 0; nothing can be lost"),
        ({"answers": "ranks"}, "answers: got 'ranks', expected scores"),
        ({"inputs": [INPUTS["history"]]}, "inputs: got 1 arrays, the model takes"),
        ({"inputs": {"history": INPUTS["history"]}}, "inputs: .*user missing"),
        (
            {"inputs": {**INPUTS, "user": INPUTS["user"][:5]}},
            "inputs: got arrays of 5, 1,024 examples; every input needs as many",
        ),
        ({"inputs": {name: own[:0] for name, own in INPUTS.items()}}, "inputs: got no example"),
        ({"target": "builtin", "code_output": True}, "code_output: target 'builtin'"),
        ({"codec": "fixed"}, "codec: got 'fixed', but a search"),
        ({"table_dtype": "int3"}, "table_dtype: got 'int3'"),
    ],
)
def test_what_cannot_be_used_is_told_before_the_search(clicks, given, message):
    before = [np.array(variable) for variable in clicks.variables]
    trials = []
    options = {"examine": lambda model: 1.0, "inputs": INPUTS, **given}
    with pytest.raises(ConfigError, match=message):
        convert_lossy(
            clicks,
            Budget(max_loss=0.1),
            tell=lambda trial, reference: trials.append(trial),
            **options,
        )
    assert not trials
    for variable, value in zip(clicks.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_examples_are_taken_from_all_arrays():
    assert num_examples(INPUTS) == EXAMPLES
    parts = list(batches(INPUTS, 500))
    assert [num_examples(part) for part in parts] == [500, 500, 24]
    np.testing.assert_array_equal(parts[2]["user"], INPUTS["user"][1000:])
