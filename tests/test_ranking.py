import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfcompress.data.dataset import Examples
from tfcompress.data.ragged import Ragged
from tfcompress.errors import ConfigError, DataError, ModelError
from tfcompress.ranking import evaluate, evaluate_top_k


def naive(scores, histories, targets, *, k, mask_history):
    """Sorts the whole catalogue of every user."""
    ndcg, hits = [], []
    for row, history, wanted in zip(scores, histories, targets, strict=True):
        known = {target for target in wanted if target > 1}
        gone = set(history) - known if mask_history else set()
        items = [item for item in range(2, len(row)) if item not in gone]
        items.sort(key=lambda item: (-row[item], item))
        gains = [item in known for item in items[:k]]
        ideal = min(k, len(known) + sum(target == 1 for target in wanted))
        best = sum(1 / math.log2(place + 2) for place in range(ideal))
        ndcg.append(sum(g / math.log2(place + 2) for place, g in enumerate(gains)) / best)
        hits.append(any(gains))
    return sum(ndcg) / len(ndcg), sum(hits) / len(hits)


def examples_of(histories, targets):
    return Examples(Ragged.from_rows(histories), Ragged.from_rows(targets))


def replay(scores, batch_size):
    """A scorer that gives the rows of `scores` in order, whatever it is asked."""
    batches = iter(np.split(scores, range(batch_size, len(scores), batch_size)))
    return lambda ids: next(batches)


@st.composite
def problems(draw):
    num_ids, users = draw(st.integers(3, 14)), draw(st.integers(1, 7))
    # Few distinct scores, so that ties are everywhere.
    value = st.sampled_from([-math.inf, -1.0, 0.0, -0.0, 0.5, 2.0])
    scores = draw(st.lists(st.lists(value, min_size=num_ids, max_size=num_ids), min_size=users,
                           max_size=users))  # fmt: skip
    item = st.integers(2, num_ids - 1)
    histories = draw(st.lists(st.lists(item, max_size=8), min_size=users, max_size=users))
    target = st.one_of(item, st.just(1))
    targets = draw(
        st.lists(st.lists(target, min_size=1, max_size=6), min_size=users, max_size=users)
    )
    return np.array(scores, np.float32), histories, targets


def test_the_soft_gain_counts_what_just_misses_the_list():
    scores = np.arange(9, 0, -1, dtype=np.float32)[None].repeat(3, axis=0)
    # Ranks 1 and 3; and of several targets those in the list and the next one: 2 and 4, not 6.
    examples = examples_of([[], [], []], [[2], [4], [3, 5, 7]])
    quality = evaluate(lambda ids: scores, examples, length=2, k=2)
    expected = (2 / (2 + 1) + 2 / (2 + 3) + (2 / (2 + 2) + 2 / (2 + 4))) / 3
    assert quality.soft_gain == pytest.approx(expected)


@settings(max_examples=300)
@given(problems(), st.integers(1, 12), st.integers(1, 4), st.booleans())
def test_equals_a_full_sort(problem, k, batch_size, mask_history):
    scores, histories, targets = problem
    expected = naive(scores, histories, targets, k=k, mask_history=mask_history)
    quality = evaluate(
        replay(scores, batch_size),
        examples_of(histories, targets),
        length=3,
        batch_size=batch_size,
        k=k,
        mask_history=mask_history,
    )
    assert (quality.ndcg, quality.hit_rate) == pytest.approx(expected)
    assert quality.num_users == len(scores)
    assert quality.unknown_targets == sum(row.count(1) for row in targets)


@settings(max_examples=300)
@given(problems(), st.integers(1, 12), st.integers(1, 4), st.booleans())
def test_a_list_of_everything_ranks_as_the_scores_do(problem, k, batch_size, mask_history):
    scores, histories, targets = problem
    order = np.argsort(-scores, axis=1, kind="stable").astype(np.int32)
    rows = iter(range(0, len(scores), batch_size))

    def best(ids):
        start = next(rows)
        items = order[start : start + len(ids)]
        return items, np.take_along_axis(scores[start : start + len(ids)], items, axis=1)

    quality = evaluate_top_k(
        best,
        examples_of(histories, targets),
        length=3,
        batch_size=batch_size,
        k=k,
        mask_history=mask_history,
    )
    expected = naive(scores, histories, targets, k=k, mask_history=mask_history)
    assert (quality.ndcg, quality.hit_rate) == pytest.approx(expected)
    assert quality.top_k == scores.shape[1]


def test_the_model_reads_the_last_ids_padded_on_the_left():
    seen = []

    def score(ids):
        seen.append(ids.copy())
        return np.zeros((len(ids), 9), np.float32)

    histories = [[2, 3, 4, 5], [6], [], [7, 8]]
    evaluate(score, examples_of(histories, [[2]] * 4), length=3, batch_size=3)
    assert [batch.tolist() for batch in seen] == [
        [[3, 4, 5], [0, 0, 6], [0, 0, 0]],
        [[0, 7, 8]],
    ]
    assert seen[0].dtype == np.int32


