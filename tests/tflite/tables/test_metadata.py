import json
from types import MappingProxyType

import numpy as np
import pytest

from tfcompress.errors import ConfigError, ModelError
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.tables.metadata import (
    ENTRY,
    check_metadata,
    describe,
    read_metadata,
    write_metadata,
)
from tfcompress.tflite.tables.table_dtype import StoredTable


@pytest.fixture
def file(lookup_file):
    return lookup_file(np.ones((5, 8), np.float32))[0]


def test_round_trip(file):
    content = {"format": 1, "model": {"kind": "sequence-ranker"}, "tables": []}
    write_metadata(file, content)
    assert read_metadata(read(file.to_bytes())) == content


def test_equal_content_gives_equal_bytes(file):
    write_metadata(file, {"format": 1, "b": 1, "a": 2})
    first = file.metadata(ENTRY)
    write_metadata(file, {"a": 2, "b": 1, "format": 1})
    assert file.metadata(ENTRY) == first == b'{"a":2,"b":1,"format":1}'


def test_no_entry(file):
    assert read_metadata(file) is None


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"{", "metadata is damaged"),
        (b"\xff", "metadata is damaged"),
        (b"[]", r"has format \[\]"),
        (b'{"format": 2}', "has format 2; this is version"),
        (b"[" * 100_000, "metadata is damaged"),
        (b'{"format": 1, "tables": null}', "damaged: tables: "),
        (b'{"format": 1, "tables": [{"name": "t"}]}', r"damaged: tables\.0\.rows: Field required"),
        (b'{"format": 1, "embeddings": [{"input_dim": "9"}]}', r"embeddings\.0\.input_dim: "),
        (b'{"format": 1, "model": 5}', "damaged: model: "),
        (b'{"format": 1, "model": {"history_length": "x"}}', r"damaged: model\.history_length: "),
        (b'{"format": 1, "trained_on": {"options": []}}', r"damaged: trained_on\.options: "),
    ],
)
def test_entries_it_cannot_read(file, raw, message):
    file.set_metadata(ENTRY, raw)
    with pytest.raises(ModelError, match=message):
        read_metadata(file)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (5, "metadata: got 5, expected a mapping"),
        ([("model", {})], r"metadata: got \[\('model', {}\)\], expected a mapping"),
        ({1: 2}, "metadata: got {1: 2}, expected a mapping"),
        ({"a": np.int64(3)}, r"metadata: got .* JSON cannot hold \(Object of type int64"),
        ({"a": np.eye(9)}, "metadata: got {'a': array.* JSON cannot hold"),
        ({"a": float("nan")}, "JSON cannot hold"),
        ({"a": {1: 2, "b": 3}}, "JSON cannot hold"),
        ({"model": None}, "metadata: model is None: Input should be a valid dictionary$"),
        ({"trained_on": {"sha256": 7}}, r"metadata: trained_on\.sha256 is 7: "),
    ],
)
def test_what_a_caller_cannot_add(given, message):
    with pytest.raises(ConfigError, match=message) as raised:
        check_metadata(given)
    assert "\n" not in str(raised.value)


def test_what_a_caller_may_add():
    check_metadata({"model": {"kind": "mine", "classes": ("a", "b")}, "trained_on": {}, "more": 1})
    check_metadata(MappingProxyType({"owner": "me"}))


def test_an_entry_without_its_buffer(file):
    write_metadata(file, {"format": 1})
    file.model.metadata[-1].buffer = 10_000
    with pytest.raises(ModelError, match="metadata is damaged"):
        read_metadata(file)


def test_describe(lookups):
    tables = {
        f"memcom/{name}": StoredTable(
            f"memcom/{name}", rows, cols, "int8", True, (f"memcom/{name}",), "per_row", snr
        )
        for name, rows, cols, snr in [("U", 7, 16, 41.23456), ("v", 50, 1, float("inf"))]
    }
    memcom = next(entry for entry in lookups.embeddings if entry.name == "memcom")
    found = describe([memcom], tables, {"memcom": 40.0})
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["embeddings"] == [
        {
            "name": "memcom",
            "class": "MEmComEmbedding",
            "input_dim": 50,
            "output_dim": 16,
            "tables": ["memcom/U", "memcom/v"],
            "snr_db": 40.0,
        }
    ]
    assert found["tables"][0] == {
        "name": "memcom/U",
        "rows": 7,
        "cols": 16,
        "dtype": "int8",
        "granularity": "per_row",
        "codec": "none",
        "snr_db": 41.2346,
        "tensors": ["memcom/U"],
        "tied": True,
    }
    assert found["tables"][1]["snr_db"] is None
