import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfcompress.layers.budget import SizeRange, largest_within, out_of_reach, parameter_budget

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="one layer's own arithmetic, the same on every backend: tested once",
)


@given(st.integers(1, 50), st.integers(0, 60), st.integers(-3, 400), st.integers(1, 9))
def test_largest_within_is_what_a_scan_finds(low, extra, budget, step):
    sizes = SizeRange(low, low + extra, lambda size: step * size)
    fits = [size for size in range(low, low + extra + 1) if step * size <= budget]
    assert largest_within(sizes, budget) == (fits[-1] if fits else None)


@given(st.integers(1, 10**6), st.integers(1, 512), st.integers(1, 10**6))
def test_a_ratio_read_back_gives_the_size_again(input_dim, output_dim, parameters):
    total = input_dim * output_dim
    if parameters <= total:
        assert parameter_budget(input_dim, output_dim, total / parameters) == parameters


@pytest.mark.parametrize(
    ("ratio", "budget"),
    [(1, 640), (16, 40), (3, 213), (640, 1), (np.int64(16), 40), (np.float32(3), 213)],
)
def test_budget(ratio, budget):
    assert parameter_budget(10, 64, ratio) == budget


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        (320, "2 (320 parameters)"),
        (640, "1 (640 parameters)"),
        (960, "0.6666 (960 parameters, for no such layer is smaller than the full table there)"),
    ],
)
def test_a_ratio_out_of_reach_names_the_highest(parameters, named):
    assert str(out_of_reach("Layer", 10, 64, 3.0, parameters)) == (
        "ratio=3 is out of reach for Layer with input_dim=10, output_dim=64: "
        f"the highest ratio it can reach is {named}"
    )
