import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfcompress.errors import ConfigError
from tfcompress.quantization import quantize
from tfcompress.tflite.graph.prune import prune
from tfcompress.tflite.tables.constants import name_tables
from tfcompress.tflite.tables.integer_rows import pack_int4
from tfcompress.tflite.tables.table_dtype import store_tables

RNG = np.random.default_rng(0)
OUT_OF_RANGE = (-1, 40, 2**31 - 1, -(2**31))


def stored(lookup_file, table, table_dtype, granularity, operator="GATHER"):
    file, embeddings = lookup_file(table, operator)
    tables = store_tables(file, name_tables(file, embeddings), table_dtype, granularity)
    prune(file)
    return file, tables["e/t"]


@given(hnp.arrays(np.int8, st.tuples(st.integers(0, 5), st.just(6)), elements=st.integers(-8, 7)))
def test_pack_int4_round_trip(integers):
    packed = pack_int4(integers)
    assert packed.shape == (len(integers), 3)
    assert packed.dtype == np.uint8
    low = (packed << 4).view(np.int8) >> 4
    high = packed.view(np.int8) >> 4
    assert np.array_equal(np.stack([low, high], axis=-1).reshape(integers.shape), integers)


def test_pack_int4_order():
    assert pack_int4(np.array([[1, -1, -8, 7]], np.int8)).tolist() == [[0xF1, 0x78]]


@pytest.mark.parametrize("operator", ["GATHER", "EMBEDDING_LOOKUP"])
@pytest.mark.parametrize("granularity", ["per_row", "per_table"])
@pytest.mark.parametrize("num_bits", [8, 4])
def test_rows_are_integers_times_scales_exactly(lookup_file, run, num_bits, granularity, operator):
    table = (RNG.normal(size=(40, 10)) * RNG.uniform(1e-3, 10, (40, 1))).astype(np.float32)
    file, entry = stored(lookup_file, table, f"int{num_bits}", granularity, operator)
    quantized = quantize(table, num_bits, granularity)
    expected = quantized.integers.astype(np.float32) * quantized.scale
    content = file.to_bytes()
    for count in (0, 1, 7, 64):
        ids = RNG.integers(0, 40, count).astype(np.int32)
        rows = run(content, ids)[0]
        assert rows.dtype == np.float32
        assert np.array_equal(rows, expected[ids])
    assert (entry.dtype, entry.granularity) == (f"int{num_bits}", granularity)
    assert entry.snr_db == quantized.snr_db
    for bad in OUT_OF_RANGE:
        with pytest.raises(RuntimeError, match="gather index out of bounds"):
            run(content, np.array([0, bad, 1], np.int32))


@settings(max_examples=30)
@given(
    table=hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 9), st.sampled_from([8, 10, 32])),
        elements=st.floats(-(2.0**60), 2.0**60, width=32),
    ),
    num_bits=st.sampled_from([8, 4]),
    granularity=st.sampled_from(["per_row", "per_table"]),
)
def test_any_table_reads_back_exactly(lookup_file, run, table, num_bits, granularity):
    file, _ = stored(lookup_file, table, f"int{num_bits}", granularity)
    rows = run(file.to_bytes(), np.arange(len(table), dtype=np.int32))[0]
    expected = quantize(table, num_bits, granularity).dequantize()
    # Subnormal products: kernels may flush them to zero.
    tiny = np.abs(expected) < np.finfo(np.float32).tiny
    assert np.array_equal(rows[~tiny], expected[~tiny])
    assert np.all(np.abs(rows[tiny]) < np.finfo(np.float32).tiny)


def test_rows_of_several_dimensions(lookup_file, run):
    table = RNG.normal(size=(40, 3, 4)).astype(np.float32)
    for table_dtype in ("int8", "int4"):
        file, entry = stored(lookup_file, table, table_dtype, "per_row")
        ids = np.array([3, 39], np.int32)
        assert np.array_equal(run(file.to_bytes(), ids)[0], entry.value[ids])
        assert entry.columns == 12


def test_stored_bytes_are_integers_and_scales(lookup_file):
    table = RNG.normal(size=(1000, 64)).astype(np.float32)
    plain = len(lookup_file(table)[0].to_bytes()) - table.nbytes
    for table_dtype, granularity, size in [
        ("int8", "per_row", 64_000 + 4_000),
        ("int8", "per_table", 64_000 + 4),
        ("int4", "per_row", 32_000 + 4_000),
        ("int4", "per_table", 32_000 + 4),
    ]:
        file, _ = stored(lookup_file, table, table_dtype, granularity)
        assert size < len(file.to_bytes()) < size + plain + 1000


def test_a_nan_is_refused_with_its_row(lookup_file):
    table = np.ones((40, 10), np.float32)
    table[7, 2] = np.nan
    for table_dtype in ("int8", "int4"):
        with pytest.raises(ConfigError, match="e/t row 7"):
            stored(lookup_file, table, table_dtype, "per_row")
