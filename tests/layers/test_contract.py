"""What every layer promises, whatever its formula. Passes on the TensorFlow and JAX backends."""

import keras
import numpy as np
import pytest

from tests.layers.contract import (
    INPUT_DIM,
    LENGTH,
    OUTPUT_DIM,
    assert_rows,
    ids_of,
    numpy,
    on_tensorflow,
    once,
)
from tfcompress import layers
from tfcompress.errors import ConfigError


def test_call(case, rng, read_table):
    layer = case.make()
    table = read_table(layer)
    for shape in ((), (3,), (2, 3, 4)):
        ids = ids_of(rng, *shape)
        rows = layer(ids)
        assert tuple(rows.shape) == (*shape, OUTPUT_DIM) == layer.compute_output_shape(shape)
        assert keras.backend.standardize_dtype(rows.dtype) == "float32"
        assert_rows(rows, table[ids])
    assert np.isfinite(table).all()
    assert table.std() > 1e-3
    assert len(np.unique(table, axis=0)) > 10


def test_symbolic_call_told_of_training(case, rng):
    layer = case.make()
    ids = keras.Input((LENGTH,), dtype="int32")
    rows = layer(ids, training=False)
    hidden = keras.Input((OUTPUT_DIM,))
    assert layer(hidden, reverse=True, training=False).shape == (None, INPUT_DIM)
    given = ids_of(rng, 3, LENGTH)
    assert_rows(keras.Model(ids, rows)(given), numpy(layer(given)))


@once
def test_tables_of_a_seeded_initializer_differ(case):
    def tables():
        seeded = keras.initializers.RandomNormal(seed=1)
        return case.make(embeddings_initializer=seeded).tables()

    values = [numpy(table) for table in tables().values()]
    for number, value in enumerate(values):
        assert not any(np.array_equal(value, other) for other in values[:number])
    first = next(iter(tables()))
    np.testing.assert_array_equal(numpy(tables()[first]), values[0])


@once
@pytest.mark.parametrize("value", [0, -1, 1.5, "7", True, None, 2**31])
def test_invalid_input_dim(case, value):
    cls = type(case.make())
    sizes = case.make().size_arguments()
    with pytest.raises(ConfigError, match="input_dim"):
        cls(value, OUTPUT_DIM, **sizes)


@once
@pytest.mark.parametrize("value", [0, -1, 1.5, "7", True, None])
def test_invalid_output_dim(case, value):
    cls = type(case.make())
    sizes = case.make().size_arguments()
    with pytest.raises(ConfigError, match="output_dim"):
        cls(INPUT_DIM, value, **sizes)


@once
def test_invalid_ranks(case):
    for ranks in (np.arange(INPUT_DIM - 1), np.zeros(INPUT_DIM, int), np.ones(INPUT_DIM)):
        with pytest.raises(ConfigError, match="ranks must be"):
            case.make(ranks=ranks)


def test_predict(all_layers, rng):
    inputs = keras.Input((LENGTH,), dtype="int32")
    outputs = [layer(inputs) for layer in all_layers]
    assert all(output.shape == (None, LENGTH, OUTPUT_DIM) for output in outputs)
    ids = ids_of(rng, 7, LENGTH)
    predicted = keras.Model(inputs, outputs).predict(ids, batch_size=4, verbose=0)
    for layer, rows in zip(all_layers, predicted, strict=True):
        np.testing.assert_allclose(
            rows, numpy(layer(ids)), rtol=1e-5, atol=1e-6, err_msg=layer.name
        )


@once
def test_serialization(case):
    ranks = np.arange(INPUT_DIM)[::-1]
    layer = case.make(mask_zero=True, name="items", ranks=ranks, embeddings_regularizer="l2")
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
    assert again.mask_zero
    shapes = {name: table.shape for name, table in layer.tables().items()}
    assert {name: table.shape for name, table in again.tables().items()} == shapes


def test_saving(case, rng, tmp_path, read_table):
    layer = case.make(ranks=rng.permutation(INPUT_DIM))
    inputs = keras.Input((LENGTH,), dtype="int32")
    hidden = keras.layers.GlobalAveragePooling1D()(layer(inputs))
    model = keras.Model(inputs, layer(hidden, reverse=True))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    (loaded,) = layers.model_embeddings(again).values()
    for name, table in layer.tables().items():
        np.testing.assert_array_equal(numpy(table), numpy(loaded.tables()[name]))
    np.testing.assert_array_equal(read_table(layer), read_table(loaded))
    ids = ids_of(rng, 3, LENGTH)
    np.testing.assert_array_equal(numpy(model(ids)), numpy(again(ids)))


@once
def test_tables_are_the_weights(case):
    layer = case.make()
    tables = layer.tables()
    assert {id(table) for table in tables.values()} == {id(weight) for weight in layer.weights}
    assert all(len(table.shape) == 2 for table in tables.values())
    assert layers.layer_tables(layer) == tables


@pytest.mark.parametrize("with_ranks", [False, True])
def test_ids_out_of_range_are_loud(case, with_ranks, assert_loud):
    layer = case.make(ranks=np.arange(INPUT_DIM) if with_ranks else None)
    for bad in (-1, -(2**31), INPUT_DIM, INPUT_DIM + 1, 2**31 - 1):
        # Many, as XLA works on small batches otherwise than on large ones.
        ids = np.tile(np.array([1, bad, INPUT_DIM - 1], "int32"), 40)
        if case.any_id and bad > 0 and not with_ranks:
            assert np.isfinite(numpy(layer(ids))).all()
        else:
            assert_loud(layer, ids, ids != bad)


