from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tfcompress.tflite.model_info import ModelInfo, TableInfo

TABLE = TableInfo("t", 100, 10, "int8", "none", 1000, 8.0, None)
INFO = ModelInfo(3500, (TABLE,), 1000, 2000, 400, 100, (), {}, (), (), None, 16_000)


def test_ratios_of_the_table_and_of_the_file():
    assert INFO.table_ratio == 16.0
    assert INFO.file_ratio == (2500 + 16_000) / 3500


def test_a_model_without_tables_has_no_ratio():
    info = replace(INFO, tables=(), table_bytes=0, full_table_bytes=0)
    assert info.table_ratio is None
    assert info.to_json()["ratio"] == {"table": None, "file": None}


@given(st.lists(st.integers(0, 1 << 40), min_size=4, max_size=4))
def test_the_bytes_of_the_json_sum_to_the_file(parts):
    names = ("table_bytes", "dense_bytes", "graph_bytes", "vocabulary_bytes")
    info = replace(INFO, file_bytes=sum(parts), **dict(zip(names, parts, strict=True)))
    written = info.to_json()
    assert list(written["bytes"]) == ["tables", "dense", "graph", "vocabulary"]
    assert list(written["bytes"].values()) == parts
    assert sum(written["bytes"].values()) == written["file_bytes"]
