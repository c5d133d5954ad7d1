"""Students that learn a teacher's answers without labels."""

import keras
import numpy as np
import pytest

from tfcompress import layers
from tfcompress.models import (
    ClassifierDistiller,
    RankerDistiller,
    build_sequence_ranker,
    build_text_classifier,
)
from tfcompress.vocabulary import FIRST_ID

N, D, L, ROWS = 40, 8, 5, 64
GENERATOR = np.random.default_rng(0)
IDS = GENERATOR.integers(2, N, (ROWS, L)).astype(np.int32)
TARGETS = GENERATOR.integers(2, N, ROWS).astype(np.int32)
NEGATIVES = GENERATOR.permutation(np.arange(2, N))[:16].astype(np.int32)


def ranker():
    table = layers.FullEmbedding(N, D, name="item_embedding")
    output = layers.FullEmbedding(N, D, name="output_items")
    return build_sequence_ranker(
        table, history_length=L, hidden_units=(16,), output=output, dropout=0.1
    )


def classifier():
    table = layers.FullEmbedding(N, D, name="token_embedding")
    return build_text_classifier(table, length=L, num_classes=3, hidden_units=(8,), dropout=0.1)


def spread(model):
    """Weights at random, so that answers differ."""
    generator = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(generator.normal(0, 0.5, weight.shape))
    return model


def divergence(model, teacher):
    own, wanted = (np.array(one(IDS)["scores"], np.float64) for one in (model, teacher))
    own, wanted = (x - np.log(np.exp(x).sum(axis=1, keepdims=True)) for x in (own, wanted))
    return float((np.exp(wanted) * (wanted - own)).sum(axis=1).mean())


def fit(student, inputs, epochs):
    student.compile(optimizer=keras.optimizers.Adam(0.02))
    # What labels say has no part in it.
    return student.fit(inputs, TARGETS % 3, epochs=epochs, verbose=0).history["loss"]


@pytest.mark.parametrize("sampled", [False, True])
def test_a_ranker_comes_near_its_teacher_which_stays(sampled):
    model, teacher = ranker(), spread(ranker())
    before = [np.array(weight) for weight in teacher.weights]
    inputs = {"ids": IDS}
    if sampled:
        # One set of negatives a batch, and one batch.
        zeros = np.zeros(ROWS, np.float32)
        inputs |= {"negatives": NEGATIVES, "negative_log_q": zeros[:16], "target_log_q": zeros}
    student = RankerDistiller(model, teacher)
    student.compile(optimizer=keras.optimizers.Adam(0.02))
    first = divergence(model, teacher)
    for _ in range(60):
        student.train_on_batch(inputs, TARGETS)
    assert divergence(model, teacher) < 0.5 * first
    for weight, value in zip(teacher.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_a_classifier_comes_near_its_teacher():
    model, teacher = classifier(), spread(classifier())
    first = divergence(model, teacher)
    losses = fit(ClassifierDistiller(model, teacher), IDS, 30)
    assert losses[-1] < losses[0]
    assert divergence(model, teacher) < 0.5 * first


@pytest.mark.parametrize(
    ("kind", "distiller", "inputs", "first"),
    [(ranker, RankerDistiller, {"ids": IDS}, FIRST_ID), (classifier, ClassifierDistiller, IDS, 0)],
)
def test_the_loss_of_the_teacher_itself_is_the_entropy_of_its_answers(
    kind, distiller, inputs, first
):
    teacher = spread(kind())
    # Both have layers of dropout, which do nothing unless that is asked for.
    student, dropping = (distiller(spread(kind()), teacher, drops=drops) for drops in (False, True))
    student.compile(optimizer=keras.optimizers.SGD(0.0))
    dropping.compile(optimizer=keras.optimizers.SGD(0.0))
    scores = np.array(teacher(IDS)["scores"], np.float64)[:, first:]
    logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    entropy = -(np.exp(logs) * logs).sum(axis=1).mean()
    assert float(student.train_on_batch(inputs, TARGETS % 3)) == pytest.approx(entropy, rel=1e-4)
    assert float(dropping.train_on_batch(inputs, TARGETS % 3)) > 1.01 * entropy
    halves = np.full(ROWS, 0.5, np.float32)
    weighted = student.train_on_batch(inputs, TARGETS % 3, sample_weight=halves)
    assert float(weighted) == pytest.approx(entropy / 2, rel=1e-4)
