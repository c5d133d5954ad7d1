import numpy as np
import pytest

from tfcompress.errors import ConfigError
from tfcompress.quantization import snr_db
from tfcompress.tflite.graph.prune import prune
from tfcompress.tflite.tables.constants import name_tables
from tfcompress.tflite.tables.table_dtype import store_tables


def stored(lookup_file, table):
    file, embeddings = lookup_file(table)
    tables = store_tables(file, name_tables(file, embeddings), "float16")
    prune(file)
    return file, tables["e/t"]


def test_every_finite_float16_reads_back_bit_exactly(lookup_file, run):
    halves = np.arange(65536, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)].reshape(-1, 32)
    file, entry = stored(lookup_file, halves.astype(np.float32))
    rows = run(file.to_bytes(), np.arange(len(halves), dtype=np.int32))[0]
    assert rows.dtype == np.float32
    assert np.array_equal(rows.view(np.uint32), halves.astype(np.float32).view(np.uint32))
    assert entry.snr_db == np.inf


def test_values_are_rounded_once(lookup_file, run):
    table = np.random.default_rng(0).normal(size=(40, 10)).astype(np.float32)
    file, entry = stored(lookup_file, table)
    expected = table.astype(np.float16).astype(np.float32)
    for ids in (np.array([], np.int32), np.array([39], np.int32), np.arange(40, dtype=np.int32)):
        assert np.array_equal(run(file.to_bytes(), ids)[0], expected[ids])
    assert entry.snr_db == snr_db(table, expected)
    assert (entry.dtype, entry.granularity) == ("float16", None)


def test_ids_out_of_range_are_refused(lookup_file, run):
    file, _ = stored(lookup_file, np.ones((40, 10), np.float32))
    for bad in (-1, 40, 2**31 - 1):
        with pytest.raises(RuntimeError, match="gather index out of bounds"):
            run(file.to_bytes(), np.array([bad], np.int32))


@pytest.mark.parametrize("value", [65520.0, -1e30, np.inf, np.nan])
def test_what_float16_cannot_hold_is_refused_with_its_row(lookup_file, value):
    table = np.ones((40, 10), np.float32)
    table[9, 3] = value
    with pytest.raises(ConfigError, match=r"e/t row 9: got .* use table_dtype"):
        stored(lookup_file, table)


def test_the_largest_float16_is_kept(lookup_file):
    assert stored(lookup_file, np.full((40, 10), 65504, np.float32))[1].snr_db == np.inf
