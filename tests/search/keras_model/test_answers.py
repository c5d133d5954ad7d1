"""What the outputs of a model are taken for."""

import keras
import numpy as np
import pytest

from tfcompress.errors import ConfigError
from tfcompress.search.divergence import mean_divergence
from tfcompress.search.keras_model.answers import agreement, logits_of

X = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)


def model(units, activation=None, loss=None):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,))
    built = keras.Model(inputs, keras.layers.Dense(units, activation=activation)(inputs))
    if loss is not None:
        built.compile(loss=loss)
    return built


def shares(logits):
    exponents = np.exp(np.asarray(logits, np.float64))
    return exponents / exponents.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    "choice",
    [
        model(4, "softmax"),
        keras.Sequential([model(4), keras.layers.Softmax()]),
        keras.Sequential([model(4), keras.layers.Activation("softmax")]),
    ],
)
def test_a_softmax_gives_probabilities(choice):
    outputs = np.asarray(choice(X))
    np.testing.assert_allclose(shares(logits_of(choice)(outputs)), outputs, rtol=1e-5)


def test_one_sigmoid_is_that_of_yes():
    clicks = model(1, "sigmoid")
    outputs = np.asarray(clicks(X))
    np.testing.assert_allclose(shares(logits_of(clicks)(outputs))[:, 1:], outputs, rtol=1e-5)


@pytest.mark.parametrize(
    ("units", "loss"),
    [
        (1, keras.losses.BinaryCrossentropy(from_logits=True)),
        (1, "binary_crossentropy"),
        (4, keras.losses.SparseCategoricalCrossentropy(from_logits=True)),
        (4, keras.losses.categorical_crossentropy),
    ],
)
def test_without_an_activation_the_loss_tells(units, loss):
    built = model(units, loss=loss)
    outputs = np.asarray(built(X))
    scores = np.hstack([np.zeros((6, 1)), outputs]) if units == 1 else outputs
    np.testing.assert_allclose(shares(logits_of(built)(outputs)), shares(scores), rtol=1e-5)
    np.testing.assert_array_equal(
        np.asarray(logits_of(model(units), "scores")(outputs)), np.asarray(scores, np.float32)
    )


@pytest.mark.parametrize(
    "built",
    [
        model(4),
        model(4, loss="mse"),
        model(5, "sigmoid"),
        model(5, loss="binary_crossentropy"),
    ],
)
def test_other_outputs_are_values(built):
    assert logits_of(built) is None
    assert logits_of(built, "values") is None


def test_several_outputs_are_values_unless_a_function_tells():
    inputs = keras.Input((3,))
    both = keras.Model(inputs, [inputs, keras.layers.Dense(4, activation="softmax")(inputs)])
    assert logits_of(both) is None

    def second(outputs):
        return keras.ops.log(outputs[1])

    assert logits_of(both, second) is second


def test_scores_of_every_position_are_answers_each():
    outputs = np.random.default_rng(1).normal(size=(2, 5, 4)).astype(np.float32)
    found = np.asarray(logits_of(model(4), "scores")(outputs))
    np.testing.assert_array_equal(found, outputs.reshape(10, 4))


def test_other_answers_are_refused():
    with pytest.raises(ConfigError, match=r"answers: got 'logits', expected scores, prob"):
        logits_of(model(4), "logits")


@pytest.mark.parametrize("activation", ["softmax", None])
def test_agreement_falls_as_answers_move(activation):
    built = model(4, activation)
    logits = logits_of(built)
    inputs = np.random.default_rng(2).normal(size=(700, 3)).astype(np.float32)
    near = agreement(built, inputs, logits)
    assert near(built) == (1.0, 1.0)
    exact = np.asarray(built(inputs))
    kernel = built.layers[-1].kernel
    kernel.assign(kernel * 1.1)
    moved = np.asarray(built(inputs))
    distance = (
        np.square(moved - exact).mean() / exact.var()
        if activation is None
        else mean_divergence(np.log(exact), np.log(moved))
    )
    assert near(built)[0] == pytest.approx(np.exp(-distance), rel=1e-4)
    kernel.assign(kernel * 2)
    assert near(built)[0] < np.exp(-distance)
