"""A made-up data set on which the ways to shrink a table differ as they do on real ones.

Items are Zipf-popular and belong to clusters of taste; every cluster has its head and its tail.
A user follows a few clusters and moves through one of them for a while. Some of the steps lead from
an item to one of its few successors, whatever their popularity, so that the tail can be predicted
by a model that knows its rows apart; the others are draws from the cluster by popularity.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tfcompress.data.dataset import Dataset
from tfcompress.data.encoding import encode
from tfcompress.data.options import check_least
from tfcompress.data.ragged import Ragged
from tfcompress.data.splits import leave_one_out
from tfcompress.vocabulary import Vocabulary

# Part of the hash: raise it whenever the same options would give other data.
_VERSION = 1
_ITEM_EXPONENT = 1.0
_CLUSTER_EXPONENT = 0.7
_CLUSTERS_PER_USER = 3
_STAY_IN_CLUSTER = 0.85
_FOLLOW_SUCCESSOR = 0.3
_NUM_SUCCESSORS = 8
_SHORTEST = 5
_TRIES = 20


def generate(
    *,
    num_items: int = 5000,
    num_users: int = 10_000,
    mean_length: int = 16,
    num_clusters: int = 100,
    seed: int = 0,
    min_count: int = 1,
    max_items: int | None = None,
    vocabulary: Vocabulary | None = None,
) -> Dataset:
    """Makes the data set; the same options always give the same one.

    Args:
        num_items: int. Items in the catalogue ("item-00042"; the number is not the popularity).
        num_users: int. Users, one sequence each.
        mean_length: int. Mean length of a sequence; the shortest ones have 5 items.
        num_clusters: int. Clusters of taste.
        seed: int. Of all random draws.
        min_count: int. As in `tfcompress.data.load`.
        max_items: int or None. As in `tfcompress.data.load`.
        vocabulary: Vocabulary or None. As in `tfcompress.data.load`.

    Raises:
        ConfigError: an option is too small for the others.
    """
    options = {
        "num_items": num_items,
        "num_users": num_users,
        "mean_length": mean_length,
        "num_clusters": num_clusters,
        "seed": seed,
    }
    _check(options)
    width = len(str(num_items - 1))
    tokens = pa.array([f"item-{number:0{max(width, 5)}d}" for number in range(num_items)])
    identity = json.dumps({"synthetic": _VERSION} | options, sort_keys=True)
    return encode(
        leave_one_out(sequences(**options)),
        tokens,
        name="synthetic",
        sha256=hashlib.sha256(identity.encode()).hexdigest(),
        format="synthetic",
        min_count=min_count,
        max_items=max_items,
        vocabulary=vocabulary,
    )


def sequences(
    *, num_items: int, num_users: int, mean_length: int, num_clusters: int, seed: int
) -> Ragged:
    """The users' item numbers, oldest first; see `generate`."""
    rng = np.random.default_rng(seed)
    catalogue = _Catalogue(rng, num_items, num_clusters)
    lengths = _SHORTEST + rng.poisson(rng.gamma(2.0, (mean_length - _SHORTEST) / 2, num_users))
    # Nobody sees more than half of what the own clusters hold.
    longest = max(_SHORTEST, _CLUSTERS_PER_USER * num_items // num_clusters // 2)
    lengths = np.minimum(lengths, longest)
    liked = np.cumsum(_zipf(num_clusters, _CLUSTER_EXPONENT))
    tastes = np.searchsorted(liked, rng.random((num_users, _CLUSTERS_PER_USER)) * liked[-1])
    rows = np.full((num_users, lengths.max()), -1, np.int32)
    active = tastes[:, 0]
    for step in range(rows.shape[1]):
        users = np.flatnonzero(lengths > step)
        moving = rng.random(num_users) >= _STAY_IN_CLUSTER
        chosen = tastes[np.arange(num_users), rng.integers(0, _CLUSTERS_PER_USER, num_users)]
        active = np.where(moving, chosen, active)
        last = np.where(moving, -1, rows[:, step - 1])
        for _ in range(_TRIES):
            items = catalogue.draw(rng, active[users], last[users])
            rows[users, step] = items
            users = users[(rows[users, :step] == items[:, None]).any(axis=1)]
            if not len(users):
                break
    inside = np.arange(rows.shape[1]) < lengths[:, None]
    return Ragged.from_lengths(rows[inside], lengths)


def _zipf(size: int, exponent: float) -> NDArray[np.float64]:
    return np.asarray((np.arange(size) + 1.0) ** -exponent, np.float64)


class _Catalogue:
    """Clusters of items, their popularity and their successors."""

    def __init__(self, rng: np.random.Generator, num_items: int, num_clusters: int) -> None:
        clusters = rng.permutation(np.arange(num_items) % num_clusters)
        popularity = rng.permutation(_zipf(num_items, _ITEM_EXPONENT))
        self.items = np.argsort(clusters, kind="stable")
        self.starts = np.searchsorted(clusters[self.items], np.arange(num_clusters + 1))
        self.mass = np.concatenate([[0.0], np.cumsum(popularity[self.items])])
        sizes = np.diff(self.starts)[clusters]
        draws = rng.random((num_items, _NUM_SUCCESSORS)) * sizes[:, None]
        self.successors = self.items[self.starts[clusters][:, None] + draws.astype(np.int64)]

    def draw(
        self, rng: np.random.Generator, clusters: NDArray[Any], last: NDArray[Any]
    ) -> NDArray[Any]:
        """One item for each user: a successor of the last one (unless -1), or by popularity."""
        low, high = self.mass[self.starts[clusters]], self.mass[self.starts[clusters + 1]]
        place = np.searchsorted(self.mass, low + rng.random(len(low)) * (high - low), "right") - 1
        items = self.items[np.minimum(place, self.starts[clusters + 1] - 1)]
        successors = self.successors[last, rng.integers(0, _NUM_SUCCESSORS, len(last))]
        follow = (last >= 0) & (rng.random(len(last)) < _FOLLOW_SUCCESSOR)
        return np.asarray(np.where(follow, successors, items))


def _check(options: dict[str, int]) -> None:
    least = {"num_users": 1, "num_clusters": 1, "mean_length": _SHORTEST + 1, "seed": 0}
    least["num_items"] = 10 * options["num_clusters"]
    check_least(options, least)
