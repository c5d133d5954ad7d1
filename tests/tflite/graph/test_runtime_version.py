import numpy as np
import pytest

from tfcompress.tflite.graph.runtime_version import ENTRY, raise_runtime_version
from tfcompress.tflite.tables.constants import name_tables
from tfcompress.tflite.tables.table_dtype import store_tables


def stated(lookup_file, table_dtype, before=None):
    file, embeddings = lookup_file(np.ones((5, 8), np.float32))
    if before is not None:
        file.set_metadata(ENTRY, before.encode().ljust(16, b"\0"))
    store_tables(file, name_tables(file, embeddings), table_dtype)
    raise_runtime_version(file)
    raw = file.metadata(ENTRY)
    assert len(raw) == 16
    return raw.rstrip(b"\0").decode()


@pytest.mark.parametrize(
    ("table_dtype", "version"),
    [("float32", "1.6.0"), ("float16", "2.13.0"), ("int8", "2.8.0"), ("int4", "2.15.0")],
)
def test_what_each_table_dtype_needs(lookup_file, table_dtype, version):
    assert stated(lookup_file, table_dtype) == version


@pytest.mark.parametrize("before", ["2.99.0-rc1", "", "later", "2..9", "\x80"])
def test_what_is_no_version_states_none(lookup_file, before):
    assert stated(lookup_file, "int8", before) == "2.8.0"


def test_a_higher_version_stays(lookup_file):
    assert stated(lookup_file, "int8", before="2.10.0") == "2.10.0"
    assert stated(lookup_file, "int8", before="2.7.0") == "2.8.0"
