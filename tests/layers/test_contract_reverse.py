"""What every layer promises of `reverse`: scores of all ids, and no table made for them."""

import math

import keras
import numpy as np
import pytest

from tests.layers.contract import INPUT_DIM, OUTPUT_DIM, numpy, on_tensorflow, once
from tfcompress.errors import ConfigError


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


@pytest.mark.parametrize("width", [OUTPUT_DIM // 4, 2 * OUTPUT_DIM])
def test_reverse_refuses_vectors_of_another_width(case, width):
    for shape in ((4, width), (2, 3, width)):
        with pytest.raises(ConfigError, match=rf"must be \(\.\.\., {OUTPUT_DIM}\)"):
            case.make()(np.ones(shape, "float32"), reverse=True)


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
