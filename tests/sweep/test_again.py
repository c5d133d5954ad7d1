import hashlib
from types import SimpleNamespace

import pytest

from tests.sweep.conftest import artefacts
from tests.sweep.fake_unit import measurement, row
from tfcompress.sweep import Results, still_to_run
from tfcompress.sweep.again import measure_again
from tfcompress.sweep.artefact import Measured
from tfcompress.sweep.results import fail

(PLAIN,) = artefacts(method="ours", embedding="full", table_dtype="int8")
CONTENT = b"a model"


def asking(latency=True, memory=True, runs=200):
    measured = Measured(latency=latency, memory=memory, runs=runs)
    return PLAIN.model_copy(update={"measured": measured})


def row_of(artefact):
    """Its row, as if it had been made and measured."""
    made = row(artefact.to_json())
    made |= {"file": "files/model.tflite", "sha256": hashlib.sha256(CONTENT).hexdigest()}
    made["measurement"]["file_bytes"] = len(CONTENT)
    made["measurement"]["environment"] = {"cpu": "before"}
    return made | {"jobs": 2}


@pytest.fixture
def results(tmp_path):
    return Results(tmp_path)


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """The keyword arguments of what was measured; the file is there."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "model.tflite").write_bytes(CONTENT)
    calls = []

    def measure(path, data, **parts):
        calls.append({"data": data, **parts})
        found = measurement(parts) | {"environment": {"cpu": "now"}}
        found["quality"] = {"ndcg@10": 0.9} if parts["quality"] else None
        found["notes"] = {name: "not asked for" for name in parts if not parts[name]}
        return [SimpleNamespace(to_json=lambda: found)]

    monkeypatch.setattr("tfcompress.measure.measure", measure)
    return calls


@pytest.mark.parametrize(
    ("finished", "now", "left"),
    [
        ([], {}, {}),
        ([{}], {}, None),
        ([{"latency": False}], {}, {}),
        ([{"latency": False}], {"latency": False}, None),
        ([{}], {"latency": False, "memory": False}, None),
        # What is there and not asked for now stays in the last row.
        ([{"latency": False}], {"memory": False}, {}),
        ([{"memory": False}], {"latency": False, "runs": 50}, {}),
        ([{}], {"runs": 50}, {"runs": 50}),
        ([{"runs": 50}, {}], {"runs": 50}, None),
        ([{"latency": False}, {}], {}, None),
    ],
)
def test_what_is_lacking_is_still_to_run(results, finished, now, left):
    for number, options in enumerate(finished):
        add = results.append if number == 0 else results.add_again
        add(row_of(asking(**options)))
    expected = [] if left is None else [asking(**left)]
    assert still_to_run([asking(**now)], results) == expected
    assert still_to_run(expected, results) == expected


def test_a_row_of_the_same_key_may_lack_what_it_names(results):
    emptied = row_of(asking())
    emptied["measurement"]["latency_us"] = {}
    results.append(emptied)
    assert still_to_run([asking()], results) == [asking()]
    emptied["measurement"]["notes"] = {"latency": "the runtime refuses it"}
    assert still_to_run([asking()], results) == []


def test_a_failed_row_is_the_last_word(results):
    results.append(fail(row_of(asking()), "too wide", "training"))
    assert still_to_run([asking()], results) == []


def test_a_finished_row_counts_more_than_an_earlier_failed_one(results, tmp_path):
    results.append(fail(row_of(asking()), "too wide", "measuring"))
    results.append(row_of(asking(latency=False)))
    for read in (results, Results(tmp_path)):
        assert list(read.rows) == [asking(latency=False).key]
        assert still_to_run([asking()], read) == [asking()]


def test_only_what_lacks_is_measured(tmp_path, asked):
    before = row_of(asking(latency=False))
    before["measurement"]["notes"] = {"latency": "not asked for", "data": "2 rows skipped"}
    after = measure_again(asking(), before, tmp_path)
    assert asked == [
        {"data": None, "quality": False, "latency": True, "memory": False, "runs": 200}
    ]
    assert (after["status"], after["key"], after["file"]) == ("done", PLAIN.key, before["file"])
    assert after["config"] == asking().to_json()
    assert set(after["seconds"]) == {"measuring"}
    assert "jobs" not in after  # The runner knows under how many the latency was measured.
    assert after["measurement"] == before["measurement"] | {
        "latency_us": measurement({"latency": True, "memory": True})["latency_us"],
        "environment": {"cpu": "now"},
        "notes": {"data": "2 rows skipped"},
    }


def test_a_latency_that_stays_keeps_its_environment(tmp_path, asked):
    before = row_of(asking(memory=False))
    after = measure_again(asking(), before, tmp_path)
    assert [call["latency"] for call in asked] == [False]
    assert after["measurement"]["memory_bytes"] == {"peak_file": 7}
    assert after["measurement"]["latency_us"] == before["measurement"]["latency_us"]
    assert after["measurement"]["environment"] == {"cpu": "before"}
    assert after["jobs"] == 2


def test_quality_is_measured_where_there_is_none(tmp_path, asked):
    before = row_of(asking(latency=False))
    before["measurement"] |= {"quality": None, "notes": {"quality": "no data given"}}
    after = measure_again(asking(), before, tmp_path)
    assert [(call["data"], call["quality"]) for call in asked] == [("synthetic", True)]
    assert after["measurement"]["quality"] == {"ndcg@10": 0.9}
    assert "notes" not in after["measurement"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "model.tflite: is not there any more"),
        (CONTENT + b"!", "has 8 bytes, not the 7 of its row"),
        (CONTENT.upper(), "has another SHA-256 than its row"),
    ],
)
def test_another_file_is_one_line(tmp_path, asked, content, message):
    path = tmp_path / "files" / "model.tflite"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    after = measure_again(asking(), row_of(asking(latency=False)), tmp_path)
    assert (after["status"], after["stage"], asked) == ("failed", "measuring", [])
    assert message in after["error"]
    assert "its row stays as it was" in after["error"]
    assert "\n" not in after["error"]


def test_rows_of_earlier_versions_have_no_sha256(tmp_path, asked):
    before = row_of(asking(latency=False))
    del before["sha256"]
    assert measure_again(asking(), before, tmp_path)["status"] == "done"
