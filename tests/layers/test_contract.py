"""What every layer promises, whatever its formula. Passes on the TensorFlow and JAX backends."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from tfcompress import layers
from tfcompress.errors import ConfigError

INPUT_DIM = 1000
OUTPUT_DIM = 16
LENGTH = 5


def on_tensorflow():
    return keras.backend.backend() == "tensorflow"


once = pytest.mark.skipif(not on_tensorflow(), reason="the same on every backend: tested once")


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


def ids_of(rng, *shape, high=INPUT_DIM):
    return rng.integers(0, high, shape).astype("int32")


def assert_rows(rows, expected):
    """Equal up to the order in which a product of another batch size is summed."""
    np.testing.assert_allclose(numpy(rows), expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


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
def test_parameters_follow_the_formula(case):
    layer = case.make()
    assert layer.num_parameters == case.parameters
    assert layer.count_params() == case.parameters
    assert case.make(ranks=np.arange(INPUT_DIM)).num_parameters == case.parameters + INPUT_DIM


@once
def test_tables_are_the_weights(case):
    layer = case.make()
    tables = layer.tables()
    assert {id(table) for table in tables.values()} == {id(weight) for weight in layer.weights}
    assert all(len(table.shape) == 2 for table in tables.values())
    assert layers.layer_tables(layer) == tables


def without_names(config):
    """A configuration without the names that Keras makes up."""
    if isinstance(config, dict):
        return {k: without_names(v) for k, v in config.items() if k != "name"}
    return config


def preset_of(case):
    """What the name on the command line stands for beyond the class."""
    arguments = case.make().size_arguments()
    return {key: arguments[key] for key in ("use_bias", "num_hashes") if key in arguments}


@once
def test_from_ratio_is_the_largest(case):
    cls = type(case.make())
    arguments, preset = case.ratio_arguments or {}, preset_of(case)
    for ratio in (case.ratio, case.ratio * 0.77, 1 + (case.ratio - 1) / 3):
        if ratio < 1:
            continue
        layer = cls.from_ratio(INPUT_DIM, OUTPUT_DIM, ratio, **preset, **arguments)
        named = layers.create(case.name, INPUT_DIM, OUTPUT_DIM, ratio=ratio, **arguments)
        assert without_names(named.get_config()) == without_names(layer.get_config())
        budget = math.floor(INPUT_DIM * OUTPUT_DIM / ratio)
        assert layer.num_parameters <= budget
        if case.own_search:
            continue  # searched in its own test
        sizes = cls.sizes(INPUT_DIM, OUTPUT_DIM, **preset, **arguments)
        every = [sizes.parameters(size) for size in range(sizes.low, sizes.high + 1)]
        assert layer.num_parameters == max(count for count in every if count <= budget)


@once
def test_from_ratio_counts_ranks(case):
    if case.ratio == 1:
        pytest.skip("the full table has no room for a permutation")
    cls = type(case.make())
    layer = cls.from_ratio(
        INPUT_DIM,
        OUTPUT_DIM,
        3,
        ranks=np.arange(INPUT_DIM),
        **preset_of(case),
        **(case.ratio_arguments or {}),
    )
    assert INPUT_DIM < layer.num_parameters <= INPUT_DIM * OUTPUT_DIM / 3


@once
def test_ranks_that_are_not_stored_do_not_count(case):
    arguments = {**preset_of(case), **(case.ratio_arguments or {})}
    without, plain = (
        type(case.make()).from_ratio(INPUT_DIM, OUTPUT_DIM, case.ratio, ranks=ranks, **arguments)
        for ranks in (False, None)
    )
    assert without.num_parameters == plain.num_parameters


@once
def test_unreachable_ratio_names_the_highest(case):
    arguments = {"input_dim": INPUT_DIM, "output_dim": OUTPUT_DIM, **(case.ratio_arguments or {})}
    with pytest.raises(ConfigError, match="highest ratio it can reach is") as error:
        layers.create(case.name, ratio=case.unreachable, **arguments)
    highest = float(str(error.value).split("can reach is ")[1].split(" ")[0])
    assert highest < case.unreachable
    assert layers.create(case.name, ratio=highest, **arguments).num_parameters > 0


@once
@pytest.mark.parametrize("ratio", [0, -2, 0.5, float("nan"), float("inf"), "16", True])
def test_invalid_ratio(case, ratio):
    with pytest.raises(ConfigError, match="ratio must be"):
        layers.create(case.name, INPUT_DIM, OUTPUT_DIM, ratio=ratio, **(case.ratio_arguments or {}))


@pytest.mark.parametrize("with_ranks", [False, True] if on_tensorflow() else [True])
def test_reverse(case, rng, with_ranks, read_table):
    layer = case.make(ranks=rng.permutation(INPUT_DIM) if with_ranks else None)
    table = read_table(layer)
    for shape in ((OUTPUT_DIM,), (3, OUTPUT_DIM), (2, 3, OUTPUT_DIM)):
        h = rng.standard_normal(shape).astype("float32")
        scores = layer(h, reverse=True)
        assert tuple(scores.shape) == (*shape[:-1], INPUT_DIM)
        assert layer.compute_output_shape(shape, reverse=True) == (*shape[:-1], INPUT_DIM)
        expected = h @ table.T
        assert np.abs(numpy(scores) - expected).max() <= 1e-5 * np.abs(expected).max()


@once
def test_reverse_refuses_another_width(case):
    with pytest.raises(ConfigError, match=rf"must be \(\.\.\., {OUTPUT_DIM}\)"):
        case.make()(keras.Input((OUTPUT_DIM + 1,)), reverse=True)


def sizes_in_graph(layer, h):
    """Elements of every tensor in the graph that `reverse` traces to, the weights apart."""
    if on_tensorflow():
        import tensorflow as tf

        traced = tf.function(lambda x: layer(x, reverse=True)).get_concrete_function(
            tf.TensorSpec(h.shape, "float32")
        )
        tensors = [output for op in traced.graph.get_operations() for output in op.outputs]
        return [math.prod(t.shape) for t in tensors if t.shape.is_fully_defined()]
    import jax

    def walk(jaxpr):
        for equation in jaxpr.eqns:
            yield from (math.prod(v.aval.shape) for v in equation.outvars)
            for parameter in equation.params.values():
                inner = getattr(parameter, "jaxpr", parameter)
                if hasattr(inner, "eqns"):
                    yield from walk(inner)

    weights = [w.value for w in layer.non_trainable_variables]

    def score(trainable, x):
        return layer.stateless_call(trainable, weights, x, reverse=True)[0]

    traced = jax.make_jaxpr(score)([w.value for w in layer.trainable_variables], h)
    return list(walk(traced.jaxpr))


def test_reverse_builds_no_table(case, rng):
    if case.full_graph:
        pytest.skip("the algebra needs the whole table")
    layer = case.make()
    layer.build()
    h = rng.standard_normal((2, OUTPUT_DIM)).astype("float32")
    assert max(sizes_in_graph(layer, h)) < INPUT_DIM * OUTPUT_DIM


@pytest.mark.parametrize("with_ranks", [False, True])
def test_ids_out_of_range_are_loud(case, with_ranks, assert_loud):
    layer = case.make(ranks=np.arange(INPUT_DIM) if with_ranks else None)
    for bad in (-1, -(2**31), INPUT_DIM, INPUT_DIM + 1, 2**31 - 1):
        ids = np.array([1, bad, INPUT_DIM - 1], "int32")
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


@once
@pytest.mark.parametrize("with_ranks", [False, True])
def test_fit_table_finds_a_table_of_its_own_kind(case, rng, with_ranks, read_table):
    ranks = rng.permutation(INPUT_DIM) if with_ranks else None
    table = read_table(case.make(ranks=ranks))
    layer = case.make(ranks=ranks)
    layer.fit_table(table)
    error = np.linalg.norm(read_table(layer) - table) / np.linalg.norm(table)
    assert error < case.fit_error


@once
def test_fit_table_helps(case, rng, read_table):
    table = rng.standard_normal((INPUT_DIM, OUTPUT_DIM)) + rng.standard_normal(OUTPUT_DIM)
    layer = case.make()
    layer.fit_table(table)
    assert np.linalg.norm(read_table(layer) - table) < np.linalg.norm(table)


@once
def test_fit_table_refuses(case):
    layer = case.make()
    with pytest.raises(ConfigError, match="matrix must have shape"):
        layer.fit_table(np.zeros((INPUT_DIM, OUTPUT_DIM + 1)))
    table = np.zeros((INPUT_DIM, OUTPUT_DIM))
    table[17, 3] = np.nan
    with pytest.raises(ConfigError, match="row 17"):
        layer.fit_table(table)


@once
def test_fit_table_of_zeros(case, read_table):
    layer = case.make()
    layer.fit_table(np.zeros((INPUT_DIM, OUTPUT_DIM)))
    assert not np.any(read_table(layer))


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
