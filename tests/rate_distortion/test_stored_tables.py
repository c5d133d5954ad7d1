"""Coded tables in a file of a run."""

import numpy as np
import pytest

from tfcompress.errors import ConfigError
from tfcompress.rate_distortion import transform_code
from tfcompress.rate_distortion.stored_tables import load_tables, tables_to_bytes

TABLE = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
COUNTS = 1000 // (np.arange(60) + 1)


def test_tables_come_back_as_they_were(tmp_path):
    tables = {
        "items/U": transform_code(TABLE, step=1.0, weights=COUNTS, rare_shrinkage=2.0),
        "items/v": transform_code(TABLE, step=0.5, rotation="none"),
    }
    content = tables_to_bytes(tables)
    assert content == tables_to_bytes(tables)
    path = tmp_path / "tables.npz"
    path.write_bytes(content)
    loaded = load_tables(path)
    assert list(loaded) == list(tables)
    for name, table in tables.items():
        np.testing.assert_array_equal(loaded[name].dequantize(), table.dequantize())
        assert loaded[name].pack().to_bytes() == table.pack().to_bytes()
        assert loaded[name].snr_db == table.snr_db
    assert loaded["items/v"].rotation is None
    assert loaded["items/v"].offset is None


def test_what_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "tables.npz"
    with pytest.raises(ConfigError, match=r"tables\.npz: holds no coded tables"):
        load_tables(path)
    path.write_bytes(b"half of it")
    with pytest.raises(ConfigError, match=r"tables\.npz: holds no coded tables"):
        load_tables(path)
