import json

from tfcompress.measure import Latency, Measurement, Memory
from tfcompress.ranking_quality import RankingQuality
from tfcompress.tflite.model_info import ModelInfo, TableInfo

TABLE = {
    "name": "item_embedding/U",
    "rows": 42,
    "cols": 8,
    "dtype": "int8",
    "codec": "none",
    "stored_bytes": 504,
    "bits_per_value": 12.0,
    "snr_db": 44.1,
}
SIZE = ModelInfo(2000, (TableInfo(**TABLE),), 504, 1000, 496, 0, (), {}, (), (), None, 1344)
ENVIRONMENT = {"cpu": "x", "cores": 2, "os": "Linux", "python": "3.11", "versions": {}}


def test_json_has_the_keys_of_the_design():
    measurement = Measurement(
        "m.tflite",
        SIZE,
        ENVIRONMENT,
        RankingQuality(0.25, 0.5, 10, 4, 1, True),
        {1: Latency(2.0, 3.0), 32: Latency(20.0, 30.0)},
        Memory(10, 20, 30),
    )
    assert measurement.to_json() == {
        "file": "m.tflite",
        "file_bytes": 2000,
        "bytes": {"tables": 504, "dense": 1000, "graph": 496, "vocabulary": 0},
        "ratio": {"table": 1344 / 504, "file": 2840 / 2000},
        "tables": [TABLE],
        "embedding_snr_db": {},
        "quality": {
            "ndcg@10": 0.25,
            "hr@10": 0.5,
            "users": 4,
            "unknown_targets": 1,
            "history_masked": True,
        },
        "latency_us": {"1": {"p50": 2.0, "p95": 3.0}, "32": {"p50": 20.0, "p95": 30.0}},
        "memory_bytes": {"after_load": 10, "peak_anonymous": 20, "peak_file": 30},
        "environment": ENVIRONMENT,
    }


def test_what_is_missing_is_null_and_has_a_note():
    written = Measurement("m.tflite", SIZE, ENVIRONMENT, notes={"quality": "no data"}).to_json()
    assert written["quality"] is None
    assert written["latency_us"] == {}
    assert written["memory_bytes"] == {
        "after_load": None,
        "peak_anonymous": None,
        "peak_file": None,
    }
    assert written["notes"] == {"quality": "no data"}
    assert json.loads(json.dumps(written)) == written
