"""The made-up data set is the same each time and has what it promises."""

import hashlib

import numpy as np
import pytest
from scipy import sparse

from tfcompress.data import Examples, load
from tfcompress.data.synthetic import generate
from tfcompress.errors import ConfigError
from tfcompress.ranking import evaluate

SMALL = {"num_items": 300, "num_users": 200, "mean_length": 10, "num_clusters": 20}


@pytest.fixture(scope="module")
def data():
    return generate()


def test_same_options_same_data():
    first, second = generate(**SMALL), generate(**SMALL)
    assert first.sha256 == second.sha256
    assert first.vocabulary == second.vocabulary
    np.testing.assert_array_equal(first.train.values, second.train.values)
    assert load("synthetic").sha256 == generate().sha256


def test_data_of_this_version_does_not_change():
    # If this fails, the generator makes other data: raise its _VERSION, so that the hash follows.
    rows = generate(**SMALL)
    values = np.concatenate(
        [rows.train.values, rows.valid.targets.values, rows.test.targets.values]
    )
    assert hashlib.sha256(values.astype("<i4").tobytes()).hexdigest()[:16] == "821de8f26b14736a"


@pytest.mark.parametrize("option", ["seed", *SMALL])
def test_other_options_other_data(option):
    changed = {"seed": 0} | SMALL
    changed[option] += 1
    base, other = generate(**SMALL), generate(**changed)
    assert other.sha256 != base.sha256
    assert not np.array_equal(other.train.values, base.train.values)


def test_shape(data):
    assert data.vocabulary.tokens[0].as_py().startswith("item-0")
    assert len(data.test.targets) == len(data.train) == 10_000
    assert 4_900 < len(data.vocabulary.tokens) <= 5_000
    lengths = data.test.history.lengths + 1
    assert lengths.min() >= 5
    assert 14 < lengths.mean() < 17


def test_items_are_hardly_ever_repeated(data):
    pairs = np.stack([data.train.row_of_value(), data.train.values])
    assert len(np.unique(pairs, axis=1).T) > 0.99 * pairs.shape[1]


def test_popularity_is_as_skewed_as_in_real_data(data):
    counts = data.vocabulary.counts
    assert 0.08 < counts[: len(counts) // 100].sum() / counts.sum() < 0.17


def item_to_item(data, row_of_id):
    """nDCG@10 of the items that followed the last ones, when `row_of_id` names their rows."""
    train, size = data.train, data.vocabulary.size
    counts = sparse.csr_matrix((size, size), dtype=np.float32)
    rows = train.row_of_value()
    for lag, weight in ((1, 1.0), (2, 0.4), (3, 0.2), (4, 0.1)):
        same = rows[lag:] == rows[:-lag]
        before, after = row_of_id[train.values[:-lag][same]], train.values[lag:][same]
        weights = np.full(len(before), weight, np.float32)
        counts = counts + sparse.csr_matrix((weights, (before, after)), shape=(size, size))
    table = sparse.diags(1 / (np.asarray(counts.sum(axis=1)).ravel() + 2)) @ counts

    def score(ids):
        scores = np.zeros((len(ids), size), np.float32)
        for place, weight in enumerate((1.0, 0.35, 0.25, 0.2), 1):
            known = (ids[:, -place] > 1)[:, None]
            scores += weight * known * table[row_of_id[ids[:, -place]]].toarray()
        return scores

    return evaluate(score, first_users(data), length=4).ndcg


def first_users(data):
    users = np.arange(1000)
    return Examples(data.test.history.take(users), data.test.targets.take(users))


def test_full_table_beats_popularity_and_a_shared_tail_loses(data):
    ids = np.arange(data.vocabulary.size)
    popularity = evaluate(
        lambda batch: np.broadcast_to(
            data.vocabulary.id_counts.astype(np.float32), (len(batch), len(ids))
        ),
        first_users(data),
        length=1,
    ).ndcg
    full = item_to_item(data, ids)
    truncated = item_to_item(data, np.minimum(ids, len(ids) // 16))
    assert full > 6 * popularity
    assert truncated < 0.75 * full


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("num_items", 199, "num_items: must be at least 200, got 199"),
        ("num_users", 0, "num_users: must be at least 1, got 0"),
        ("mean_length", 5, "mean_length: must be at least 6, got 5"),
        ("num_clusters", 0, "num_clusters: must be at least 1, got 0"),
        ("seed", -1, "seed: must be at least 0, got -1"),
    ],
)
def test_options_out_of_range(option, value, message):
    with pytest.raises(ConfigError, match=message):
        generate(**SMALL | {option: value})
