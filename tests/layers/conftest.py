"""Every layer at a small size; any test with a `case` argument runs once for each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tfcompress import layers

# Big enough that a table (INPUT_DIM, OUTPUT_DIM) stands out among the tensors of a traced graph.
INPUT_DIM = 1000
OUTPUT_DIM = 16


@dataclass(frozen=True)
class Case:
    """One layer under test.

    Args:
        name: str. Also the name for `layers.create`.
        make: callable (**common arguments) -> layer with INPUT_DIM ids and OUTPUT_DIM columns.
        parameters: int. What the formula of the paper gives for it.
        ratio: float. A ratio the layer can reach.
        unreachable: float. One it cannot.
        ratio_arguments: dict. Arguments for `from_ratio` and `create`.
        any_id: bool. Whether ids above INPUT_DIM are accepted by nature.
        exact_fit: bool. Whether `fit_table` finds a least-squares solution.
        full_graph: bool. Whether `reverse` needs an n x D tensor.
    """

    name: str
    make: Callable[..., Any]
    parameters: int
    ratio: float
    unreachable: float | None
    ratio_arguments: Any = None
    any_id: bool = False
    exact_fit: bool = True
    full_graph: bool = False


def _make(cls: Any, **fixed: Any) -> Callable[..., Any]:
    return lambda **common: cls(INPUT_DIM, OUTPUT_DIM, **fixed, **common)


# Scales that differ, so that no test passes because v is 1 everywhere.
_SCALES = {"scale_initializer": "random_normal", "bias_initializer": "random_normal"}

CASES = [
    Case("full", _make(layers.FullEmbedding), 16_000, 1, 1.01, full_graph=True),
    Case("hash", _make(layers.HashEmbedding, num_buckets=70), 1_120, 10, 1001, any_id=True),
    Case(
        "memcom",
        _make(layers.MEmComEmbedding, num_buckets=70, **_SCALES),
        2_120,
        10,
        16,
    ),
    Case(
        "memcom-bias",
        _make(layers.MEmComEmbedding, num_buckets=70, use_bias=True, **_SCALES),
        3_120,
        5,
        8,
    ),
]


def pytest_generate_tests(metafunc: Any) -> None:
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", CASES, ids=[case.name for case in CASES])


def table_of(layer: Any) -> Any:
    """The embeddings of all ids, read one lookup at a time."""
    import keras

    return keras.ops.convert_to_numpy(layer(np.arange(layer.input_dim, dtype="int32")))


@pytest.fixture(autouse=True)
def _seeded() -> None:
    import keras

    keras.utils.set_random_seed(7)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def read_table() -> Callable[[Any], Any]:
    return table_of
