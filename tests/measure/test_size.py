from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from tfcompress.measure.size import measure_size


def info(**changes):
    table = SimpleNamespace(rows=100, cols=10, to_json=lambda: {"name": "t"})
    values = {
        "file_bytes": 3500,
        "table_bytes": 1000,
        "dense_bytes": 2000,
        "graph_bytes": 400,
        "vocabulary_bytes": 100,
        "full_table_bytes": 16_000,
        "tables": (table,),
    }
    return SimpleNamespace(**values | changes)


def test_ratios_of_the_table_and_of_the_file():
    size = measure_size(info())
    assert size.table_ratio == 16.0
    assert size.file_ratio == (2500 + 16_000) / 3500


def test_a_file_of_another_tool_is_compared_with_the_tables_it_holds():
    assert measure_size(info(full_table_bytes=None)).table_ratio == 4.0


def test_a_model_without_tables_has_no_ratio():
    size = measure_size(info(table_bytes=0, full_table_bytes=None, tables=()))
    assert size.table_ratio is None
    assert size.to_json()["ratio"] == {"table": None, "file": None}


@given(st.lists(st.integers(0, 1 << 40), min_size=4, max_size=4))
def test_the_bytes_of_the_json_sum_to_the_file(parts):
    names = ("table_bytes", "dense_bytes", "graph_bytes", "vocabulary_bytes")
    content = measure_size(info(file_bytes=sum(parts), **dict(zip(names, parts, strict=True))))
    written = content.to_json()
    assert list(written["bytes"]) == ["tables", "dense", "graph", "vocabulary"]
    assert list(written["bytes"].values()) == parts
    assert sum(written["bytes"].values()) == written["file_bytes"]
