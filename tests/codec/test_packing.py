"""Whatever goes in comes out, in every mode, for every dtype, any row alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codec.tables import (
    MODES,
    few_of,
    fibonacci,
    gaussian,
    offered,
    small_tables,
    spread_rows,
)
from tfcompress.codec import PackedTable, pack
from tfcompress.codec.reference import decode_rows
from tfcompress.errors import ConfigError
from tfcompress.quantization import quantize


def check(table, mode, **options):
    """Packs, reopens, verifies, and compares by bytes: with the C decoder and the other one."""
    blob = pack(table, mode, **options).to_bytes()
    packed = PackedTable.from_bytes(blob)
    packed.verify()
    assert mode in (packed.mode, "auto")
    assert packed.nbytes == len(blob)
    whole = packed.unpack()
    assert whole.dtype == table.dtype
    assert whole.shape == table.shape
    assert whole.tobytes() == table.tobytes()
    rows = np.arange(len(table))[::-1]
    assert packed.rows(rows).tobytes() == table[rows].tobytes()
    some = rows[:: max(1, len(rows) // 7)]
    assert decode_rows(blob, some).tobytes() == table[some].tobytes()
    return packed


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=200)
@given(table=small_tables())
def test_int8_tables_come_back(mode, table):
    check(table, mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32"])
@settings(max_examples=40)
@given(data=st.data())
def test_other_dtypes_come_back(mode, dtype, data):
    if offered(mode, dtype):
        check(data.draw(small_tables(dtype)), mode)


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=40)
@given(
    table=few_of(st.tuples(st.integers(0, 40), st.integers(0, 9)), st.integers(0, 255)),
    odd=st.booleans(),
)
def test_int4_tables_come_back(mode, table, odd):
    columns = 2 * table.shape[1]
    if odd and columns:
        columns -= 1
        table[:, -1] &= 15
    packed = check(table, mode, dtype="int4", columns=columns)
    assert packed.shape == (len(table), columns)
    assert packed.dtype == "int4"


@settings(max_examples=60)
@given(table=small_tables())
def test_auto_is_never_larger_than_raw(table):
    assert check(table, "auto").nbytes <= pack(table, "raw").nbytes


def test_auto_counts_what_an_index_takes():
    table = np.zeros((17, 3), np.int8)
    table[0, 0] = -127  # rows of two bytes in all, an index of eight
    assert pack(table, "auto").nbytes == pack(table, "raw").nbytes < pack(table, "rate").nbytes


EDGES = {
    "one row": gaussian(1, 40),
    "one column": gaussian(300, 1),
    "one value": np.full((1, 1), -128, np.int8),
    "one symbol": np.full((200, 9), 5, np.int8),
    "zeros": np.zeros((129, 17), np.int8),
    "two symbols": np.where(gaussian(90, 30) > 0, 1, -1).astype(np.int8),
    "every symbol": np.arange(256 * 8).astype(np.int8).reshape(-1, 32),
    "fibonacci": fibonacci(),
    "spread": spread_rows(),
    "a group and one": gaussian(65, 33),
    "some rows of zeros": gaussian(200, 24) * (np.arange(200) % 3 == 0).astype(np.int8)[:, None],
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", EDGES)
def test_edges(name, mode):
    check(EDGES[name], mode)


def test_lengths_more_than_a_byte_apart_are_in_the_index():
    packed = pack(spread_rows(), "context")
    entries = packed._section("index").view("<u8")
    assert (entries >> np.uint64(40) & np.uint64(31)).max() > 8


def test_one_symbol_takes_no_bits():
    packed = pack(np.full((640, 100), 3, np.int8), "indexed")
    assert packed.header.payload_bytes == 0
    assert pack(np.full((640, 100), 3, np.int8), "fixed").header.payload_bytes == 0
    assert pack(np.zeros((640, 100), np.int8), "context").header.payload_bytes == 0


def test_blocks_of_a_large_table_join():
    table = gaussian(70_000, 16)
    for mode in ("raw", "indexed", "context", "predictive", "rate"):
        check(table, mode)
    # Two symbols: the search for a code has nothing to do. Blocks meet inside no byte.
    check((table[:, :15] > 0).astype(np.int8), "fixed")


def test_each_mode_saves_more_than_the_one_before():
    table = gaussian(2000, 64)
    saved = [pack(table, mode).saved for mode in MODES if mode != "rate"]
    assert saved == sorted(saved)
    assert saved[-1] > saved[-2] + 0.02
    assert pack(table).mode == "predictive"


def test_floats_keep_every_bit_pattern():
    patterns = np.arange(65536, dtype=np.uint16).view(np.float16).reshape(256, 256)
    special = np.array([[np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, 3e38]], np.float32)
    for mode in ("raw", "fixed", "indexed", "context"):
        check(patterns, mode)
        check(np.repeat(special, 5, axis=0), mode)


def test_scales_travel_along_and_count():
    table = np.random.default_rng(0).normal(size=(500, 24)).astype(np.float32)
    for granularity, shape in (("per_row", (500, 1)), ("per_table", (1, 1))):
        quantized = quantize(table, 6, granularity)
        packed = PackedTable.from_bytes(pack(quantized).to_bytes())
        assert packed.scales.shape == shape
        assert np.array_equal(packed.scales, quantized.scale)
        assert np.array_equal(packed.unpack(), quantized.integers)
        assert packed.raw_bytes == 500 * 24 + 4 * shape[0]
        restored = packed.rows([3, 1]) * packed.scales[[3, 1] if granularity == "per_row" else [0]]
        assert np.array_equal(restored, quantized.dequantize()[[3, 1]])


def test_note_travels_along():
    packed = pack(gaussian(10, 4), note=b"anything")
    assert PackedTable.from_bytes(packed.to_bytes()).note == b"anything"


def test_progress_ends_at_the_end_and_never_goes_back():
    seen = []
    table = gaussian(70_000, 16)
    for mode in ("auto", "raw", "indexed", "context", "predictive", "rate"):
        seen.clear()
        pack(table, mode, progress=lambda done, total: seen.append((done, total)))
        assert seen == sorted(seen)
        assert seen[-1][0] == seen[-1][1] > 0


def test_memory_limit_holds():
    table = gaussian(1000, 96)
    for limit in (100, 2_000, 12_000, 60_000, 200_000, 1_000_000):
        packed = pack(table, max_table_bytes=limit)
        assert packed.table_bytes <= limit
        assert np.array_equal(packed.unpack(), table)
    assert pack(table, max_table_bytes=1_000_000).mode == "predictive"
    with pytest.raises(ConfigError, match="too little for mode 'context'"):
        pack(table, "context", max_table_bytes=4096)
    with pytest.raises(ConfigError, match="cannot tell"):
        pack(table, "indexed", max_table_bytes=500)


def test_time_limit_chooses_faster_modes():
    table = gaussian(1000, 96)
    modes = [pack(table, max_row_us=limit).mode for limit in (0.01, 0.25, 0.5, 50)]
    assert modes == ["raw", "indexed", "context", "predictive"]


def test_shorter_words_on_request():
    packed = pack(fibonacci(), "indexed", max_code_bits=6)
    assert np.array_equal(packed.unpack(), fibonacci())
    assert packed.nbytes > pack(fibonacci(), "indexed").nbytes


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (np.zeros(3, np.int8), {}, r"shape \(3,\)"),
        (np.zeros((2, 2), np.int16), {}, "int16"),
        (np.zeros((2, 2), np.int8), {"mode": "zip"}, "got 'zip'"),
        (np.zeros((2, 2), np.int8), {"dtype": "uint8"}, "got uint8 for an array of int8"),
        (np.zeros((2, 2), np.int8), {"dtype": "int4"}, "two per uint8"),
        (np.zeros((2, 2), np.uint8), {"dtype": "int4", "columns": 9}, "columns: got 9"),
        (np.full((2, 2), 255, np.uint8), {"dtype": "int4", "columns": 3}, "last nibble"),
        (np.zeros((2, 2), np.int8), {"columns": 3}, "columns: got 3"),
        (np.zeros((2, 2), np.int8), {"max_code_bits": 15}, "max_code_bits: got 15"),
        (np.zeros((1, 70_000), np.int8), {}, "70000 columns"),
        (np.zeros((2, 2), np.float32), {"mode": "predictive"}, "use 'context'"),
        (np.zeros((2, 2), np.float32), {"mode": "rate"}, "use 'context'"),
        (np.zeros((2, 2), np.int8), {"mode": "rate", "row_classes": np.zeros(3, int)}, r"\(2,\)"),
    ],
)
def test_refusals(table, options, message):
    with pytest.raises(ConfigError, match=message):
        pack(table, **options)
