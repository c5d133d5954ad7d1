"""Every layer at a small size; any test with a `case` argument runs once for each.

One with a `computed` argument runs for those that read large batches from the whole table.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest

from tfcompress import layers

if keras.backend.backend() == "jax":
    import jax

    # Each test compiles its own small operations; nearly all of its time would go into that.
    jax.config.update("jax_disable_most_optimizations", True)

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
        fit_error: float. How far `fit_table` may end from a table of the layer's own kind; more
            than rounding only where the fit is iterative and may end in a local minimum.
        full_graph: bool. Whether `reverse` needs an n x D tensor.
        own_search: bool. Whether `from_ratio` searches by itself, without `sizes`.
    """

    name: str
    make: Callable[..., Any]
    parameters: int
    ratio: float
    unreachable: float | None
    ratio_arguments: Any = None
    any_id: bool = False
    fit_error: float = 1e-5
    full_graph: bool = False
    own_search: bool = False

    @property
    def id(self) -> str:
        """Unique among the cases."""
        arguments = self.ratio_arguments or {}
        return "-".join([self.name, *(v for v in arguments.values() if isinstance(v, str))])


def _make(cls: Any, **fixed: Any) -> Callable[..., Any]:
    return lambda **common: cls(INPUT_DIM, OUTPUT_DIM, **fixed, **common)


def _tiered(**common: Any) -> Any:
    tail = layers.QuotientRemainderEmbedding(
        INPUT_DIM - 50, OUTPUT_DIM, 40, dtype=common.get("dtype")
    )
    return layers.TieredEmbedding(INPUT_DIM, OUTPUT_DIM, 50, tail, **common)


# Scales that differ, so that no test passes because v is 1 everywhere.
_SCALES = {"scale_initializer": "random_normal", "bias_initializer": "random_normal"}

# Zipf: half of all ids are rare, and the code has words of 1 to 5 digits at arity 6.
COUNTS = np.concatenate([[0, 0], 100_000 // np.arange(1, INPUT_DIM - 1) ** 1.5]).astype("int64")


def _huffman(pooling: str) -> Callable[..., Any]:
    return lambda **common: layers.HuffmanEmbedding(
        INPUT_DIM, OUTPUT_DIM, (1, 3, 40, 500, 456), 6, pooling, **common
    )


CASES = [
    Case("full", _make(layers.FullEmbedding), 16_000, 1, 1.01, full_graph=True),
    Case("truncated", _make(layers.TruncatedEmbedding, num_kept=90), 1_456, 10, 1001),
    Case("hash", _make(layers.HashEmbedding, num_buckets=70), 1_120, 10, 1001, any_id=True),
    Case(
        "double-hash",
        _make(layers.HashEmbedding, num_buckets=70, num_hashes=2),
        1_120,
        10,
        1001,
        any_id=True,
    ),
    Case("qr", _make(layers.QuotientRemainderEmbedding, num_buckets=70), 85 * 16, 10, 16),
    Case(
        "qr",
        _make(layers.QuotientRemainderEmbedding, num_buckets=50, operation="add"),
        70 * 16,
        10,
        16,
        {"operation": "add"},
    ),
    Case(
        "qr",
        _make(layers.QuotientRemainderEmbedding, num_buckets=70, operation="concat"),
        85 * 8,
        10,
        32,
        {"operation": "concat"},
    ),
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
    Case("huffman", _huffman("sum"), 5 * 6 * 16, 4, 51, {"counts": COUNTS}, own_search=True),
    Case(
        "huffman",
        _huffman("mean"),
        5 * 6 * 16,
        4,
        51,
        {"counts": COUNTS, "pooling": "mean"},
        own_search=True,
    ),
    Case(
        "huffman",
        _huffman("max"),
        5 * 6 * 16,
        4,
        51,
        {"counts": COUNTS, "pooling": "max"},
        fit_error=0.1,
        full_graph=True,
        own_search=True,
    ),
    Case(
        "tensor-train",
        _make(layers.TensorTrainEmbedding, rank=3),
        10 * 4 * 3 + 3 * 10 * 1 * 3 + 3 * 10 * 4,
        10,
        178,
    ),
    Case(
        "fpd",
        _make(layers.FPDEmbedding, rank=4, num_terms=2),
        4 * (16 + 2 * 2 * 32),
        10,
        201,
        fit_error=0.05,
    ),
    Case("low-rank", _make(layers.LowRankEmbedding, rank=3), 1_016 * 3, 5, 16),
    Case("tiered", _tiered, 50 * 16 + (24 + 40) * 16, 10, 501, own_search=True),
    Case(
        "mixed-width",
        _make(layers.MixedWidthEmbedding, widths=(16, 4, 1), boundaries=(30, 200)),
        30 * 16 + 170 * 4 + 800 + 21 * 16,
        8,
        14,
        {"widths": (16, 4, 1)},
    ),
]


def pytest_generate_tests(metafunc: Any) -> None:
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", CASES, ids=[case.id for case in CASES])
    if "computed" in metafunc.fixturenames:
        cases = [case for case in CASES if case.make().embeds_all_from is not None]
        metafunc.parametrize("computed", cases, ids=[case.id for case in cases])


def table_of(layer: Any) -> Any:
    """The embeddings of all ids, read one lookup at a time."""
    return keras.ops.convert_to_numpy(layer(np.arange(layer.input_dim, dtype="int32")))


@pytest.fixture(autouse=True)
def _seeded() -> None:
    keras.utils.set_random_seed(7)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def all_layers() -> list[Any]:
    """A layer of each case, for tests that can ask all of them in one model."""
    return [case.make(name=case.id.replace("-", "_")) for case in CASES]


def check_loud(read: Callable[[Any], Any], ids: Any, good: Any) -> None:
    """Either an error, or NaN rows for the bad ids while the good ones are finite."""
    if keras.backend.backend() == "tensorflow":
        with pytest.raises(Exception, match=r"is not in \[0, "):
            read(ids)
        return
    rows = keras.ops.convert_to_numpy(read(ids))
    assert np.isnan(rows[~good]).all()
    assert np.isfinite(rows[good]).all()


@pytest.fixture
def assert_loud() -> Callable[..., None]:
    return check_loud


@pytest.fixture
def read_table() -> Callable[[Any], Any]:
    return table_of
