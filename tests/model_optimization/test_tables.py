"""Tables of few different values."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tfcompress import codec
from tfcompress.errors import ConfigError
from tfcompress.model_optimization import cluster_values
from tfcompress.quantization import quantize, snr_db

VALUES = np.random.default_rng(0).normal(0, 0.1, (500, 16)).astype(np.float32)


@given(
    arrays(
        np.float32,
        array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=12),
        elements=st.floats(-1e6, 1e6, width=32),
    ),
    st.integers(2, 256),
)
@example(np.full((1, 1), 1.2640812e-37, np.float32), 2)
def test_few_values_that_int8_holds_exactly(table, num_clusters):
    clustered = cluster_values(table, num_clusters)
    assert clustered.shape == table.shape
    assert clustered.dtype == np.float32
    assert len(np.unique(clustered)) <= num_clusters
    np.testing.assert_array_equal(
        quantize(clustered, 8, "per_table").dequantize(), clustered, strict=True
    )


def test_more_clusters_are_nearer_and_take_more_bytes():
    found = [cluster_values(VALUES, k) for k in (4, 16, 64)]
    ratios = [snr_db(VALUES, one) for one in found]
    # Lloyd's quantiser of a normal distribution: Max 1960, table I, and Panter and Dite.
    assert ratios == pytest.approx([9.3, 20.2, 31.9], abs=0.5)
    sizes = [codec.pack(quantize(one, 8, "per_table").integers, "indexed").nbytes for one in found]
    assert sizes == sorted(sizes)
    assert sizes[0] < VALUES.size / 3


def test_a_table_of_fewer_values_stays_as_it_is():
    table = np.float32([[1.0, -1.0], [0.0, 1.0]])
    np.testing.assert_array_equal(cluster_values(table, 3), table)


@pytest.mark.parametrize("num_clusters", [1, 257])
def test_a_wrong_number_is_one_line(num_clusters):
    with pytest.raises(ConfigError, match=f"clusters: got {num_clusters}, expected a number"):
        cluster_values(VALUES, num_clusters)


def test_what_is_no_number_is_named():
    table = VALUES.copy()
    table[7, 3] = np.nan
    with pytest.raises(ConfigError, match="items row 7, column 3: got nan"):
        cluster_values(table, 16, name="items")
    with pytest.raises(ConfigError, match=r"items: got shape \(500,\)"):
        cluster_values(VALUES[:, 0], 16, name="items")
