from pathlib import Path

import keras
import numpy as np
import pytest

from tfcompress import layers
from tfcompress.errors import ConfigError
from tfcompress.models import RankerTrainer, build_sequence_ranker, load_model

N, D, L = 40, 8, 5


def ranker(*, tie: bool = False, embedding: str = "memcom", **options) -> keras.Model:
    table = layers.create(
        embedding, N, D, ratio=4 if embedding != "full" else 1, name="item_embedding"
    )
    output = None if tie else layers.FullEmbedding(N, D, name="output_items")
    return build_sequence_ranker(
        table, history_length=L, hidden_units=(16,), output=output, **options
    )


def numpy(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("tie", [False, True])
@pytest.mark.parametrize("embedding", ["full", "hash", "memcom"])
def test_scores_are_user_vectors_against_item_vectors(embedding, tie):
    model = ranker(tie=tie, embedding=embedding)
    ids = np.random.default_rng(0).integers(0, N, (3, L)).astype(np.int32)
    items = model.get_layer("item_embedding" if tie else "output_items")
    user = keras.Model(model.inputs[0], model.get_layer("user_vector").output)(ids)
    expected = numpy(user) @ numpy(items(np.arange(N))).T
    np.testing.assert_allclose(numpy(model(ids)["scores"]), expected, rtol=1e-4, atol=1e-6)


def test_a_tied_ranker_holds_no_second_matrix():
    shapes = [tuple(v.shape) for v in ranker(tie=True, embedding="full").weights]
    assert shapes.count((N, D)) == 1


def test_padding_on_the_left_changes_nothing():
    model = ranker()
    table = model.get_layer("item_embedding")
    short = np.array([[0, 0, 0, 7, 9]], np.int32)
    before = numpy(model(short)["scores"])
    # Whatever id 0 embeds to, it is not in the mean and is not the last item.
    table.v.assign(numpy(table.v) * np.where(np.arange(N) == 0, 100, 1)[:, None])
    np.testing.assert_array_equal(numpy(model(short)["scores"]), before)


def test_saving_and_loading_gives_the_same_scores(tmp_path: Path):
    model = ranker(dropout=0.1)
    path = tmp_path / "model.keras"
    model.save(path)
    ids = np.arange(2 * L).reshape(2, L).astype(np.int32)
    np.testing.assert_array_equal(
        numpy(load_model(path)(ids)["scores"]), numpy(model(ids)["scores"])
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [({"history_length": 0}, "history_length is 0"), ({"dropout": 1.0}, "dropout is 1.0")],
)
def test_bad_arguments_are_named(options, message):
    arguments = {"history_length": L} | options
    with pytest.raises(ConfigError, match=message):
        build_sequence_ranker(layers.FullEmbedding(N, D), **arguments)


def test_full_softmax_is_the_cross_entropy_over_the_real_items():
    trainer = RankerTrainer(ranker())
    ids = np.random.default_rng(1).integers(2, N, (4, L)).astype(np.int32)
    targets = np.array([2, 5, 39, 17], np.int32)
    user = trainer({"ids": ids})
    loss = float(trainer.compute_loss(x={"ids": ids}, y=targets, y_pred=user))
    scores = numpy(trainer.ranker(ids)["scores"])[:, 2:]
    expected = np.log(np.exp(scores).sum(1)) - scores[np.arange(4), targets - 2]
    assert loss == pytest.approx(expected.mean(), rel=1e-5)


def test_regularisers_add_to_the_loss():
    table = layers.FullEmbedding(N, D, name="item_embedding", embeddings_regularizer="l2")
    trainer = RankerTrainer(build_sequence_ranker(table, history_length=L, hidden_units=(16,)))
    ids, targets = np.full((1, L), 3, np.int32), np.array([5], np.int32)
    user = trainer({"ids": ids})
    loss = float(trainer.compute_loss(x={"ids": ids}, y=targets, y_pred=user))
    table.embeddings.regularizer = None
    plain = float(trainer.compute_loss(x={"ids": ids}, y=targets, y_pred=user))
    penalty = 0.01 * float((numpy(table.embeddings) ** 2).sum())
    assert loss - plain == pytest.approx(penalty, rel=1e-3)


def test_sampled_softmax_with_every_item_once_is_the_full_softmax():
    # With q uniform and every other item drawn once, the correction cancels and nothing is missing.
    trainer = RankerTrainer(ranker())
    trainer.bias_layer.bias.assign(np.random.default_rng(2).normal(size=N).astype(np.float32))
    ids = np.random.default_rng(1).integers(2, N, (1, L)).astype(np.int32)
    target = np.array([7], np.int32)
    user = trainer({"ids": ids})
    negatives = np.arange(2, N, dtype=np.int32)  # the target among them: an accidental hit
    log_q = np.full(N - 2, np.log(1 / (N - 2)), np.float32)
    x = {"ids": ids, "negatives": negatives}
    x |= {"negative_log_q": log_q, "target_log_q": log_q[:1]}
    sampled = float(trainer.compute_loss(x=x, y=target, y_pred=user))
    full = float(trainer.compute_loss(x={"ids": ids}, y=target, y_pred=user))
    assert sampled == pytest.approx(full, rel=1e-5)


@pytest.mark.parametrize("names", [("item_embedding", "out"), ("output_items", "x"), (None, None)])
def test_the_trainer_trains_the_table_that_scores_are_taken_against(names):
    read, scored = (layers.FullEmbedding(N, D, name=name) for name in names)
    for output in (scored, None):
        model = build_sequence_ranker(read, history_length=L, hidden_units=(16,), output=output)
        assert RankerTrainer(model).items is (output or read)


@pytest.mark.parametrize("sampled", [False, True])
def test_sample_weights_weight_the_loss(sampled):
    trainer = RankerTrainer(ranker())
    rng = np.random.default_rng(3)
    x = {"ids": rng.integers(2, N, (4, L)).astype(np.int32)}
    if sampled:
        x |= {"negatives": np.array([2, 9], np.int32), "negative_log_q": np.zeros(2, np.float32)}
        x |= {"target_log_q": np.zeros(4, np.float32)}
    targets, weights = rng.integers(2, N, 4).astype(np.int32), np.array([0, 1, 3, 0.5])
    user = trainer(x)
    each = [
        float(trainer.compute_loss(x, targets, user, sample_weight=4 * row)) for row in np.eye(4)
    ]
    assert float(trainer.compute_loss(x, targets, user)) == pytest.approx(np.mean(each), rel=1e-5)
    loss = float(trainer.compute_loss(x, targets, user, sample_weight=weights))
    assert loss == pytest.approx(np.mean(weights * each), rel=1e-5)