def test_a_tie_goes_to_the_smaller_id_and_specials_are_never_ranked():
    scores = np.array([[9, 9, 1, 1, 1]], np.float32)
    for target, rank in [(2, 1), (3, 2), (4, 3)]:
        quality = evaluate(lambda ids: scores, examples_of([[]], [[target]]), length=1)
        assert quality.ndcg == pytest.approx(1 / math.log2(rank + 1))


def test_seen_items_leave_the_list_but_a_repeated_target_stays():
    scores = np.array([[0, 0, 5, 4, 3, 2]], np.float32)
    examples = examples_of([[2, 3, 3, 4]], [[4]])
    assert evaluate(lambda ids: scores, examples, length=1, k=1).hit_rate == 1.0
    assert evaluate(lambda ids: scores, examples, length=1, k=1, mask_history=False).hit_rate == 0.0
    assert not evaluate(lambda ids: scores, examples, length=1, mask_history=False).history_masked


def test_an_unknown_target_is_a_miss_that_counts():
    scores = np.array([[0, 99, 5, 4], [0, 99, 5, 4]], np.float32)
    quality = evaluate(lambda ids: scores, examples_of([[], []], [[2], [1]]), length=1)
    assert (quality.ndcg, quality.hit_rate) == (0.5, 0.5)
    assert (quality.num_users, quality.unknown_targets) == (2, 1)


def test_users_without_a_target_are_left_out_of_the_mean():
    scores = np.array([[0, 0, 5], [0, 0, 5]], np.float32)
    quality = evaluate(lambda ids: scores, examples_of([[], []], [[], [2]]), length=1)
    assert (quality.ndcg, quality.num_users) == (1.0, 1)


@pytest.mark.parametrize("column", [2, 4])
def test_nan_names_the_user(column):
    scores = np.zeros((4, 5), np.float32)
    scores[3, column] = np.nan
    examples = examples_of([[], [], [], [4]], [[3]] * 4)
    with pytest.raises(ModelError, match=rf"user row 3: .*NaN as score {column};"):
        evaluate(replay(scores, 2), examples, length=1, batch_size=2)


def test_nan_of_an_id_that_is_never_ranked_is_no_error():
    scores = np.zeros((1, 4), np.float32)
    scores[0, :2] = np.nan
    assert evaluate(lambda ids: scores, examples_of([[]], [[2]]), length=1).ndcg == 1.0


def test_nan_in_a_list_names_the_user():
    examples = examples_of([[], []], [[2], [2]])
    scores = np.array([[1, 0], [1, np.nan]], np.float32)
    with pytest.raises(ModelError, match="user row 1"):
        evaluate_top_k(lambda ids: (np.full((2, 2), 3, np.int32), scores), examples, length=1)


def test_lists_that_run_short_after_masking_are_counted():
    lists = np.array([[2, 3, 4], [0, 5, 6]], np.int32)
    scores = np.zeros((2, 3), np.float32)
    examples = examples_of([[2, 3], [9]], [[4], [6]])
    quality = evaluate_top_k(lambda ids: (lists, scores), examples, length=1, k=2)
    assert (quality.top_k, quality.short_lists, quality.hit_rate) == (3, 1, 1.0)
    assert quality.to_json()["short_lists"] == 1
    assert quality.ndcg == pytest.approx((1 + 1 / math.log2(3)) / 2)


def test_the_scores_are_only_read():
    scores = np.arange(12, dtype=np.float32).reshape(2, 6)
    scores.flags.writeable = False
    evaluate(lambda ids: scores, examples_of([[2, 3], [4]], [[5], [5]]), length=1)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.zeros((1, 9), np.float32), r"shape \(1, 9\) for 2 users"),
        (np.zeros(9, np.float32), "expected"),
        (np.zeros((2, 4), np.float32), "ids below 4, but the target of the data has id 5"),
        (np.zeros((2, 6), np.float32), "ids below 6, but the history of the data has id 7"),
    ],
)
def test_wrong_scores_are_refused(scores, message):
    with pytest.raises(ModelError, match=message):
        evaluate(lambda ids: scores, examples_of([[7], []], [[5], [2]]), length=1)


def test_wrong_lists_are_refused():
    examples = examples_of([[], []], [[5], [2]])
    with pytest.raises(ModelError, match="expected two arrays"):
        evaluate_top_k(
            lambda ids: (np.zeros((2, 3), np.int32), np.zeros((2, 2), np.float32)),
            examples,
            length=1,
        )


@pytest.mark.parametrize(
    ("histories", "targets", "message"),
    [
        ([[2]], [[2], [3]], "1 histories but 2 target rows"),
        ([[], []], [[2], [3, 0]], "user row 1: target 0"),
        ([[]], [[]], "no user has a target"),
        ([], [], "no user has a target"),
    ],
)
def test_examples_that_cannot_be_ranked_are_refused(histories, targets, message):
    with pytest.raises(DataError, match=message):
        evaluate(
            lambda ids: np.zeros((len(ids), 9), np.float32),
            examples_of(histories, targets),
            length=1,
        )


@pytest.mark.parametrize("argument", ["length", "batch_size", "k"])
def test_arguments_below_one_are_refused(argument):
    arguments = {"length": 1, argument: 0}
    with pytest.raises(ConfigError, match=f"{argument} must be at least 1, received 0"):
        evaluate(lambda ids: ids, examples_of([[]], [[2]]), **arguments)
