"""Tables of Keras models coded together: what is coded, shared, put in place and put back."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from tfcompress import layers
from tfcompress.errors import ConfigError
from tfcompress.search import Budget, ModelTables, Settings, find_tables
from tfcompress.search.keras_model.fisher import fisher_metrics
from tfcompress.search.keras_model.refit import DenseRefit

SETTINGS = Settings(step=0.5, row_step_exponent=0.5, rate_weight=0.1, rotation=True)
COUNTS = np.append([0, 0], 1000 // (np.arange(198) + 1))


@pytest.fixture(scope="module")
def model():
    """Two embeddings read by one classifier that hardly looks at the second."""
    keras.utils.set_random_seed(0)
    ids = keras.Input((4,), dtype="int32")
    first = layers.FullEmbedding(200, 16, name="first")(ids)
    second = keras.layers.Embedding(200, 16, name="second")(ids)
    pooled = keras.ops.mean(keras.ops.concatenate([first, second * 0.1], axis=-1), axis=1)
    model = keras.Model(ids, {"scores": keras.layers.Dense(5, name="classes")(pooled)})
    generator = np.random.default_rng(0)
    for name in ("first", "second"):
        table = model.get_layer(name).embeddings
        table.assign(generator.normal(size=(200, 16)))
    return model


NAMES = ("first/embeddings", "second/embeddings")
INPUTS = np.random.default_rng(1).integers(0, 200, (64, 4), dtype=np.int32)


def test_tables_are_put_in_place_and_put_back(model):
    tables = ModelTables(model, NAMES, {"first": COUNTS, "second": COUNTS})
    before = [np.array(weight) for weight in model.weights]
    coded = tables.encode(SETTINGS)
    with tables.in_place(coded) as changed:
        first = np.array(changed.get_layer("first").embeddings)
        np.testing.assert_array_equal(first, coded.tables["first/embeddings"].dequantize())
        assert not np.array_equal(first, before[0])
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)
    assert coded.nbytes == sum(table.nbytes for table in coded.tables.values())
    assert tables.float_bytes == 2 * 200 * 16 * 4


def test_dense_layers_are_fitted_to_coded_tables_and_put_back(model):
    trained = np.array(model(INPUTS)["scores"])
    kernel = np.array(model.get_layer("classes").kernel)
    coarse = Settings(step=1.5, row_step_exponent=0.5, rate_weight=0.1, rotation=True)

    def error(tables):
        with tables.in_place(tables.encode(coarse)) as changed:
            assert (tables.refit is None) == np.array_equal(
                changed.get_layer("classes").kernel, kernel
            )
            return np.square(np.array(changed(INPUTS)["scores"]) - trained).mean()

    counts = {"first": COUNTS, "second": COUNTS}
    # Many more inputs than those whose error is looked at.
    inputs = np.random.default_rng(2).integers(0, 200, (2048, 4), dtype=np.int32)
    fitted = ModelTables(model, NAMES, counts, refit=lambda coded: DenseRefit(model, coded, inputs))
    assert fitted.refit.names == ("classes",)
    assert error(fitted) < 0.95 * error(ModelTables(model, NAMES, counts))
    np.testing.assert_array_equal(model.get_layer("classes").kernel, kernel)


def test_outputs_may_be_a_list_of_differing_shapes(model):
    one, other = model.get_layer("first").output, model.get_layer("classes").output
    several = keras.Model(model.inputs, [one, other])
    assert set(ModelTables(several, NAMES, {}, INPUTS).names) == set(NAMES)


def test_tables_that_matter_less_have_coarser_steps(model):
    tables = ModelTables(model, NAMES, {}, INPUTS)
    coded = tables.encode(SETTINGS).tables
    alike = ModelTables(model, NAMES, {}).encode(SETTINGS).tables
    assert coded["second/embeddings"].snr_db < alike["second/embeddings"].snr_db - 3
    assert coded["first/embeddings"].snr_db > alike["first/embeddings"].snr_db + 3


def test_without_counts_all_rows_have_one_step(model):
    tables = ModelTables(model, NAMES, {"second": COUNTS})
    assert tables.have_row_steps
    coded = tables.encode(SETTINGS).tables
    assert len(coded["first/embeddings"].steps) == 1
    assert len(coded["second/embeddings"].steps) > 3
    assert not ModelTables(model, NAMES, {}).have_row_steps


def test_nothing_to_code_is_told(model):
    ids = keras.Input((4,), dtype="int32")
    tiny = keras.Model(ids, keras.layers.Embedding(3, 2, name="tiny")(ids))
    with pytest.raises(ConfigError, match="none of the model's 1 is float32"):
        ModelTables(tiny, ["tiny/embeddings"], {})
    with pytest.raises(ConfigError, match=r"no table 'other/U'; it has .*first/emb"):
        ModelTables(model, [*NAMES, "other/U"], {})


def test_the_snr_asked_for_is_reached_without_data(model):
    told = []
    tables = ModelTables(model, NAMES, {})
    found = find_tables(tables, Budget(snr_db=12), tell=lambda trial, reference: told.append(trial))
    assert found.chosen.quality >= 12
    assert tables.snr_db(tables.encode(found.chosen.settings)) == found.chosen.quality
    assert tuple(told) == found.trials
    front = found.front()
    assert [trial.nbytes for trial in front] == sorted(trial.nbytes for trial in front)
    assert found.chosen in front


def test_a_budget_is_one_of_three():
    with pytest.raises(ConfigError, match="got none; give one"):
        Budget()
    with pytest.raises(ConfigError, match="got max_loss, snr_db; give one"):
        Budget(max_loss=0.1, snr_db=3)
    with pytest.raises(ConfigError, match="max_loss: got 1\\.5"):
        Budget(max_loss=1.5)
    with pytest.raises(ConfigError, match="max_bytes: got -1"):
        Budget(max_bytes=-1)
    with pytest.raises(ConfigError, match="max_bytes: got inf"):
        Budget(max_bytes=float("inf"))


def test_losses_need_data(model):
    with pytest.raises(ConfigError, match="needs data to measure on"):
        find_tables(ModelTables(model, NAMES, {}), Budget(max_loss=0.1))


def test_the_fisher_information_is_that_of_the_linear_model(model):
    """Of logits z = mean(rows) W / L: W F W^T, F the covariance of drawn answers."""
    variables = {"first/embeddings": model.get_layer("first").embeddings}
    inputs = np.tile(INPUTS, (60, 1))
    found = fisher_metrics(model, variables, inputs, lambda outputs: outputs["scores"])
    again = fisher_metrics(model, variables, inputs, lambda outputs: outputs["scores"])
    metric = found["first/embeddings"]
    np.testing.assert_array_equal(metric, again["first/embeddings"])
    scores = np.asarray(model(inputs)["scores"], np.float64)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    covariance = np.diag(shares.sum(axis=0)) - shares.T @ shares
    weights = np.asarray(model.get_layer("classes").kernel)[:16] / 4
    expected = 4 * weights @ covariance @ weights.T
    assert np.linalg.norm(metric - expected) < 0.1 * np.linalg.norm(expected)


def test_of_values_it_is_what_their_squares_of_errors_are(model):
    """Of outputs z = mean(rows) W / L: W W^T."""
    variables = {"first/embeddings": model.get_layer("first").embeddings}
    inputs = np.tile(INPUTS, (60, 1))
    metric = fisher_metrics(model, variables, inputs, None)["first/embeddings"]
    weights = np.asarray(model.get_layer("classes").kernel)[:16] / 4
    expected = 4 * len(inputs) * weights @ weights.T
    assert np.linalg.norm(metric - expected) < 0.1 * np.linalg.norm(expected)


def test_tables_wider_than_long_are_not_rotated():
    """Their axes would take more than they do, and the metric of a wide core minutes."""
    ids = keras.Input((4,), dtype="int32")
    train = layers.TensorTrainEmbedding(200, 16, rank=24, name="train")
    vectors = keras.ops.mean(train(ids), axis=1)
    model = keras.Model(ids, {"scores": keras.layers.Dense(5)(vectors)})
    asked = []
    tables = ModelTables(
        model,
        [f"train/{name}" for name in train.tables()],
        {},
        metrics=lambda variables: asked.extend(variables) or {},
    )
    sizes = {
        name: variable.shape for name, variable in zip(tables.names, tables.variables, strict=True)
    }
    assert all(columns > rows for rows, columns in sizes.values())
    assert not asked
    assert not tables.can_rotate
    turned, plain = (tables.encode(replace(SETTINGS, rotation=on)) for on in (True, False))
    assert turned.nbytes == plain.nbytes
    found = find_tables(tables, Budget(snr_db=12.0))
    assert not any(trial.settings.rotation for trial in found.trials)
