"""What a search codes of a model, and what it looks at to do so."""

from functools import partial
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from tfcompress import layers
from tfcompress.data.dataset import Examples
from tfcompress.data.ragged import Ragged
from tfcompress.errors import ConfigError
from tfcompress.models import build_sequence_ranker
from tfcompress.search import Budget
from tfcompress.search.keras_model import search as keras_search
from tfcompress.search.run.quality import RunQuality
from tfcompress.search.run.search import search_run
from tfcompress.search.search import SCORED_START, START
from tfcompress.search.within_budget import Found
from tfcompress.tflite import convert, inspect_model, pack_model

ITEMS, USERS, DIM, LENGTH = 300, 2000, 16, 6


def ranker(output=None):
    items = layers.FullEmbedding(ITEMS, DIM, name="items")
    return build_sequence_ranker(items, history_length=LENGTH, hidden_units=(24,), output=output)


def test_builtin_operators_have_nothing_to_search_in_a_tied_table():
    with pytest.raises(ConfigError, match="'builtin' leaves items/embeddings as int8, because"):
        search_run(ranker(), Budget(snr_db=8), None, target="builtin")
    output = layers.FullEmbedding(ITEMS, DIM, name="output")
    with pytest.raises(ConfigError, match="code_output: target 'builtin'"):
        search_run(ranker(output), Budget(snr_db=8), None, target="builtin", code_output=True)


def test_builtin_operators_pack_the_tables_beside_a_tied_one():
    keras.utils.set_random_seed(0)
    history, user = keras.Input((LENGTH,), dtype="int32"), keras.Input((1,), dtype="int32")
    items = keras.layers.ReversibleEmbedding(ITEMS, DIM, name="items")
    users = keras.layers.Embedding(USERS, DIM, name="users")
    vector = keras.ops.mean(items(history), axis=1) + users(user)[:, 0]
    model = keras.Model([history, user], items(vector, reverse=True))
    found = search_run(model, Budget(snr_db=8), None, target="builtin")
    assert list(found.tables) == ["users/embeddings"]
    assert stored_bytes(model, found, "builtin") == found.chosen.nbytes


def stored_bytes(model, found, target):
    """What the coded tables take in the file."""
    content = convert(model, table_dtype="int8", transformed=found.tables)
    tables = inspect_model(pack_model(content, target=target).content).tables
    return sum(table.stored_bytes for table in tables if table.name in found.tables)


def fading(model):
    """The same with large rows first, and few of them, as training leaves them."""
    rng = np.random.default_rng(0)
    for variable in model.variables:
        if variable.ndim == 2 and variable.shape[0] >= ITEMS:
            rows = rng.normal(size=variable.shape)
            variable.assign(rows / np.sqrt(np.arange(len(rows)) + 1)[:, None])
    return model


def twice_read(most_ids):
    table = keras.layers.Embedding(USERS, DIM, name="users")
    history = keras.Input((most_ids,), dtype="int32", name="history")
    last = keras.Input((1,), dtype="int32", name="last")
    vector = keras.ops.mean(table(history), axis=1) + table(last)[:, 0]
    return keras.Model([history, last], keras.layers.Dense(4)(vector))


def memcom():
    table = layers.MEmComEmbedding(ITEMS, DIM, num_buckets=150, name="items")
    ids = keras.Input((LENGTH,), dtype="int32", name="ids")
    return keras.Model(ids, keras.layers.Dense(4)(keras.ops.mean(table(ids), axis=1)))


@pytest.mark.parametrize(
    ("make", "target", "max_bytes"),
    [
        (ranker, "delegate", 1_200),  # tied
        (ranker, "delegate", 2_500),
        (partial(twice_read, 4), "delegate", 2_000),
        (partial(twice_read, 4), "builtin", 9_000),
        (partial(twice_read, 12), "builtin", 9_000),
        (memcom, "delegate", 900),
    ],
)
def test_bytes_are_those_of_the_file(make, target, max_bytes):
    keras.utils.set_random_seed(0)
    model = fading(make())
    rows = USERS if "users" in {layer.name for layer in model.layers} else ITEMS
    counts = np.arange(rows, 0, -1) ** 2
    found = search_run(model, Budget(max_bytes=max_bytes), None, target=target, counts=counts)
    assert stored_bytes(model, found, target) == found.chosen.nbytes <= max_bytes


def test_what_no_operator_reads_is_not_coded():
    class Spare(keras.layers.Layer):
        def build(self, shape):
            self.spare = keras.layers.Embedding(ITEMS, DIM, name="spare")
            self.spare.build(shape)

        def call(self, vectors):
            return 2 * vectors

    ids = keras.Input((LENGTH,), dtype="int32", name="ids")
    items = layers.FullEmbedding(ITEMS, DIM, name="items")
    vector = Spare()(keras.ops.mean(items(ids), axis=1))
    model = keras.Model(ids, keras.layers.Dense(4)(vector))
    with pytest.warns(UserWarning, match="spare/embeddings"):
        found = search_run(model, Budget(snr_db=8), None, code_output=True)
    assert list(found.tables) == ["items/embeddings"]


@pytest.fixture
def measured():
    """Stands for 10,000 validation examples; the ids of example k are all k."""
    ids = np.repeat(np.arange(10_000, dtype=np.int32), LENGTH)
    history = Ragged(ids, np.arange(0, len(ids) + 1, LENGTH))
    measured = RunQuality.__new__(RunQuality)  # without its run
    measured.task = SimpleNamespace(logits=None, training_inputs=None)
    measured.dataset = SimpleNamespace(
        id_counts=np.ones(ITEMS), valid=Examples(history=history, targets=history)
    )
    measured.examine = lambda model: (1.0, 1.0)
    return measured


@pytest.fixture
def given(monkeypatch):
    """What a search is given, in place of which nothing happens."""
    given = {}

    def find_tables(*args, **options):
        given.update(options)
        return Found(None, {}, 1.0, 1, ())

    monkeypatch.setattr(keras_search, "ModelTables", lambda *args, **options: given.update(options))
    monkeypatch.setattr(keras_search, "find_tables", find_tables)
    return given


def test_inputs_come_from_everywhere_in_the_validation_data(measured, given):
    search_run(ranker(), Budget(max_loss=0.1), measured, refit=False, reference=0.5)
    probe = given["probe"][:, 0]
    assert len(probe) == 4096
    assert (probe[0], probe[-1]) == (0, 9999)
    assert np.ptp(np.diff(probe)) <= 1
    assert given["reference"] == 0.5


@pytest.mark.parametrize("is_tied", [True, False])
def test_only_what_is_read_is_shrunk(measured, given, is_tied):
    output = None if is_tied else layers.FullEmbedding(ITEMS, DIM, name="output")
    search_run(
        ranker(output), Budget(max_loss=0.1), measured, refit=False, reference=0.5, code_output=True
    )
    assert set(given["kept_long"]) == (set() if is_tied else {"output/embeddings"})
    assert given["start"] == (SCORED_START if is_tied else START)