def test_ids_beyond_int32_do_not_wrap(case, assert_loud):
    if not on_tensorflow():
        pytest.skip("JAX has no 64-bit ids unless x64 is enabled")
    layer = case.make()
    for bad in (2**31, 2**32 + 5, -(2**32) + 5, -(2**63), 2**63 - 1):
        ids = np.array([1, bad, 2], "int64")
        assert_loud(layer, ids, ids != bad)


@once
def test_ids_out_of_range_are_loud_in_predict(case, assert_loud):
    # XLA would clamp them; Keras must not compile these layers with it under TensorFlow.
    layer = case.make()
    inputs = keras.Input((3,), dtype="int32")
    model = keras.Model(inputs, layer(inputs))
    with pytest.warns(UserWarning, match="jit_compile"):
        model.compile("sgd", "mse", jit_compile=True)
    assert_loud(
        lambda ids: model.predict(ids, verbose=0)[0],
        np.array([[1, -1, 2]], "int32"),
        np.array([True, False, True]),
    )


def test_ids_of_other_types(case, read_table):
    layer = case.make()
    table = read_table(layer)
    ids = np.array([[0, 1, 2], [100, 99, 3]])
    for dtype in ("int8", "uint8", "int16", "uint32", "int64", "float32"):
        assert_rows(layer(ids.astype(dtype)), table[ids])


def test_empty_batch(case):
    layer = case.make()
    assert tuple(layer(np.zeros((0, LENGTH), "int32")).shape) == (0, LENGTH, OUTPUT_DIM)
    empty = np.zeros((0, OUTPUT_DIM), "float32")
    assert tuple(layer(empty, reverse=True).shape) == (0, INPUT_DIM)


def test_mask(case, rng):
    ids = np.array([[0, 3, 0, 5, 0]], "int32")
    assert case.make().compute_mask(ids) is None
    layer = case.make(mask_zero=True)
    np.testing.assert_array_equal(numpy(layer.compute_mask(ids)), ids != 0)
    inputs = keras.Input((LENGTH,), dtype="int32")
    hidden = keras.layers.GlobalAveragePooling1D()(layer(inputs))
    model = keras.Model(inputs, [hidden, layer(hidden, reverse=True)])
    pooled, scores = model.predict(ids, verbose=0)
    rows = numpy(layer(ids))[0]
    np.testing.assert_allclose(pooled[0], (rows[1] + rows[3]) / 2, rtol=1e-5, atol=1e-7)
    assert scores.shape == (1, INPUT_DIM)
    # Hidden vectors are not ids: their zeros mask nothing.
    scored = layer(np.zeros((2, OUTPUT_DIM), "float32"), reverse=True)
    assert getattr(scored, "_keras_mask", None) is None


@once
def test_mixed_precision(case, rng):
    layer = case.make(dtype="mixed_float16")
    assert all(w.dtype in ("float32", "int32") for w in layer.tables().values())
    assert keras.backend.standardize_dtype(layer(ids_of(rng, 3)).dtype) == "float16"
    h = rng.standard_normal((2, OUTPUT_DIM)).astype("float32")
    assert keras.backend.standardize_dtype(layer(h, reverse=True).dtype) == "float16"


@once
def test_half_precision_is_near_to_single(case, rng):
    """In three dimensions, where TensorFlow multiplies float16 wrongly on some processors."""
    layer, half = case.make(), case.make(dtype="mixed_float16")
    ids = ids_of(rng, 3, LENGTH)
    h = rng.standard_normal((3, LENGTH, OUTPUT_DIM)).astype("float32")
    expected, scores = numpy(layer(ids)), numpy(layer(h, reverse=True))
    half(ids)
    half.set_weights(layer.get_weights())
    for single, rough in ((expected, half(ids)), (scores, half(h, reverse=True))):
        np.testing.assert_allclose(numpy(rough), single, atol=0.02 * np.abs(single).max())


def test_training_moves_every_table(all_layers, rng):
    """Tied, so that the lookup and the scores both have gradients."""
    inputs = keras.Input((LENGTH,), dtype="int32")
    pool = keras.layers.GlobalAveragePooling1D()
    model = keras.Model(inputs, [layer(pool(layer(inputs)), reverse=True) for layer in all_layers])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # A graph of all layers takes TensorFlow longer to optimise than to run a few times.
    model.compile(
        keras.optimizers.Adam(0.01), [loss] * len(all_layers), run_eagerly=on_tensorflow()
    )
    tables = {
        f"{layer.name}/{name}": table
        for layer in all_layers
        for name, table in layer.tables().items()
    }
    before = {name: numpy(table).copy() for name, table in tables.items()}
    ids = ids_of(rng, 64, LENGTH)
    targets = [ids[:, 0]] * len(all_layers)
    losses = model.fit(ids, targets, epochs=4, verbose=0).history
    for layer in all_layers:
        assert losses[f"{layer.name}_loss"][-1] < losses[f"{layer.name}_loss"][0], layer.name
    for name, table in tables.items():
        assert np.abs(numpy(table) - before[name]).max() > 1e-4, name


def test_ranks_reorder_ids(case, rng, read_table):
    ranks = rng.permutation(INPUT_DIM)
    plain, ranked = case.make(), case.make(ranks=ranks)
    for name, table in plain.tables().items():
        ranked.tables()[name].assign(table)
    assert_rows(read_table(ranked), read_table(plain)[ranks])


@once
def test_repr_names_sizes(case):
    layer = case.make(name="items")
    layer.build()
    text = repr(layer)
    assert f"input_dim={INPUT_DIM}" in text
    assert f"parameters={case.parameters}" in text
