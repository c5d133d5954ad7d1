"""Quality of a ranker over the full catalogue: nDCG@k and hit rate@k.

The rank of a target is 1 + the number of items that score higher + the number of items with the
same score and a smaller id. Ids 0 (padding) and 1 (out of vocabulary) are never ranked; a target
that is not in the vocabulary counts as a miss.

A user's list is one plain list: with several targets, each stands at its own place in it. The DCG
adds 1 / log2(rank + 1) over the targets among the first k (Jarvelin and Kekalainen 2002, with
binary gains) and is divided by the DCG of the best list there could be, which has min(k, number of
targets) targets at its top. Unknown targets count in that number: a vocabulary that leaves items
out is not rewarded for it. The hit rate asks for at least one target among the first k.

With `mask_history` the items a user has seen leave the list and those below move up. A target stays
in the list even when it was seen before, or data with repeats could never be answered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tfcompress.data.dataset import Examples
from tfcompress.data.ragged import Ragged
from tfcompress.data.row_sets import from_keys, keys_of, row_keys, sorted_keys
from tfcompress.errors import ConfigError, DataError, ModelError
from tfcompress.ranking_quality import RankingQuality
from tfcompress.vocabulary import FIRST_ID, OOV_ID

Scorer = Callable[[NDArray[np.int32]], NDArray[np.float32]]
Lister = Callable[[NDArray[np.int32]], tuple[NDArray[np.int32], NDArray[np.float32]]]


def evaluate(
    score: Scorer,
    examples: Examples,
    *,
    length: int,
    batch_size: int = 256,
    k: int = 10,
    mask_history: bool = True,
) -> RankingQuality:
    """Ranks all items for every user by the scores of a model.

    Args:
        score: callable. int32 ids `(B, length)` to float32 scores `(B, n)`, column = id. Its
            result is only read.
        examples: Examples. Histories and targets; users without a target are left out.
        length: int. How many of the last ids the model reads; padded with 0 on the left.
        batch_size: int. Users at a time; the last batch may be smaller.
        k: int. Length of the list that counts.
        mask_history: bool. Whether seen items are left out of the list.

    Returns:
        `RankingQuality`.

    Raises:
        ModelError: Scores of a wrong shape, a NaN among the scores of ranked items (the error
            names the user's row), or fewer columns than the data has ids.
        DataError: A target below 1, or no user with a target.
        ConfigError: `length`, `batch_size` or `k` below 1.
    """

    def place(batch: _Batch) -> _Hits:
        scores = np.ascontiguousarray(score(batch.ids))
        _check_scores(scores, batch)
        users, ranks = [], []
        for user in range(len(batch.ids)):
            for rank in _first_ranks(scores[user], batch.targets[user], batch.seen[user], k):
                users.append(user)
                ranks.append(rank)
        return _Hits(np.array(users, np.int64), np.array(ranks, np.int64))

    return _evaluate(place, examples, length, batch_size, k=k, mask_history=mask_history)


def evaluate_top_k(
    best: Lister,
    examples: Examples,
    *,
    length: int,
    batch_size: int = 256,
    k: int = 10,
    mask_history: bool = True,
) -> RankingQuality:
    """Ranks by the lists of a model that returns only its K best items, as a device shows them.

    Seen items, and ids 0 and 1, are dropped from the list and the rest move up. Where fewer than k
    remain, `short_lists` counts the user.

    Args:
        best: callable. int32 ids `(B, length)` to ids `(B, K)`, best first, and their scores
            `(B, K)`.
        examples: Examples. As for `evaluate`.
        length: int. As for `evaluate`.
        batch_size: int. As for `evaluate`.
        k: int. As for `evaluate`.
        mask_history: bool. As for `evaluate`.

    Returns:
        `RankingQuality` with `top_k` and `short_lists`.

    Raises:
        ModelError: Lists of a wrong shape, or a NaN among their scores.
        DataError: As for `evaluate`.
        ConfigError: As for `evaluate`.
    """
    widths: set[int] = set()

    def place(batch: _Batch) -> _Hits:
        items, scores = best(batch.ids)
        if items.ndim != 2 or len(items) != len(batch.ids) or scores.shape != items.shape:
            raise ModelError(
                f"the model gave ids {items.shape} and scores {scores.shape} for "
                f"{len(batch.ids)} users; expected two arrays of shape (users, K)"
            )
        _refuse_nan(scores, batch)
        widths.add(items.shape[1])
        keys = keys_of(np.arange(len(items))[:, None], items)
        kept = (items >= FIRST_ID) & ~np.isin(keys, row_keys(batch.seen))
        ranks = np.cumsum(kept, axis=1)
        hit = kept & (ranks <= k) & np.isin(keys, row_keys(batch.targets))
        short = (kept.sum(axis=1) < k) & batch.asked
        return _Hits(np.nonzero(hit)[0], ranks[hit].astype(np.int64), int(short.sum()))

    quality = _evaluate(place, examples, length, batch_size, k=k, mask_history=mask_history)
    if len(widths) != 1:
        raise ModelError(f"the model gave lists of different lengths: {sorted(widths)}")
    return replace(quality, top_k=widths.pop())


@dataclass(frozen=True)
class _Batch:
    """Users `start`, `start + 1`, ...: what the model reads and what the ranking needs."""

    start: int
    ids: NDArray[np.int32]  # (B, length)
    targets: Ragged  # known targets, each once, ascending
    seen: Ragged  # items that leave the list, each once, ascending
    asked: NDArray[np.bool_]  # (B,), users with a target


@dataclass(frozen=True)
class _Hits:
    """Targets that were found: the user inside the batch and the rank, one entry each."""

    users: NDArray[np.int64]
    ranks: NDArray[np.int64]
    short_lists: int = 0


def _evaluate(
    place: Callable[[_Batch], _Hits],
    examples: Examples,
    length: int,
    batch_size: int,
    *,
    k: int,
    mask_history: bool,
) -> RankingQuality:
    """Walks over the users in batches and averages; `place` finds the targets in the lists."""
    for name, value in (("length", length), ("batch_size", batch_size), ("k", k)):
        if value < 1:
            raise ConfigError(f"{name} must be at least 1, received {value}")
    num_targets = _count_targets(examples)
    asked = num_targets > 0
    discount = 1.0 / np.log2(np.arange(k) + 2.0)  # (k,), of ranks 1..k
    dcg, found = np.zeros(len(asked)), np.zeros(len(asked), bool)
    short_lists, soft_gain = 0, 0.0
    for start in range(0, len(asked), batch_size):
        stop = min(start + batch_size, len(asked))
        history = examples.history.between(start, stop)
        targets = sorted_keys(examples.targets.between(start, stop))
        seen = np.setdiff1d(sorted_keys(history), targets, assume_unique=True)
        hits = place(
            _Batch(
                start,
                history.last(length),
                from_keys(targets, stop - start),
                from_keys(seen if mask_history else seen[:0], stop - start),
                asked[start:stop],
            )
        )
        soft_gain += float((k / (k + hits.ranks)).sum())
        listed = hits.ranks <= k
        users, ranks = start + hits.users[listed], hits.ranks[listed]
        np.add.at(dcg, users, discount[ranks - 1])
        found[users] = True
        short_lists += hits.short_lists
    best_dcg = np.cumsum(discount)[np.minimum(num_targets[asked], k) - 1]
    return RankingQuality(
        ndcg=float(np.mean(dcg[asked] / best_dcg)),
        hit_rate=float(np.mean(found[asked])),
        k=k,
        num_users=int(asked.sum()),
        unknown_targets=int(np.sum(examples.targets.values == OOV_ID)),
        history_masked=mask_history,
        short_lists=short_lists,
        soft_gain=soft_gain / int(asked.sum()),
    )


def _first_ranks(
    scores: NDArray[np.float32], targets: NDArray[np.int32], seen: NDArray[np.int32], k: int
) -> list[int]:
    """The ranks 1..k that targets of one user hold, and that of the best target beyond.

    Args:
        scores: float32 array, shape `(n,)`.
        targets: int32 array. Known targets, ascending.
        seen: int32 array. Items that are not in the list.
        k: int.

    Returns:
        list of int, ascending.
    """
    ranks = []
    seen_scores = scores[seen]
    # Best target first (a stable sort keeps ties by id): once one is beyond k, so are the others,
    # and a user costs at most k + 1 walks over the scores however many targets there are.
    for target in targets[np.argsort(-scores[targets], kind="stable")]:
        value = scores[target]
        # Before the target's column a tie ranks higher, behind it lower: one comparison each.
        ahead = np.count_nonzero(scores[FIRST_ID:target] >= value)
        ahead += np.count_nonzero(scores[target + 1 :] > value)
        if len(seen):
            gone = (seen_scores > value) | ((seen_scores == value) & (seen < target))
            ahead -= np.count_nonzero(gone)
        ranks.append(int(ahead) + 1)
        if ahead >= k:
            break
    return ranks


def _check_scores(scores: NDArray[np.float32], batch: _Batch) -> None:
    if scores.ndim != 2 or len(scores) != len(batch.ids) or scores.shape[1] <= FIRST_ID:
        raise ModelError(
            f"the model gave scores of shape {scores.shape} for {len(batch.ids)} users; "
            "expected (users, items)"
        )
    for name, rows in (("target", batch.targets), ("history", batch.seen)):
        largest = int(rows.values.max(initial=0))
        if largest >= scores.shape[1]:
            raise ModelError(
                f"the model scores ids below {scores.shape[1]}, but the {name} of the data has id "
                f"{largest}; measure with the data the model was trained on"
            )
    _refuse_nan(scores[:, FIRST_ID:], batch, FIRST_ID)


def _refuse_nan(scores: NDArray[np.float32], batch: _Batch, first_column: int = 0) -> None:
    # The maximum hands a NaN on, without a boolean array as large as the scores.
    rows = np.flatnonzero(np.isnan(scores.max(axis=1, initial=-np.inf)))
    if len(rows):
        column = int(np.flatnonzero(np.isnan(scores[rows[0]]))[0]) + first_column
        raise ModelError(
            f"user row {batch.start + int(rows[0])}: the model gave NaN as score {column}; "
            "a ranking needs numbers"
        )


def _count_targets(examples: Examples) -> NDArray[np.int64]:
    """Number of different targets of each user; each unknown one counts, shape `(users,)`."""
    history, targets = examples.history, examples.targets
    if len(history) != len(targets):
        raise DataError(f"{len(history)} histories but {len(targets)} target rows")
    bad = np.flatnonzero(targets.values < OOV_ID)
    if len(bad):
        row = int(targets.row_of_value()[bad[0]])
        raise DataError(
            f"user row {row}: target {targets.values[bad[0]]}; expected 1 (unknown) or an item id"
        )
    if not len(targets.values):
        raise DataError("no user has a target to rank")
    known = from_keys(sorted_keys(targets), len(targets)).lengths
    unknown = targets.row_of_value()[targets.values == OOV_ID]
    return known + np.bincount(unknown, minlength=len(targets))
